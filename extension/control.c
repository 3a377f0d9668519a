/*
 * control.c
 *		Requests to start and to stop a trace.
 *
 * A session (sqlfuncs.c, or activation.c for pg_trace.session) asks for a trace
 * by filling a slot of the registry, and waits.  The worker opens the file and
 * attaches the probes, sets the flag that the traced process's hooks test, and
 * reports back in the slot.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#include "extension/control.h"
#include "extension/guc.h"
#include "extension/options.h"
#include "extension/tracer_wait.h"

/* How often, and how far apart, the worker is asked again */
#define RETRIES			20
#define RETRY_MS		50

/* How long a worker that isn't running is waited for: it is restarted. */
#define RESTART_TIMEOUT_MS	2000

/*
 * Wait until a session is no longer in a given state.  Returns false if it
 * still is after timeout_ms.
 */
static bool
wait_while(PgtSession *session, uint32 generation, PgtSessionState state,
		   enum pgt_tracer_reason reason, int timeout_ms)
{
	PgtTracerWait wait;
	TimestampTz deadline;
	bool		over = false;

	if (pgt_shared->worker.proc_number < 0)
	{
		pgt_session_wake_everyone();
		timeout_ms = Min(timeout_ms, RESTART_TIMEOUT_MS);
	}
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);

	pgt_tracer_wait_begin(&wait, reason, session);
	for (;;)
	{
		long		left_ms;

		LWLockAcquire(pgt_lock, LW_SHARED);
		over = session->generation != generation || session->state != state;
		LWLockRelease(pgt_lock);
		if (over)
			break;

		left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
												  deadline);
		if (left_ms <= 0)
			break;
		pgt_tracer_wait_sleep(&wait, left_ms);
		CHECK_FOR_INTERRUPTS();
	}
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

/*
 * Is there a slot that the worker will soon have free?  Caller holds the lock.
 */
static bool
some_slot_is_ending(void)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		const PgtSession *session = &pgt_sessions[i];

		if (session->state == PGT_SESSION_STOPPING ||
			(session->proc_number >= 0 && session->proc_number < pgt_nprocs &&
			 ProcGlobal->allProcs[session->proc_number].pid != session->pid))
			return true;
	}
	return false;
}

/*
 * The slot that traces what description describes, taken if there is none
 * yet; NULL with the reason if that can't be.  A trace of the process that is
 * about to end is waited for; *retry is set if others are about to.
 */
static PgtSession *
take_slot(const PgtSession *description, int timeout_ms, uint32 *generation,
		  char *error, const char **hint, int *sqlstate, bool *retry)
{
	PgtSession *session;
	bool		reserved;

	*retry = false;
	LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
	session = pgt_session_find(description->pid);
	if (session != NULL && session->state == PGT_SESSION_STOPPING)
	{
		*generation = session->generation;
		LWLockRelease(pgt_lock);
		if (!wait_while(session, *generation, PGT_SESSION_STOPPING,
						PGT_TRACER_ATTACH, timeout_ms))
		{
			explain_silence(error, hint);
			return NULL;
		}
		LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
		session = pgt_session_find(description->pid);
	}
	if (session != NULL &&
		!pgt_options_change(session, description, error, hint, sqlstate))
	{
		LWLockRelease(pgt_lock);
		return NULL;
	}
	if (session == NULL)
		session = pgt_session_allocate(description);
	if (session != NULL)
		*generation = session->generation;
	*retry = session == NULL && some_slot_is_ending();
	reserved = pgt_session_is_reserved(description);
	LWLockRelease(pgt_lock);

	if (session == NULL && reserved)
	{
		strlcpy(error,
				"the remaining places are reserved for traces that superusers begin",
				PGT_ERROR_LEN);
		*hint = "Stop another trace, or have a superuser start this one.";
	}
	else if (session == NULL)
	{
		snprintf(error, PGT_ERROR_LEN,
				 "%d processes are being traced already",
				 pgt_nsessions);
		*hint = "Stop a trace, or increase pg_trace.max_sessions and restart the server.";
	}
	return session;
}

/* One attempt of pgt_control_start(); *retry: another one may succeed. */
static bool
try_start(const PgtSession *description, int timeout_ms,
		  char *path, char *error, const char **hint, int *sqlstate,
		  bool *retry)
{
	uint32		generation;
	PgtSession *session = take_slot(description, timeout_ms, &generation,
									error, hint, sqlstate, retry);
	bool		started;

	pgt_session_wake_worker();
	if (session == NULL)
		return false;

	if (!wait_while(session, generation, PGT_SESSION_STARTING,
					PGT_TRACER_ATTACH, timeout_ms))
	{
		explain_silence(error, hint);
		return false;
	}

	LWLockAcquire(pgt_lock, LW_SHARED);
	started = session->generation == generation &&
		session->state == PGT_SESSION_ACTIVE;
	if (started)
		strlcpy(path, session->trace_file, MAXPGPATH);
	else if (session->generation == generation &&
			 session->failed_generation == generation)
	{
		strlcpy(error, session->last_error, PGT_ERROR_LEN);

		/*
		 * After a reload, this process may know before the worker does that
		 * pg_trace.enabled is on.
		 */
		*retry = session->refused_disabled && pgt_enabled;
	}
	else
		snprintf(error, PGT_ERROR_LEN, "the trace of process %d has ended",
				 description->pid);
	LWLockRelease(pgt_lock);
	return started;
}

bool
pgt_control_start(const PgtSession *description, int timeout_ms,
				  char *path, char *error, const char **hint, int *sqlstate)
{
	PgtTracerWait wait;
	bool		retry;

	*sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
	for (int attempt = 0;; attempt++)
	{
		*hint = NULL;
		if (try_start(description, timeout_ms, path, error, hint, sqlstate,
					  &retry))
			return true;
		if (!retry || attempt >= RETRIES)
			return false;
		pgt_tracer_wait_begin(&wait, PGT_TRACER_ATTACH, NULL);
		pgt_tracer_wait_sleep(&wait, RETRY_MS);
		pgt_tracer_wait_end();
		CHECK_FOR_INTERRUPTS();
	}
}

bool
pgt_control_stop(int pid, Oid requester, int timeout_ms,
				 char *path, char *error, const char **hint, int *sqlstate)
{
	PgtSession *session;
	uint32		generation;

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
	if (!wait_while(session, generation, PGT_SESSION_STOPPING,
					PGT_TRACER_STOP, timeout_ms))
	{
		explain_silence(error, hint);
		return false;
	}
	return true;
}
