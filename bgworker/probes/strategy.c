/*
 * strategy.c
 *		Which probes a traced process gets, and when it gets others.
 *
 * Best are uprobes confined to the process, by a link per process and file:
 * no other process ever meets a breakpoint.  But each link on a place makes
 * every hit there dearer, so that with many traced processes all of them are
 * moved to uprobes that are in all processes, and the BPF program looks up
 * whether it runs in a traced one; when there are few again, they move back.
 * Where uprobes can't be had, or don't show every wait, a hardware watchpoint
 * on the process's word does.  What is used has proved that it fires
 * (probes/selftest.c).
 *
 * A move loses no wait and invents none.  The new probes are attached first;
 * then the BPF program changes over at the next change of the word (counts()
 * in pg_trace.bpf.c says how); the old ones are detached when it has.  Whoever
 * waits for long, and so would keep the old ones, is made to look around once
 * by setting its latch.
 */
#include "postgres.h"

#include "port/atomics.h"

#include "bgworker/probes/attach.h"
#include "bgworker/probes/files.h"
#include "bgworker/probes/selftest.h"
#include "bgworker/probes/strategy.h"
#include "extension/clock.h"

/*
 * More sessions than the first share their uprobes, fewer than the second
 * don't.  A link adds 4 % to the cost of a hit with one, sharing some 10 %, but
 * then untraced processes pay as well.  See bench/hit_cost.c.
 */
#define SHARE_ABOVE		12
#define UNSHARE_BELOW	8

/* Sessions moved at a time, which takes 0.3 ms each */
#define MOVES_AT_A_TIME	8

/* A session that is being moved is looked at, and is woken. */
#define MOVE_POLL_MS	100
#define MOVE_WAKE_NS	UINT64CONST(1000000000)

/* What may be used, by pg_trace.wait_probe, the best first */
#define MAX_CANDIDATES	3
static const enum pgt_probe candidates[][MAX_CANDIDATES] = {
	[PGT_WAIT_PROBE_AUTO] = {
		PGT_PROBE_UPROBE, PGT_PROBE_PERF_UPROBE, PGT_PROBE_WATCHPOINT
	},
	[PGT_WAIT_PROBE_UPROBE] = {PGT_PROBE_UPROBE, PGT_PROBE_PERF_UPROBE},
	[PGT_WAIT_PROBE_UPROBE_PROCESS] = {PGT_PROBE_UPROBE},
	[PGT_WAIT_PROBE_UPROBE_SHARED] = {PGT_PROBE_UPROBE_SHARED},
	[PGT_WAIT_PROBE_PERF_UPROBE] = {PGT_PROBE_PERF_UPROBE},
	[PGT_WAIT_PROBE_WATCHPOINT] = {PGT_PROBE_WATCHPOINT},
	[PGT_WAIT_PROBE_OFF] = {PGT_PROBE_NONE},
};

/* A traced process */
typedef struct Session
{
	bool		in_use;
	uint32		generation;
	PgtAttachment attachment;
	uint32		files;			/* mask of those that it has mapped */
	enum pgt_probe probe;		/* what counts */
	enum pgt_probe next;		/* what is to, if it differs */
	uint64		moving_since_ns;
} Session;

struct PgtProbeSessions
{
	PgtAttacher attacher;
	PgtWaitProbe setting;
	int			first;			/* candidate that new sessions get */
	char		problem[256];	/* why uprobes don't show all waits, or "" */
	char		library_problem[256];	/* the same of the last library */
	bool		sharing;		/* and this is so: uprobes are shared */
	bool		cant_share;
	bool		fell_back;		/* was logged */
	int			nslots;
	struct pgt_wait_state *states;	/* [nslots] */
	Session    *sessions;		/* [nslots] */
};

/* If nobody needs the common links any more, rid untraced processes of them. */
static void
detach_unused_common(PgtProbeSessions *sessions)
{
	for (int i = 0; i < sessions->nslots; i++)
	{
		const Session *session = &sessions->sessions[i];

		if (session->in_use && (pgt_probe_is_common(session->probe) ||
								pgt_probe_is_common(session->next)))
			return;
	}
	pgt_detach_common(&sessions->attacher);
}

/* ----------
 * Moving a session to other probes
 * ----------
 */

static bool
is_moving(const Session *session)
{
	return session->next != session->probe;
}

static int
begin_move(PgtProbeSessions *sessions, int slot, enum pgt_probe probe)
{
	Session    *session = &sessions->sessions[slot];
	volatile struct pgt_wait_state *state = &sessions->states[slot];
	int			rc = pgt_attach(&sessions->attacher, &session->attachment, probe,
								session->files);

	if (rc != 0)
	{
		pgt_detach(&sessions->attacher, &session->attachment, probe);
		return rc;
	}
	session->next = probe;
	session->moving_since_ns = pgt_clock_now();
	state->next_seen = 0;
	pg_memory_barrier();
	state->next = probe;
	return 0;
}

/* Go on with a move. */
static void
continue_move(PgtProbeSessions *sessions, int slot)
{
	Session    *session = &sessions->sessions[slot];
	volatile struct pgt_wait_state *state = &sessions->states[slot];
	uint64		now = pgt_clock_now();

	if (state->owner == session->next)
	{
		enum pgt_probe old = session->probe;

		session->probe = session->next;
		pgt_detach(&sessions->attacher, &session->attachment, old);
		detach_unused_common(sessions);
	}
	else if (now - session->moving_since_ns >= MOVE_WAKE_NS &&
			 session->attachment.process.latch != NULL)
	{
		SetLatch(session->attachment.process.latch);
		session->moving_since_ns = now;
	}
}

static void
move_failed(PgtProbeSessions *sessions, const char *reason)
{
	ereport(LOG,
			(errmsg("uprobes could not be changed to %s: %s",
					sessions->sharing ? "shared ones" :
					"ones of each process", reason)));
	/* all stay as they are until the number of sessions changes again */
	sessions->cant_share |= sessions->sharing;
	sessions->sharing = !sessions->sharing;
}

/* Before uprobes are shared for the first time, that has to be proved. */
static bool
can_share(PgtProbeSessions *sessions)
{
	const char *reason = pgt_selftest(&sessions->attacher,
									  PGT_PROBE_UPROBE_SHARED);

	if (reason == NULL)
		return true;
	sessions->sharing = true;
	move_failed(sessions, reason);
	return false;
}

/* The number of sessions has changed, or is about to by add. */
static void
decide_sharing(PgtProbeSessions *sessions, int add)
{
	int			nsessions = add;

	for (int i = 0; i < sessions->nslots; i++)
	{
		const Session *session = &sessions->sessions[i];

		if (session->in_use &&
			(session->probe == PGT_PROBE_UPROBE ||
			 session->probe == PGT_PROBE_UPROBE_SHARED))
			nsessions++;
	}

	if (sessions->setting != PGT_WAIT_PROBE_AUTO &&
		sessions->setting != PGT_WAIT_PROBE_UPROBE)
		sessions->sharing = false;
	else if (nsessions > SHARE_ABOVE && !sessions->cant_share)
		sessions->sharing = can_share(sessions);
	else if (nsessions < UNSHARE_BELOW)
		sessions->sharing = false;
}

/* Kind of uprobes that sessions with uprobes are to have. */
static enum pgt_probe
wanted(const PgtProbeSessions *sessions, enum pgt_probe probe)
{
	if (probe == PGT_PROBE_UPROBE && sessions->sharing)
		return PGT_PROBE_UPROBE_SHARED;
	if (probe == PGT_PROBE_UPROBE_SHARED && !sessions->sharing &&
		sessions->setting != PGT_WAIT_PROBE_UPROBE_SHARED)
		return PGT_PROBE_UPROBE;
	return probe;
}

long
pgt_probe_sessions_maintain(PgtProbeSessions *sessions)
{
	long		again_ms = -1;
	int			nmoves = 0;

	for (int i = 0; i < sessions->nslots; i++)
	{
		Session    *session = &sessions->sessions[i];

		if (!session->in_use)
			continue;
		if (!is_moving(session) &&
			wanted(sessions, session->probe) != session->probe &&
			nmoves++ < MOVES_AT_A_TIME)
		{
			int			rc = begin_move(sessions, i,
										wanted(sessions, session->probe));

			/* whoever has just ended will be detached presently */
			if (rc != 0 && rc != -ESRCH)
				move_failed(sessions, pgt_attach_explain(rc));
		}
		else if (is_moving(session))
			continue_move(sessions, i);
		if (is_moving(session))
			again_ms = MOVE_POLL_MS;
	}
	return nmoves > MOVES_AT_A_TIME ? 1 : again_ms;
}

/* ----------
 * Beginning and ending a session
 * ----------
 */

/* The generation last: it makes the entry valid. */
static void
reset_state(PgtProbeSessions *sessions, int slot, enum pgt_probe probe)
{
	const Session *session = &sessions->sessions[slot];
	struct pgt_wait_state *state = &sessions->states[slot];

	memset(state, 0, sizeof(*state));
	state->address = (uintptr_t) session->attachment.process.address;
	state->pointer = (uintptr_t) session->attachment.process.pointer;
	state->value = PGT_VALUE_UNKNOWN;
	state->owner = probe;
	state->next = probe;
	pg_memory_barrier();
	state->generation = session->generation;
}

/* The first thing that doesn't work is what matters; the rest follows. */
static void
append_reason(enum pgt_probe probe, const char *reason,
			  char *error, size_t error_len)
{
	Size		len = strlen(error);

	snprintf(error + len, error_len - len, "%s%s: %s", len > 0 ? "; " : "",
			 pgt_probe_name(probe), reason);
}

bool
pgt_probe_sessions_attach(PgtProbeSessions *sessions, int slot,
						  uint32 generation, const PgtProbedProcess *process,
						  char *error, size_t error_len)
{
	Session    *session = &sessions->sessions[slot];

	error[0] = '\0';
	pgt_attachment_init(&session->attachment);
	session->attachment.process = *process;
	session->attachment.cookie = PGT_COOKIE(generation, slot, 0);
	session->generation = generation;
	session->files = 1U << PGT_SERVER_FILE;
	session->probe = session->next = PGT_PROBE_NONE;
	decide_sharing(sessions, 1);

	for (int i = sessions->first; i < MAX_CANDIDATES; i++)
	{
		enum pgt_probe probe = candidates[sessions->setting][i];
		const char *unusable;
		int			rc;

		if (probe == PGT_PROBE_NONE)
			break;
		/* whoever has uprobe_multi links needs no other uprobes */
		if (i > sessions->first && probe == PGT_PROBE_PERF_UPROBE)
			continue;
		unusable = pgt_selftest(&sessions->attacher, probe);
		if (unusable != NULL)
		{
			append_reason(probe, unusable, error, error_len);
			continue;
		}
		probe = wanted(sessions, probe);
		reset_state(sessions, slot, probe);
		rc = pgt_attach(&sessions->attacher, &session->attachment, probe,
						session->files);
		if (rc == 0)
		{
			session->in_use = true;
			session->probe = session->next = probe;
			return true;
		}
		pgt_detach(&sessions->attacher, &session->attachment, probe);
		if (rc == -ESRCH)
		{
			strlcpy(error, "the process has ended", error_len);
			break;
		}
		if (probe == PGT_PROBE_UPROBE_SHARED && sessions->sharing)
		{
			/* once more, with its own */
			move_failed(sessions, pgt_attach_explain(rc));
			i--;
			continue;
		}
		append_reason(probe, pgt_attach_explain(rc), error, error_len);
		if (!sessions->fell_back)
			ereport(LOG,
					(errmsg("waits can't be traced by %s: %s",
							pgt_probe_name(probe), pgt_attach_explain(rc))));
		sessions->fell_back = true;
	}
	sessions->states[slot].generation = 0;
	detach_unused_common(sessions);
	return false;
}

void
pgt_probe_sessions_settle(PgtProbeSessions *sessions, int slot,
						  const PgtProbedProcess *process)
{
	sessions->sessions[slot].attachment.process = *process;
}

void
pgt_probe_sessions_detach(PgtProbeSessions *sessions, int slot)
{
	Session    *session = &sessions->sessions[slot];

	sessions->states[slot].generation = 0;
	if (!session->in_use)
		return;
	pgt_detach(&sessions->attacher, &session->attachment, session->probe);
	if (is_moving(session))
		pgt_detach(&sessions->attacher, &session->attachment, session->next);
	session->in_use = false;
	decide_sharing(sessions, 0);
	detach_unused_common(sessions);
}

enum pgt_probe
pgt_probe_sessions_of(const PgtProbeSessions *sessions, int slot)
{
	const Session *session = &sessions->sessions[slot];

	return session->in_use ? session->probe : PGT_PROBE_NONE;
}

const char *
pgt_probe_sessions_problem(const PgtProbeSessions *sessions, int slot)
{
	enum pgt_probe probe = pgt_probe_sessions_of(sessions, slot);

	return probe == PGT_PROBE_WATCHPOINT || sessions->problem[0] == '\0' ?
		NULL : sessions->problem;
}

/* ----------
 * Libraries
 * ----------
 */

/*
 * Have a session's word watched, since there is code that uprobes don't do for.
 * Returns false if that can't be, for the reason that is appended to problem.
 */
static bool
change_to_watchpoint(PgtProbeSessions *sessions, int slot,
					 char *problem, size_t len)
{
	Session    *session = &sessions->sessions[slot];
	const char *unusable = pgt_selftest(&sessions->attacher,
										PGT_PROBE_WATCHPOINT);

	if (unusable == NULL)
		return session->next == PGT_PROBE_WATCHPOINT ||
			(!is_moving(session) &&
			 begin_move(sessions, slot, PGT_PROBE_WATCHPOINT) == 0);
	strlcat(problem, "; ", len);
	strlcat(problem, unusable, len);
	return false;
}

/* Probe what a session has loaded; returns why that isn't enough, or NULL. */
static const char *
attach_library(PgtProbeSessions *sessions, int slot, int i)
{
	Session    *session = &sessions->sessions[slot];
	char	   *problem = sessions->library_problem;
	int			rc;

	strlcpy(problem, pgt_probe_file(sessions->attacher.files, i)->problem,
			sizeof(sessions->library_problem));
	if (session->probe == PGT_PROBE_WATCHPOINT)
		return NULL;
	if (problem[0] != '\0' && sessions->setting == PGT_WAIT_PROBE_AUTO &&
		change_to_watchpoint(sessions, slot, problem,
							 sizeof(sessions->library_problem)))
		return NULL;

	rc = pgt_attach(&sessions->attacher, &session->attachment, session->probe,
					1U << i);
	if (rc == 0 && is_moving(session))
		rc = pgt_attach(&sessions->attacher, &session->attachment,
						session->next, 1U << i);
	if (rc != 0 && rc != -ESRCH)
		return pgt_attach_explain(rc);
	return problem[0] != '\0' ? problem : NULL;
}

void
pgt_probe_sessions_libraries(PgtProbeSessions *sessions, int slot,
							 PgtLibraryCallback callback, void *arg)
{
	Session    *session = &sessions->sessions[slot];
	uint32		mask;

	/* a watchpoint sees all stores, wherever the code is */
	if (!session->in_use || session->next == PGT_PROBE_WATCHPOINT)
		return;
	mask = pgt_probe_files_of(sessions->attacher.files, session->attachment.process.pid) &
		~session->files;
	session->files |= mask;
	for (int i = 0; i < PGT_MAX_PROBE_FILES; i++)
	{
		if ((mask & (1U << i)) != 0)
			callback(arg, pgt_probe_file(sessions->attacher.files, i)->name,
					 attach_library(sessions, slot, i));
	}
}

/* ----------
 * Opening and closing
 * ----------
 */

/*
 * The first of the allowed kinds that works, and, for uprobes, that shows all
 * waits, if that is asked for.  Returns false if none does.
 */
static bool
find_kind(PgtProbeSessions *sessions, bool complete,
		  char *error, size_t error_len)
{
	const PgtProbeFile *server = pgt_probe_file(sessions->attacher.files,
												PGT_SERVER_FILE);
	bool		told = false;

	error[0] = '\0';
	for (int i = 0; i < MAX_CANDIDATES; i++)
	{
		enum pgt_probe probe = candidates[sessions->setting][i];
		const char *reason;

		if (probe == PGT_PROBE_NONE)
			break;
		if (probe != PGT_PROBE_WATCHPOINT && server->problem[0] != '\0' &&
			(server->sites == NULL || complete))
			reason = server->problem;
		else
			reason = pgt_selftest(&sessions->attacher, probe);
		if (reason == NULL)
		{
			sessions->first = i;
			return true;
		}
		/* what keeps all uprobes from being used is told once */
		if (!told || reason != server->problem)
			append_reason(probe, reason, error, error_len);
		told |= reason == server->problem;
	}
	return false;
}

/*
 * What new sessions get.  A watchpoint is better than uprobes that don't show
 * all waits, and these are better than nothing.
 */
static bool
choose_kind(PgtProbeSessions *sessions, char *error, size_t error_len)
{
	const char *server = pgt_probe_file(sessions->attacher.files,
										PGT_SERVER_FILE)->problem;
	/* tried in any case, to be shown in pg_trace_worker */
	const char *unusable = pgt_selftest(&sessions->attacher,
										PGT_PROBE_WATCHPOINT);
	bool		automatic = sessions->setting == PGT_WAIT_PROBE_AUTO;

	strlcpy(sessions->problem, server, sizeof(sessions->problem));
	if (find_kind(sessions, automatic, error, error_len))
	{
		if (error[0] != '\0')
			ereport(LOG,
					(errmsg("waits can't be traced by %s", error)));
		/* whoever wants uprobes is to know what they miss */
		else if (candidates[sessions->setting][sessions->first] !=
				 PGT_PROBE_WATCHPOINT)
			strlcpy(error, sessions->problem, error_len);
		return true;
	}
	if (!automatic || !find_kind(sessions, false, error, error_len))
		return false;

	strlcat(sessions->problem, "; ", sizeof(sessions->problem));
	strlcat(sessions->problem, unusable, sizeof(sessions->problem));
	ereport(LOG,
			(errmsg("waits may be missing: %s", sessions->problem)));
	strlcpy(error, sessions->problem, error_len);
	return true;
}

PgtProbeSessions *
pgt_probe_sessions_open(const PgtProgram *program, PgtWaitProbe setting,
						char *error, size_t error_len)
{
	PgtProbeSessions *sessions = palloc0(sizeof(PgtProbeSessions));

	error[0] = '\0';
	pgt_selftest_reset();
	sessions->setting = setting;
	sessions->nslots = program->nslots;
	sessions->states = program->states;
	sessions->sessions = palloc0(sizeof(Session) * program->nslots);
	pgt_attacher_open(&sessions->attacher, program);
	if (!choose_kind(sessions, error, error_len))
	{
		pgt_probe_sessions_close(sessions);
		return NULL;
	}
	return sessions;
}

void
pgt_probe_sessions_close(PgtProbeSessions *sessions)
{
	if (sessions == NULL)
		return;
	for (int i = 0; i < sessions->nslots; i++)
		pgt_probe_sessions_detach(sessions, i);
	pgt_attacher_close(&sessions->attacher);
	pfree(sessions->sessions);
	pfree(sessions);
}

enum pgt_probe
pgt_probe_sessions_default(const PgtProbeSessions *sessions)
{
	return wanted(sessions, candidates[sessions->setting][sessions->first]);
}

void
pgt_probe_sessions_sites(const PgtProbeSessions *sessions,
						 int *nsites, int *nexpensive)
{
	const PgtProbeFile *server = pgt_probe_file(sessions->attacher.files,
												PGT_SERVER_FILE);

	*nsites = server->sites != NULL ? server->sites->nsites : 0;
	*nexpensive = server->sites != NULL ? server->sites->nexpensive : 0;
}
