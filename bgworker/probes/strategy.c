/*
 * strategy.c
 *		Which probes a traced process gets.
 *
 * Best are uprobes confined to the process, by a link per process and file: no
 * other process ever meets a breakpoint.  With many traced processes they
 * share their uprobes (migration.c).  Where uprobes can't be had, or don't
 * show every wait, a hardware watchpoint on the process's word does.  What is
 * used has proved that it fires (selftest.c).
 */
#include "postgres.h"

#include "port/atomics.h"

#include "bgworker/probes/attach.h"
#include "bgworker/probes/files.h"
#include "bgworker/probes/migration.h"
#include "bgworker/probes/sampler.h"
#include "bgworker/probes/selftest.h"
#include "bgworker/probes/state.h"
#include "bgworker/probes/strategy.h"

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

/* ----------
 * Beginning and ending a session
 * ----------
 */

/* The generation last: it makes the entry valid. */
static void
reset_state(PgtProbes *probes, int slot, enum pgt_probe probe)
{
	const PgtProbeSession *session = &probes->sessions[slot];
	struct pgt_wait_state *state = &probes->program.states[slot];

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

/* Do sessions have uprobes, of their own or shared ones as seems best? */
static bool
may_share(const PgtProbes *probes)
{
	return (probes->setting == PGT_WAIT_PROBE_AUTO ||
			probes->setting == PGT_WAIT_PROBE_UPROBE) &&
		candidates[probes->setting][probes->first] == PGT_PROBE_UPROBE;
}

void
pgt_probes_expect(PgtProbes *probes, int nprocesses)
{
	if (may_share(probes))
		pgt_migration_expect(probes, nprocesses);
}

bool
pgt_probes_attach(PgtProbes *probes, int slot, uint32 generation,
				  const PgtProbedProcess *process,
				  char *error, size_t error_len)
{
	PgtProbeSession *session = &probes->sessions[slot];

	Assert(slot >= 0 && slot < probes->program.nslots && generation != 0);
	error[0] = '\0';
	pgt_attachment_init(&session->attachment);
	session->attachment.process = *process;
	session->attachment.cookie = PGT_COOKIE(generation, slot, 0);
	session->generation = generation;
	session->files = 1U << PGT_SERVER_FILE;
	session->probe = session->next = PGT_PROBE_NONE;
	if (may_share(probes))
		pgt_migration_note_attached(probes);
	pgt_migration_decide(probes, 1);

	for (int i = probes->first; i < MAX_CANDIDATES; i++)
	{
		enum pgt_probe probe = candidates[probes->setting][i];
		const char *unusable;
		int			rc;

		if (probe == PGT_PROBE_NONE)
			break;
		/* whoever has uprobe_multi links needs no other uprobes */
		if (i > probes->first && probe == PGT_PROBE_PERF_UPROBE)
			continue;
		unusable = pgt_selftest(&probes->attacher, probe);
		if (unusable != NULL)
		{
			append_reason(probe, unusable, error, error_len);
			continue;
		}
		probe = pgt_migration_first(probes, probe);
		reset_state(probes, slot, probe);
		rc = pgt_attach(&probes->attacher, &session->attachment, probe,
						session->files);
		if (rc == 0)
		{
			session->in_use = true;
			session->probe = session->next = probe;
			return true;
		}
		pgt_detach(&probes->attacher, &session->attachment, probe);
		if (rc == -ESRCH)
		{
			strlcpy(error, "the process has ended", error_len);
			break;
		}
		if (probe == PGT_PROBE_UPROBE_SHARED &&
			candidates[probes->setting][i] == PGT_PROBE_UPROBE)
		{
			/* once more, with its own */
			pgt_migration_cant_share(probes, pgt_attach_explain(rc));
			i--;
			continue;
		}
		append_reason(probe, pgt_attach_explain(rc), error, error_len);
		if (!probes->fell_back)
			ereport(LOG,
					(errmsg("waits can't be traced by %s: %s",
							pgt_probe_name(probe), pgt_attach_explain(rc))));
		probes->fell_back = true;
	}
	probes->program.states[slot].generation = 0;
	pgt_migration_detach_unused(probes);
	return false;
}

void
pgt_probes_settle(PgtProbes *probes, int slot, const PgtProbedProcess *process)
{
	probes->sessions[slot].attachment.process = *process;
}

void
pgt_probes_detach(PgtProbes *probes, int slot)
{
	PgtProbeSession *session = &probes->sessions[slot];

	pgt_probes_sample_end(probes, slot);
	probes->program.states[slot].generation = 0;
	if (!session->in_use)
		return;
	pgt_detach(&probes->attacher, &session->attachment, session->probe);
	if (pgt_is_moving(session))
		pgt_detach(&probes->attacher, &session->attachment, session->next);
	session->in_use = false;
	pgt_migration_decide(probes, 0);
	pgt_migration_detach_unused(probes);
}

enum pgt_probe
pgt_probes_of(const PgtProbes *probes, int slot)
{
	const PgtProbeSession *session = &probes->sessions[slot];

	return session->in_use ? session->probe : PGT_PROBE_NONE;
}

const char *
pgt_probes_problem(const PgtProbes *probes, int slot)
{
	enum pgt_probe probe = pgt_probes_of(probes, slot);

	return probe == PGT_PROBE_WATCHPOINT || probes->problem[0] == '\0' ?
		NULL : probes->problem;
}

/* ----------
 * Libraries
 * ----------
 */

/*
 * Have a session's word watched, since there is code that uprobes don't do
 * for.  Returns false if that can't be, for the reason that is appended to
 * problem.
 */
static bool
change_to_watchpoint(PgtProbes *probes, int slot, char *problem, size_t len)
{
	PgtProbeSession *session = &probes->sessions[slot];
	const char *unusable = pgt_selftest(&probes->attacher,
										PGT_PROBE_WATCHPOINT);

	if (unusable == NULL)
		return session->next == PGT_PROBE_WATCHPOINT ||
			(!pgt_is_moving(session) &&
			 pgt_migration_begin(probes, slot, PGT_PROBE_WATCHPOINT) == 0);
	strlcat(problem, "; ", len);
	strlcat(problem, unusable, len);
	return false;
}

/* Probe what a session has loaded; returns why that isn't enough, or NULL. */
static const char *
attach_library(PgtProbes *probes, int slot, int i)
{
	PgtProbeSession *session = &probes->sessions[slot];
	char	   *problem = probes->library_problem;
	int			rc;

	strlcpy(problem, pgt_probe_file(probes->attacher.files, i)->problem,
			sizeof(probes->library_problem));
	if (session->probe == PGT_PROBE_WATCHPOINT)
		return NULL;
	if (problem[0] != '\0' && probes->setting == PGT_WAIT_PROBE_AUTO &&
		change_to_watchpoint(probes, slot, problem,
							 sizeof(probes->library_problem)))
		return NULL;

	rc = pgt_attach(&probes->attacher, &session->attachment, session->probe,
					1U << i);
	if (rc == 0 && pgt_is_moving(session))
		rc = pgt_attach(&probes->attacher, &session->attachment,
						session->next, 1U << i);
	if (rc != 0 && rc != -ESRCH)
		return pgt_attach_explain(rc);
	return problem[0] != '\0' ? problem : NULL;
}

void
pgt_probes_libraries(PgtProbes *probes, int slot,
					 PgtLibraryCallback callback, void *arg)
{
	PgtProbeSession *session = &probes->sessions[slot];
	uint32		mask;

	/* a watchpoint sees all stores, wherever the code is */
	if (!session->in_use || session->next == PGT_PROBE_WATCHPOINT)
		return;
	/* to read what it has mapped takes most of the time of an attachment */
	if (session->attachment.process.bare &&
		pgt_probe_files_inherited(probes->attacher.files) == session->files)
	{
		session->attachment.process.bare = false;
		return;
	}
	mask = pgt_probe_files_of(probes->attacher.files,
							  session->attachment.process.pid) &
		~session->files;
	session->files |= mask;
	for (int i = 0; i < PGT_MAX_PROBE_FILES; i++)
	{
		if ((mask & (1U << i)) != 0)
			callback(arg, pgt_probe_file(probes->attacher.files, i)->name,
					 attach_library(probes, slot, i));
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
find_kind(PgtProbes *probes, bool complete, char *error, size_t error_len)
{
	const PgtProbeFile *server = pgt_probe_file(probes->attacher.files,
												PGT_SERVER_FILE);
	bool		told = false;

	error[0] = '\0';
	for (int i = 0; i < MAX_CANDIDATES; i++)
	{
		enum pgt_probe probe = candidates[probes->setting][i];
		const char *reason;

		if (probe == PGT_PROBE_NONE)
			break;
		if (probe != PGT_PROBE_WATCHPOINT && server->problem[0] != '\0' &&
			(server->sites == NULL || complete))
			reason = server->problem;
		else
			reason = pgt_selftest(&probes->attacher, probe);
		if (reason == NULL)
		{
			probes->first = i;
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
choose_kind(PgtProbes *probes, char *error, size_t error_len)
{
	const char *server = pgt_probe_file(probes->attacher.files,
										PGT_SERVER_FILE)->problem;

	/* tried in any case, to be shown in pg_trace_worker */
	const char *unusable = pgt_selftest(&probes->attacher,
										PGT_PROBE_WATCHPOINT);
	bool		automatic = probes->setting == PGT_WAIT_PROBE_AUTO;

	strlcpy(probes->problem, server, sizeof(probes->problem));
	if (find_kind(probes, automatic, error, error_len))
	{
		if (error[0] != '\0')
			ereport(LOG,
					(errmsg("waits can't be traced by %s", error)));
		/* whoever wants uprobes is to know what they miss */
		else if (candidates[probes->setting][probes->first] !=
				 PGT_PROBE_WATCHPOINT)
			strlcpy(error, probes->problem, error_len);
		return true;
	}
	if (!automatic || !find_kind(probes, false, error, error_len))
		return false;

	strlcat(probes->problem, "; ", sizeof(probes->problem));
	strlcat(probes->problem, unusable, sizeof(probes->problem));
	ereport(LOG,
			(errmsg("waits may be missing: %s", probes->problem)));
	strlcpy(error, probes->problem, error_len);
	return true;
}

bool
pgt_strategy_open(PgtProbes *probes, char *error, size_t error_len)
{
	int			nslots = probes->program.nslots;

	error[0] = '\0';
	pgt_selftest_reset();
	probes->sessions = palloc0(sizeof(PgtProbeSession) * nslots);
	for (int i = 0; i < nslots; i++)
		probes->sessions[i].sampler = -1;
	pgt_attacher_open(&probes->attacher, &probes->program);
	if (!choose_kind(probes, error, error_len))
		return false;
	/* now, so that it isn't in the middle of the first storm */
	if (may_share(probes))
		(void) pgt_selftest(&probes->attacher, PGT_PROBE_UPROBE_SHARED);
	return true;
}

void
pgt_strategy_close(PgtProbes *probes)
{
	if (probes->sessions == NULL)
		return;
	for (int i = 0; i < probes->program.nslots; i++)
		pgt_probes_detach(probes, i);
	pgt_detach_common(&probes->attacher);
	pgt_attacher_close(&probes->attacher);
	pfree(probes->sessions);
	probes->sessions = NULL;
}

enum pgt_probe
pgt_strategy_default(const PgtProbes *probes)
{
	return pgt_migration_first(probes,
							   candidates[probes->setting][probes->first]);
}

bool
pgt_probes_follow_pointers(const PgtProbes *probes)
{
	return probes != NULL &&
		pgt_strategy_default(probes) != PGT_PROBE_WATCHPOINT;
}
