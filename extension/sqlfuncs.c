/*
 * sqlfuncs.c
 *		The SQL functions that start, stop and show traces.
 */
#include "postgres.h"

#include <sys/utsname.h>

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "extension/compat.h"
#include "extension/guc.h"
#include "extension/session.h"

/* How long the functions wait for the worker. */
#define CONTROL_TIMEOUT_MS	10000

PGT_FUNCTION(pg_trace_session);
PGT_FUNCTION(pg_trace_start_trace);
PGT_FUNCTION(pg_trace_stop_trace);
PGT_FUNCTION(pg_trace_status);
PGT_FUNCTION(pg_trace_worker);

static void
check_loaded(void)
{
	if (pgt_shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_trace_bgw must be loaded by shared_preload_libraries"),
				 errhint("Add pg_trace_bgw to shared_preload_libraries in postgresql.conf and restart the server.")));
}

static void
check_enabled(void)
{
	if (!pgt_enabled)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tracing is disabled"),
				 errhint("Run ALTER SYSTEM SET pg_trace.enabled = on; SELECT pg_reload_conf();")));
}

/*
 * The rules of pg_terminate_backend(): superusers may do all; nobody else
 * may touch a superuser's process or one that has no role; others need the
 * privileges of the process's role.
 */
static void
check_privilege(const PGPROC *proc)
{
	if (superuser())
		return;
	if (!OidIsValid(proc->roleId) || superuser_arg(proc->roleId))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be a superuser to trace a superuser's process")));
	if (!has_privs_of_role(GetUserId(), proc->roleId))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be a member of the role whose process is being traced")));
}

/*
 * The options of a new trace are the settings, unless an argument says
 * otherwise; one that runs already keeps what no argument names.
 */
static void
set_options(PgtSession *session, FunctionCallInfo fcinfo, int first_arg)
{
	PgtOptions *options = &session->options;

	options->waits = pgt_waits;
	options->cpu = pgt_cpu;
	options->binds = pgt_binds;
	options->plan_stat = pgt_plan_stat;
	options->node_timing = pgt_node_timing;
	strlcpy(options->identifier, pgt_tracefile_identifier, NAMEDATALEN);

	if (first_arg < 0)
		return;
	if (!PG_ARGISNULL(first_arg))
	{
		options->waits = PG_GETARG_BOOL(first_arg);
		session->named_options |= PGT_NAMED_WAITS;
	}
	if (!PG_ARGISNULL(first_arg + 1))
	{
		options->binds = PG_GETARG_BOOL(first_arg + 1);
		session->named_options |= PGT_NAMED_BINDS;
	}
	if (!PG_ARGISNULL(first_arg + 2))
	{
		char	   *name =
			text_to_cstring(PG_GETARG_TEXT_PP(first_arg + 2));

		options->plan_stat = pgt_plan_stat_parse(name);
		if (options->plan_stat < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for plan_stat: \"%s\"", name),
					 errhint("Available values: never, first_execution, adaptive, all_executions.")));
		session->named_options |= PGT_NAMED_PLAN_STAT;
	}
}

/* Who asks, as sessions remember it */
static Oid
requester(void)
{
	return superuser() ? InvalidOid : GetUserId();
}

/* Describe another process as pg_stat_activity shows it. */
static void
describe_other(PgtSession *session, int pid, PGPROC *proc)
{
	PGPROC	   *leader = proc->lockGroupLeader;
	int			nbackends = pgstat_fetch_stat_numbackends();
	char	   *name;

	session->pid = pid;
	session->proc_number = PGT_PROC_NUMBER(proc);
	session->leader_pid = leader != NULL && leader != proc ? leader->pid : 0;
	session->remote = true;
	session->database = proc->databaseId;
	session->role = proc->roleId;

	for (int i = 1; i <= nbackends; i++)
	{
		PgBackendStatus *status =
			&pgt_local_beentry(i)->backendStatus;

		if (status->st_procpid != pid)
			continue;
		session->backend_type = status->st_backendType;
		name = session->backend_type == B_BG_WORKER ?
			unconstify(char *, GetBackgroundWorkerTypeByPid(pid)) : NULL;
		strlcpy(session->image, name != NULL ? name :
				GetBackendTypeDesc(session->backend_type), BGW_MAXLEN);
		session->backend_start = status->st_proc_start_timestamp;
		strlcpy(session->application_name, status->st_appname, NAMEDATALEN);
		break;
	}

	name = OidIsValid(session->database) ?
		get_database_name(session->database) : NULL;
	if (name != NULL)
		namestrcpy(&session->database_name, name);
	name = OidIsValid(session->role) ?
		GetUserNameFromId(session->role, true) : NULL;
	if (name != NULL)
		namestrcpy(&session->role_name, name);
}

static char *
start_trace(PgtSession *session)
{
	char	   *path = palloc(MAXPGPATH);
	char		error[PGT_ERROR_LEN];
	const char *hint;
	int			sqlstate;

	session->owner = requester();
	if (!pgt_session_start(session, CONTROL_TIMEOUT_MS, path, error, &hint,
						   &sqlstate))
		ereport(ERROR,
				(errcode(sqlstate),
				 sqlstate == ERRCODE_INSUFFICIENT_PRIVILEGE ?
				 errmsg("%s", error) :
				 errmsg("could not trace process %d: %s", session->pid, error),
				 hint != NULL ? errhint("%s", hint) : 0));
	return path;
}

static char *
stop_trace(int pid)
{
	char	   *path = palloc(MAXPGPATH);
	char		error[PGT_ERROR_LEN];
	const char *hint;
	int			sqlstate;

	if (!pgt_session_stop(pid, requester(), CONTROL_TIMEOUT_MS, path, error,
						  &hint, &sqlstate))
		ereport(ERROR,
				(errcode(sqlstate),
				 sqlstate == ERRCODE_INSUFFICIENT_PRIVILEGE ?
				 errmsg("%s", error) :
				 errmsg("could not stop the trace: %s", error),
				 hint != NULL ? errhint("%s", hint) : 0));
	return path;
}

/*
 * pg_trace_session(pid, enable, waits, binds, plan_stat): trace a process, or
 * stop that.  Returns the trace file's path.
 */
Datum
pg_trace_session(PG_FUNCTION_ARGS)
{
	int			pid;
	bool		enable;
	PGPROC	   *proc;
	PgtSession	session;

	check_loaded();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pid and enable must not be null")));
	pid = PG_GETARG_INT32(0);
	enable = PG_GETARG_BOOL(1);
	if (enable)
		check_enabled();

	/* it has a PGPROC, but isn't in the array that is searched below */
	if (pid == pgt_shared->worker.pid)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the worker that writes the traces can't be traced itself")));
	proc = pgt_session_find_proc(pid);
	if (proc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("PID %d is not a PostgreSQL server process", pid),
				 errhint("See pg_stat_activity for the PIDs of this server's processes.")));
	check_privilege(proc);
	if (!enable)
		PG_RETURN_TEXT_P(cstring_to_text(stop_trace(pid)));

	memset(&session, 0, sizeof(session));
	if (pid == MyProcPid)
		pgt_session_describe_self(&session);
	else
		describe_other(&session, pid, proc);
	set_options(&session, fcinfo, 2);
	PG_RETURN_TEXT_P(cstring_to_text(start_trace(&session)));
}

Datum
pg_trace_start_trace(PG_FUNCTION_ARGS)
{
	PgtSession	session;

	check_loaded();
	check_enabled();
	memset(&session, 0, sizeof(session));
	pgt_session_describe_self(&session);
	set_options(&session, fcinfo, -1);
	PG_RETURN_TEXT_P(cstring_to_text(start_trace(&session)));
}

Datum
pg_trace_stop_trace(PG_FUNCTION_ARGS)
{
	check_loaded();
	PG_RETURN_TEXT_P(cstring_to_text(stop_trace(MyProcPid)));
}

static const char *
state_name(PgtSessionState state)
{
	switch (state)
	{
		case PGT_SESSION_STARTING:
			return "starting";
		case PGT_SESSION_ACTIVE:
			return "active";
		case PGT_SESSION_STOPPING:
			return "stopping";
		default:
			return "free";
	}
}

/* A text column that is null when the text is empty. */
static void
set_text(Datum *value, bool *null, const char *text)
{
	*null = text[0] == '\0';
	if (!*null)
		*value = CStringGetTextDatum(text);
}

/* The rule of pg_stat_activity: whose sessions may be looked at closely? */
static bool
may_see(Oid role)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		has_privs_of_role(GetUserId(), role);
}

#define STATUS_COLUMNS	18

/* A row of pg_trace_status; of others' sessions, only that they are traced. */
static void
put_status(ReturnSetInfo *result, PgtSession *session)
{
	Datum		values[STATUS_COLUMNS] = {0};
	bool		nulls[STATUS_COLUMNS] = {0};
	int			i = 0;

	values[i++] = Int32GetDatum(session->pid);
	nulls[i] = session->leader_pid == 0;
	values[i++] = Int32GetDatum(session->leader_pid);
	values[i++] = CStringGetTextDatum(session->image);
	set_text(&values[i], &nulls[i], NameStr(session->database_name));
	i++;
	set_text(&values[i], &nulls[i], NameStr(session->role_name));
	i++;
	set_text(&values[i], &nulls[i], session->application_name);
	i++;
	values[i++] = CStringGetTextDatum(state_name(session->state));
	nulls[i] = session->started_at == 0;
	values[i++] = TimestampTzGetDatum(session->started_at);
	values[i++] = BoolGetDatum(session->options.waits);
	values[i++] = BoolGetDatum(session->options.binds);
	values[i++] =
		CStringGetTextDatum(pgt_plan_stat_name(session->options.plan_stat));
	set_text(&values[i], &nulls[i], session->probe);
	i++;
	set_text(&values[i], &nulls[i], session->trace_file);
	i++;
	values[i++] =
		Int64GetDatum(pg_atomic_read_u64(&session->bytes_written));
	values[i++] = Int64GetDatum(pg_atomic_read_u64(&session->sql_events));
	values[i++] = Int64GetDatum(pg_atomic_read_u64(&session->wait_events));
	values[i++] = Int64GetDatum(pg_atomic_read_u64(&session->lost_events) +
								pg_atomic_read_u64(&session->queue.lost));
	set_text(&values[i], &nulls[i], session->last_error);
	Assert(i + 1 == STATUS_COLUMNS);
	if (!may_see(session->role))
	{
		memset(nulls, true, sizeof(nulls));
		nulls[0] = false;		/* pid */
		nulls[3] = NameStr(session->database_name)[0] == '\0';
		nulls[4] = NameStr(session->role_name)[0] == '\0';
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
pg_trace_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	PgtSession *copies;
	int			ncopies = 0;

	check_loaded();
	InitMaterializedSRF(fcinfo, 0);

	/* rows are built from copies, outside the lock */
	copies = palloc(sizeof(PgtSession) * pgt_nsessions);
	LWLockAcquire(pgt_lock, LW_SHARED);
	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (pgt_sessions[i].state != PGT_SESSION_FREE)
			pgt_session_copy(&copies[ncopies++], &pgt_sessions[i]);
	}
	LWLockRelease(pgt_lock);

	for (int i = 0; i < ncopies; i++)
		put_status(result, &copies[i]);
	return (Datum) 0;
}

#define WORKER_COLUMNS	17

Datum
pg_trace_worker(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[WORKER_COLUMNS] = {0};
	bool		nulls[WORKER_COLUMNS] = {0};
	PgtWorkerStatus worker;
	struct utsname kernel;
	int			i = 0;

	check_loaded();
	InitMaterializedSRF(fcinfo, 0);

	LWLockAcquire(pgt_lock, LW_SHARED);
	worker = pgt_shared->worker;
	LWLockRelease(pgt_lock);
	/* anything may stand in shared memory, but strings have to end */
	worker.state[sizeof(worker.state) - 1] = '\0';
	worker.capabilities[sizeof(worker.capabilities) - 1] = '\0';
	worker.probe[sizeof(worker.probe) - 1] = '\0';
	worker.libbpf[sizeof(worker.libbpf) - 1] = '\0';
	worker.last_error[sizeof(worker.last_error) - 1] = '\0';
	if (uname(&kernel) != 0)
		kernel.release[0] = '\0';

	nulls[i] = worker.pid == 0;
	values[i++] = Int32GetDatum(worker.pid);
	set_text(&values[i], &nulls[i], worker.state);
	i++;
	set_text(&values[i], &nulls[i], worker.capabilities);
	i++;
	set_text(&values[i], &nulls[i], worker.probe);
	i++;
	values[i++] = Int32GetDatum(worker.probe_sites);
	values[i++] = Int32GetDatum(worker.expensive_sites);
	values[i++] = CStringGetTextDatum(kernel.release);
	set_text(&values[i], &nulls[i], worker.libbpf);
	i++;
	values[i++] = Int64GetDatum(worker.ring_buffer_size);
	values[i++] = Int64GetDatum(worker.ring_buffer_max_used);
	values[i++] = Int64GetDatum(worker.probe_hits);
	values[i++] = Int64GetDatum(worker.drained_events);
	values[i++] = Int64GetDatum(worker.lost_events);
	values[i++] = Int32GetDatum(worker.sessions);
	values[i++] = Int32GetDatum(pgt_nsessions);
	set_text(&values[i], &nulls[i], worker.unusable_probes);
	i++;
	set_text(&values[i], &nulls[i], worker.last_error);
	Assert(i + 1 == WORKER_COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
