/*
 * views.c
 *		The functions behind the views pg_trace_status and pg_trace_worker.
 *
 * Both show what stands in shared memory: the traced processes, and what the
 * worker says of itself.
 */
#include "postgres.h"

#include <sys/utsname.h>

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "extension/compat.h"
#include "extension/guc.h"
#include "extension/session.h"

PGT_FUNCTION(pg_trace_status);
PGT_FUNCTION(pg_trace_worker);

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

#define STATUS_COLUMNS	19

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
	values[i++] =
		Float8GetDatum(pg_atomic_read_u64(&session->tracer_wait_us) / 1e3);
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

	pgt_session_check_loaded();
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

	pgt_session_check_loaded();
	InitMaterializedSRF(fcinfo, 0);

	LWLockAcquire(pgt_lock, LW_SHARED);
	worker = pgt_shared->worker;
	LWLockRelease(pgt_lock);
	/* anything may stand in shared memory, but strings have to end */
	worker.state[sizeof(worker.state) - 1] = '\0';
	worker.capabilities[sizeof(worker.capabilities) - 1] = '\0';
	worker.probe[sizeof(worker.probe) - 1] = '\0';
	worker.libbpf[sizeof(worker.libbpf) - 1] = '\0';
	worker.unusable_probes[sizeof(worker.unusable_probes) - 1] = '\0';
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
