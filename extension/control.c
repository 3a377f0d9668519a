/*
 * control.c
 *		Requests to start and to stop a trace.
 *
 * A session (sqlfuncs.c, or activation.c for pg_trace.session) asks for a trace
 * by filling a slot of the registry, and waits.  The worker opens the file and
 * attaches the probes, sets the flag that the traced process's hooks test, and
 * reports back in the slot.
 *
 * Who asks for its own trace sets its flag itself, at once: its records wait
 * in the queue until the worker comes to read them.  So such a process need not
 * wait for the worker for long.  It goes on when its time is up, and only its
 * waits are missing until its probes are attached.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#include "extension/clock.h"
#include "extension/compat.h"
#include "extension/control.h"
#include "extension/guc.h"
#include "extension/options.h"
#include "extension/tracer_wait.h"

/* How often, and how far apart, a worker that has tracing disabled is asked */
#define RETRIES			20
#define RETRY_MS		50

/* How long a worker that isn't running is waited for: it is restarted. */
#define RESTART_TIMEOUT_MS	2000

/* As many of those that could be stopped are named. */
#define MAX_NAMED		3

/* A request to start a trace, and where it is to say why it failed */
typedef struct Request
{
	const PgtSession *description;
	bool		may_go_on;		/* see pgt_control_start() */
	TimestampTz deadline;
	PgtTracerWait wait;			/* all of its waits are one */
	char	   *error;
	const char **hint;
	int		   *sqlstate;
} Request;

static TimestampTz
deadline_after(int ms)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
}

/*
 * Sleep until the awaited slot has changed, or the deadline.  Returns false if
 * that has passed, or if the caller would go on and what comes next raises an
 * error.
 */
static bool
sleep_until(const PgtTracerWait *wait, TimestampTz deadline, bool may_go_on)
{
	long		left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
														  deadline);

	if (left_ms <= 0)
		return false;
	pgt_tracer_wait_sleep(wait, left_ms);
	if (may_go_on && (QueryCancelPending || ProcDiePending))
		return false;
	CHECK_FOR_INTERRUPTS();
	return true;
}

/*
 * Wait until a session is no longer in a given state.  Returns false if it
 * still is at the deadline.
 */
static bool
wait_while(const PgtTracerWait *wait, PgtSession *session, uint32 generation,
		   PgtSessionState state, TimestampTz deadline, bool may_go_on)
{
	bool		over;

	if (pgt_shared->worker.proc_number < 0)
	{
		pgt_session_wake_everyone();
		deadline = Min(deadline, deadline_after(RESTART_TIMEOUT_MS));
	}
	pgt_session_await(session);
	do
	{
		LWLockAcquire(pgt_lock, LW_SHARED);
		over = session->generation != generation || session->state != state;
		LWLockRelease(pgt_lock);
	} while (!over && sleep_until(wait, deadline, may_go_on));
	pgt_tracer_wait_end();
	return over;
}

/* Say in error and hint why the worker doesn't answer. */
static void
explain_silence(char *error, const char **hint)
{
	bool		runs;

	LWLockAcquire(pgt_lock, LW_SHARED);
	runs = pgt_shared->worker.pid != 0;
	LWLockRelease(pgt_lock);

	if (!runs)
	{
		strlcpy(error, "the pg_trace_bgw background worker is not running",
				PGT_ERROR_LEN);
		*hint = "See the server log; check max_worker_processes.";
	}
	else
	{
		strlcpy(error,
				"the pg_trace_bgw background worker did not answer in time",
				PGT_ERROR_LEN);
		*hint = "The request stays in force; see pg_trace_status and the server log.";
	}
}

/* ----------
 * Places
 * ----------
 */

/*
 * Is there a slot that the worker will soon have free?  Caller holds the lock.
 */
static bool
some_slot_is_ending(void)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		PgtSession *session = &pgt_sessions[i];

		if (session->state == PGT_SESSION_STOPPING ||
			pg_atomic_read_u32(&session->exits) != 0 ||
			(session->proc_number >= 0 && session->proc_number < pgt_nprocs &&
			 ProcGlobal->allProcs[session->proc_number].pid != session->pid))
			return true;
	}
	return false;
}

/*
 * The oldest traces that requester could stop, in pids.  Returns how many that
 * are.  Caller holds the lock.
 */
static int
find_oldest(Oid requester, int pids[MAX_NAMED])
{
	TimestampTz after = 0;
	int			npids = 0;

	while (npids < MAX_NAMED)
	{
		const PgtSession *oldest = NULL;

		for (int i = 0; i < pgt_nsessions; i++)
		{
			const PgtSession *session = &pgt_sessions[i];

			if (session->state == PGT_SESSION_ACTIVE &&
				(!OidIsValid(requester) || OidIsValid(session->owner)) &&
				session->started_at > after &&
				(oldest == NULL || session->started_at < oldest->started_at))
				oldest = session;
		}
		if (oldest == NULL)
			break;
		after = oldest->started_at;
		pids[npids++] = oldest->pid;
	}
	return npids;
}

/* Say in error and hint that there is no place.  Caller holds the lock. */
static void
explain_full(const Request *request)
{
	static char hint[256];
	int			pids[MAX_NAMED];
	int			npids = find_oldest(request->description->owner, pids);
	bool		reserved = pgt_session_is_reserved(request->description);
	int			len = 0;

	if (reserved)
		strlcpy(request->error,
				"the remaining places are reserved for traces that superusers begin",
				PGT_ERROR_LEN);
	else
		snprintf(request->error, PGT_ERROR_LEN,
				 "%d processes are being traced already",
				 pgt_nsessions);
	if (npids > 0)
		len = snprintf(hint, sizeof(hint),
					   "pg_trace_session(%d, false) stops the oldest trace", pids[0]);
	for (int i = 1; i < npids; i++)
		len += snprintf(hint + len, sizeof(hint) - len, "%s%d",
						i == 1 ? ", the next ones are of processes " : " and ",
						pids[i]);
	snprintf(hint + len, sizeof(hint) - len, "%s%s",
			 len > 0 ? ".  " : "", reserved ?
			 "A superuser may start this one." :
			 "To have more, increase pg_trace.max_sessions and restart the server.");
	*request->hint = hint;
}

/* Have this process's hooks send records.  Caller holds the lock. */
static void
set_own_flag(const PgtSession *session)
{
	pg_atomic_exchange_u32(&pgt_flags[PGT_PROC_NUMBER(MyProc)],
						   session - pgt_sessions + 1);
}

/*
 * The slot that traces what the request describes, taken if there is none
 * yet; NULL with the reason if that can't be.  A trace of the process that is
 * about to end is waited for, and so are others if there is no place.
 */
static PgtSession *
take_slot(const Request *request, uint32 *generation)
{
	const PgtSession *description = request->description;

	for (;;)
	{
		PgtSession *session;
		bool		failed = false;
		bool		ending = false;

		/* before the look: who frees a slot after that wakes this process */
		pgt_session_await_any();
		LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
		session = pgt_session_find(description->pid);
		if (session != NULL && session->state == PGT_SESSION_STOPPING)
			ending = true;
		else if (session != NULL)
			failed = !pgt_options_change(session, description, request->error,
										 request->hint, request->sqlstate);
		else
		{
			session = pgt_session_allocate(description);
			if (session != NULL && description->pid == MyProcPid)
				set_own_flag(session);
			else if (session == NULL)
			{
				ending = some_slot_is_ending();
				explain_full(request);
			}
		}
		if (session != NULL)
			*generation = session->generation;
		LWLockRelease(pgt_lock);

		if (!ending)
		{
			pgt_tracer_wait_end();
			return failed ? NULL : session;
		}
		pgt_session_wake_worker();
		if (!sleep_until(&request->wait, request->deadline,
						 request->may_go_on))
		{
			pgt_tracer_wait_end();
			if (session != NULL)
				explain_silence(request->error, request->hint);
			return NULL;
		}
	}
}

/* ----------
 * Starting
 * ----------
 */

/*
 * This process doesn't wait for its trace any longer.  Returns false if that
 * has begun, or can't begin.
 */
static bool
go_on(const Request *request, PgtSession *session, uint32 generation)
{
	bool		pending;

	LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
	pending = session->generation == generation &&
		session->state == PGT_SESSION_STARTING;
	if (pending)
	{
		pg_atomic_write_u64(&session->waits_since_ns, request->wait.since_ns);
		pg_atomic_write_u64(&session->went_on_ns, pgt_clock_now());
	}
	LWLockRelease(pgt_lock);
	return pending;
}

/* One attempt of pgt_control_start(); *retry: another one may succeed. */
static bool
try_start(const Request *request, char *path, bool *retry)
{
	uint32		generation;
	PgtSession *session = take_slot(request, &generation);
	bool		started;

	*retry = false;
	pgt_session_wake_worker();
	if (session == NULL)
		return false;

	if (!wait_while(&request->wait, session, generation, PGT_SESSION_STARTING,
					request->deadline, request->may_go_on))
	{
		if (!request->may_go_on)
		{
			explain_silence(request->error, request->hint);
			return false;
		}
		if (go_on(request, session, generation))
			return true;
	}

	LWLockAcquire(pgt_lock, LW_SHARED);
	started = session->generation == generation &&
		session->state == PGT_SESSION_ACTIVE;
	if (started)
		strlcpy(path, session->trace_file, MAXPGPATH);
	else if (session->generation == generation &&
			 session->failed_generation == generation)
	{
		strlcpy(request->error, session->last_error, PGT_ERROR_LEN);

		/*
		 * After a reload, this process may know before the worker does that
		 * pg_trace.enabled is on.
		 */
		*retry = session->refused_disabled && pgt_enabled;
	}
	else
		snprintf(request->error, PGT_ERROR_LEN,
				 "the trace of process %d has ended",
				 request->description->pid);
	LWLockRelease(pgt_lock);
	return started;
}

bool
pgt_control_start(const PgtSession *description, int timeout_ms,
				  bool may_go_on, char *path, char *error, const char **hint,
				  int *sqlstate)
{
	Request		request = {
		.description = description,
		.may_go_on = may_go_on && description->pid == MyProcPid,
		.deadline = deadline_after(timeout_ms),
		.error = error,
		.hint = hint,
		.sqlstate = sqlstate,
	};
	bool		retry;

	*sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
	path[0] = '\0';
	pgt_tracer_wait_begin(&request.wait, PGT_TRACER_ATTACH, NULL);
	for (int attempt = 0;; attempt++)
	{
		*hint = NULL;
		if (try_start(&request, path, &retry))
			return true;
		if (!retry || attempt >= RETRIES ||
			!sleep_until(&request.wait,
						 Min(request.deadline, deadline_after(RETRY_MS)),
						 request.may_go_on))
			return false;
	}
}

bool
pgt_control_stop(int pid, Oid requester, int timeout_ms,
				 char *path, char *error, const char **hint, int *sqlstate)
{
	PgtSession *session;
	uint32		generation;
	PgtTracerWait wait;

	*hint = NULL;
	*sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
	LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
	session = pgt_session_find(pid);
	if (session == NULL)
	{
		LWLockRelease(pgt_lock);
		snprintf(error, PGT_ERROR_LEN, "process %d is not being traced", pid);
		return false;
	}
	if (OidIsValid(requester) && !OidIsValid(session->owner))
	{
		LWLockRelease(pgt_lock);
		*sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE;
		strlcpy(error, "must be a superuser to end a trace that a superuser began",
				PGT_ERROR_LEN);
		return false;
	}
	generation = session->generation;
	strlcpy(path, session->trace_file, MAXPGPATH);
	session->state = PGT_SESSION_STOPPING;
	LWLockRelease(pgt_lock);

	pgt_session_wake_worker();
	pgt_tracer_wait_begin(&wait, PGT_TRACER_STOP, session);
	if (!wait_while(&wait, session, generation, PGT_SESSION_STOPPING,
					deadline_after(timeout_ms), false))
	{
		explain_silence(error, hint);
		return false;
	}
	return true;
}
