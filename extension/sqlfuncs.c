/*
 * sqlfuncs.c
 *		The SQL functions that start and stop traces.
 *
 * They check who asks for what, and hand the request over to control.c.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"

#include "extension/compat.h"
#include "extension/control.h"
#include "extension/guc.h"
#include "extension/session.h"

/* How long the functions wait for the worker. */
#define CONTROL_TIMEOUT_MS	10000

PGT_FUNCTION(pg_trace_session);
PGT_FUNCTION(pg_trace_start_trace);
PGT_FUNCTION(pg_trace_stop_trace);

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
	if (!pgt_control_start(session, CONTROL_TIMEOUT_MS, false, path, error,
						   &hint, &sqlstate))
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

	if (!pgt_control_stop(pid, requester(), CONTROL_TIMEOUT_MS, path, error,
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

	pgt_session_check_loaded();
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

	pgt_session_check_loaded();
	check_enabled();
	memset(&session, 0, sizeof(session));
	pgt_session_describe_self(&session);
	set_options(&session, fcinfo, -1);
	PG_RETURN_TEXT_P(cstring_to_text(start_trace(&session)));
}

Datum
pg_trace_stop_trace(PG_FUNCTION_ARGS)
{
	pgt_session_check_loaded();
	PG_RETURN_TEXT_P(cstring_to_text(stop_trace(MyProcPid)));
}
