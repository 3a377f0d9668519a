/*
 * activation.c
 *		Is this process traced?
 *
 * Every hook asks that first.  As long as the answer is no, it costs the test
 * of one flag, which is in shared memory, so that any session, and the worker,
 * can change the answer for any other.  What a setting changes in this process
 * is acted upon at the next hook, since assign hooks must not fail or wait.
 * Nor may that be done in the middle of a transaction's end or of an error: what
 * runs then asks pgt_still_traced().  But it may be done right before, and for
 * the transaction in which a process connects, that is the first chance.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/guc.h"

#include "extension/activation.h"
#include "extension/arrival.h"
#include "extension/calls.h"
#include "extension/compat.h"
#include "extension/context.h"
#include "extension/control.h"
#include "extension/cursor.h"
#include "extension/emit.h"
#include "extension/emit_xact.h"
#include "extension/executions.h"
#include "extension/guc.h"
#include "extension/leader.h"
#include "extension/libraries.h"
#include "extension/nesting.h"
#include "extension/options.h"
#include "extension/session.h"

/* How long SET pg_trace.session = off waits for the end of the file */
#define STOP_TIMEOUT_MS	2000

/*
 * The flag that the hooks test: this process's in shared memory once that is
 * known, or one that is always set, so that the next hook calls
 * check().
 */
static pg_atomic_uint32 always_set = {1};
pg_atomic_uint32 *pgt_trace_flag = &always_set;

void		(*pgt_trace_begins) (void) = NULL;

static bool checking = false;	/* in check() */
static bool setting_followed = false;	/* pg_trace.session was acted upon */
static bool started_by_setting = false;
static Oid	setting_owner;		/* then, whose setting that was */

/* The process ends: the last record of its trace. */
static void
send_exit(int code, Datum arg pg_attribute_unused())
{
	PgtExitRecord *record;

	if (!pgt_emit_active())
		return;
	/* its transaction's end would come after that of the trace */
	if (IsTransactionState())
		pgt_emit_xact(true);
	record = pgt_emit_begin(PGT_RECORD_EXIT, sizeof(PgtExitRecord), NULL, 0,
							0, 0);
	if (record != NULL)
	{
		record->code = code;
		pgt_emit_commit();
	}
	pg_atomic_write_u32(&pgt_trace.session->exits, 1);
	pgt_emit_detach();
}

/* Take part in the trace that the worker has begun for this process. */
static void
join_trace(uint32 slot)
{
	static bool exit_registered = false;
	PgtSession *session = &pgt_sessions[slot];

	if (session->pid != MyProcPid)
		return;					/* left behind by the proc's last user */

	if (!exit_registered)
	{
		before_shmem_exit(send_exit, (Datum) 0);
		exit_registered = true;
	}
	/* In parallel mode nothing can be set, but then it is too late anyway. */
	if (!IsInParallelMode() && !IsParallelWorker())
		pgt_guc_pass_to_workers();
	pgt_trace_begins();
	pgt_executions_reset();
	/* the first number is for the statement that was running already */
	pgt_cursor_reset(PGT_FIRST_CURSOR + (session->remote ? 1 : 0));
	pgt_context_reset();
	/* by which the worker learns what relation a file belongs to */
	if (session->options.waits && IsTransactionState())
		pgt_forget_open_files();
	pgt_emit_attach(session, slot);
	pgt_leader_show(NULL);
	pgt_calls_begin_trace(session->running_since);
	pgt_libraries_reset(session->remote, session->forked);
}

/*
 * The session is to be traced and isn't.  Its user need not be one who may know
 * how the server is set up, so the reason is in the server's log alone, unless
 * a superuser is at work.
 */
static void
warn(const char *error, const char *hint, int sqlstate)
{
	const char *superuser = GetConfigOption("is_superuser", true, false);

	if (superuser != NULL && strcmp(superuser, "on") == 0)
	{
		ereport(WARNING,
				(errcode(sqlstate),
				 errmsg("this session could not be traced: %s", error),
				 hint != NULL ? errhint("%s", hint) : 0));
		return;
	}
	/* not LOG, which a client can have sent to it */
	ereport(LOG_SERVER_ONLY,
			(errcode(sqlstate),
			 errmsg("session of process %d could not be traced: %s",
					MyProcPid, error),
			 hint != NULL ? errhint("%s", hint) : 0));
	ereport(WARNING,
			(errcode(sqlstate),
			 errmsg("this session could not be traced"),
			 errdetail("The reason is in the server log.")));
}

/* Start or stop as pg_trace.session says; if that means to wait, may_wait. */
static void
follow_setting(bool may_wait)
{
	bool		wanted = pgt_session && pgt_enabled;
	char		path[MAXPGPATH];
	char		error[PGT_ERROR_LEN];
	const char *hint;
	int			sqlstate;

	if (!may_wait && (wanted ? !pgt_emit_active() : started_by_setting))
		return;
	setting_followed = true;
	if (wanted && !pgt_emit_active())
	{
		PgtSession	self;

		memset(&self, 0, sizeof(self));
		pgt_session_describe_self(&self);
		self.bare = pgt_libraries_are_inherited();
		self.owner = pgt_session_owner;
		self.options.waits = pgt_waits;
		self.options.binds = pgt_binds;
		self.options.cpu = pgt_cpu;
		self.options.plan_stat = pgt_plan_stat;
		self.options.node_timing = pgt_node_timing;
		strlcpy(self.options.identifier, pgt_tracefile_identifier,
				NAMEDATALEN);
		setting_owner = self.owner;
		started_by_setting = pgt_control_start(&self, pgt_attach_timeout, true,
											   path, error, &hint, &sqlstate);
		if (!started_by_setting)
			warn(error, hint, sqlstate);
	}
	else if (!wanted && started_by_setting)
	{
		started_by_setting = false;
		/* if tracing is disabled, the worker ends the trace by itself */
		if (pgt_emit_active() && pgt_enabled)
			(void) pgt_control_stop(MyProcPid, setting_owner,
									STOP_TIMEOUT_MS, path, error, &hint,
									&sqlstate);
	}
}

/*
 * In a parallel worker: if the leader is traced, so is this process, in a
 * file of its own with the same options.  As a rule it is since it was forked
 * (arrival.c); where that was not possible, it is held here until its probes
 * are attached.
 */
static void
follow_leader(void)
{
	PGPROC	   *leader = MyProc->lockGroupLeader;
	PgtSession	self;
	PgtSession *session;
	char		path[MAXPGPATH];
	char		error[PGT_ERROR_LEN];
	const char *hint;
	int			sqlstate;
	bool		traced;

	setting_followed = true;
	/* the rest of the settings may have come later */
	if (pgt_emit_active())
		return;
	if (leader == NULL || leader == MyProc ||
		pg_atomic_read_u32(&pgt_flags[PGT_PROC_NUMBER(leader)]) == 0)
		return;

	/* the first transaction of a worker ends before it has the settings */
	if (pgt_leader_cursor == 0)
	{
		setting_followed = false;
		return;
	}
	if (pgt_arrival_complete())
		return;

	memset(&self, 0, sizeof(self));
	LWLockAcquire(pgt_lock, LW_SHARED);
	session = pgt_session_find(leader->pid);
	traced = session != NULL && session->state != PGT_SESSION_STOPPING;
	if (traced)
	{
		memcpy(&self, session, offsetof(PgtSession, requested_ns));
		self.leader_cursor = pgt_leader_cursor;
	}
	LWLockRelease(pgt_lock);
	if (!traced)
		return;

	/* the connection's names are the leader's */
	pgt_session_describe_self(&self);
	if (pgt_control_start(&self, pgt_attach_timeout, true, path, error, &hint,
						  &sqlstate))
		/* nothing to do, unless the trace asked for at the fork came late */
		(void) pgt_arrival_complete();
	else
		ereport(LOG_SERVER_ONLY,
				(errcode(sqlstate),
				 errmsg("parallel worker of traced process %d could not be traced: %s",
						leader->pid, error),
				 hint != NULL ? errhint("%s", hint) : 0));
}

/*
 * The worker has ended the trace because tracing was disabled.  That may be over
 * by now: this process knows it when the statement has ended in which it is.
 */
static void
follow_worker(void)
{
	static TimestampTz postponed_in = 0;
	pg_atomic_uint32 *flag = &pgt_flags[PGT_PROC_NUMBER(MyProc)];
	TimestampTz statement = GetCurrentStatementStartTimestamp();
	uint32		value = PGT_LOOK_AGAIN;

	if (pg_atomic_read_u32(flag) != PGT_LOOK_AGAIN)
		return;
	if (postponed_in == 0)
		postponed_in = statement;
	/* the calls of one that has failed may still be open */
	if (pgt_call_depth > 0 && postponed_in == statement)
		return;
	postponed_in = 0;
	if (!pg_atomic_compare_exchange_u32(flag, &value, 0))
		return;
	started_by_setting = false;
	pgt_trace_recheck();
}

/* Act upon settings, if there is time for that, and upon the flag. */
static void
check(bool may_wait)
{
	uint32		value;

	/* the postmaster and a process that isn't set up yet have no entry */
	if (pgt_shared == NULL || MyProc == NULL || checking ||
		PGT_PROC_NUMBER(MyProc) >= pgt_nprocs)
		return;

	/* with locks held, nothing may fail or wait: the next hook will do */
	if (InterruptHoldoffCount > 0 || CritSectionCount > 0)
		return;

	follow_worker();
	checking = true;
	PG_TRY();
	{
		/* parallel workers inherit the setting, but aren't sessions */
		if (!setting_followed && !IsParallelWorker())
			follow_setting(may_wait);
		else if (!setting_followed && may_wait)
			follow_leader();
	}
	PG_FINALLY();
	{
		checking = false;
	}
	PG_END_TRY();

	if (!setting_followed)
		return;
	pgt_trace_flag = &pgt_flags[PGT_PROC_NUMBER(MyProc)];
	value = pg_atomic_read_u32(pgt_trace_flag);
	if (pgt_trace.session != NULL && !pgt_emit_active())
		pgt_emit_detach();
	if (value != 0 && pgt_trace.session == NULL &&
		value <= (uint32) pgt_nsessions)
		join_trace(value - 1);
}

/*
 * Probes were attached after this process had gone on: what relation a file
 * belongs to, the worker learns from when it is opened.
 */
static void
follow_late_probes(void)
{
	static uint32 seen_generation = 0;
	static uint32 seen = 0;
	uint32		late;

	if (pgt_trace.session == NULL || !pgt_trace.options.waits)
		return;
	if (seen_generation != pgt_trace.generation)
		seen = 0;
	seen_generation = pgt_trace.generation;
	late = pg_atomic_read_u32(&pgt_trace.session->late_probes);
	if (likely(late == seen) || !IsTransactionState())
		return;
	seen = late;
	pgt_forget_open_files();
}

/* The flag is set: is it for an active trace of this process? */
bool
pgt_trace_look(void)
{
	if (pgt_trace_flag == &always_set || !pgt_emit_active())
		check(true);
	pgt_calls_follow();
	pgt_options_follow();
	follow_late_probes();
	return pgt_emit_active();
}

void
pgt_trace_join(void)
{
	if (pgt_trace_flag == &always_set || !pgt_emit_active())
		check(false);
}

bool
pgt_trace_goes_on(void)
{
	if (!pgt_emit_active())
		return false;
	pgt_calls_follow();
	return true;
}

void
pgt_trace_recheck(void)
{
	pgt_trace_flag = &always_set;
	setting_followed = false;
}
