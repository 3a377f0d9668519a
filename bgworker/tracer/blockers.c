/*
 * blockers.c
 *		Who is in the way of a process that waits for a lock.
 *
 * Only PostgreSQL's lock manager knows, and only while the wait lasts, so the
 * worker asks it when a wait begins.  That takes all the partitions of the
 * lock table for a moment, which is in the way of all other processes.  So
 * no more than a small share of time is spent on it; beyond that, blockers
 * stay unknown.
 */
#include "postgres.h"

#include "pgstat.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/backend_status.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "bgworker/tracer/blockers.h"
#include "bgworker/tracer/patience.h"
#include "extension/clock.h"
#include "extension/compat.h"

/* One part of so many of the time, and so much of it at once */
#define TIME_SHARE		10
#define MAX_CREDIT_NS	50000000

static int64 credit_ns = MAX_CREDIT_NS;

/* Times are added to what may be spent as they pass. */
static bool
has_credit(void)
{
	static uint64 last_ns = 0;
	uint64		now = pgt_clock_now();

	credit_ns = Min(credit_ns + (int64) ((now - last_ns) / TIME_SHARE),
					MAX_CREDIT_NS);
	last_ns = now;
	return credit_ns > 0;
}

static void
take_pids(PgtBlockers *blockers, ArrayType *array)
{
	const int32 *pids = (const int32 *) ARR_DATA_PTR(array);
	int			npids = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	for (int i = 0; i < npids; i++)
	{
		bool		known = false;

		for (int j = 0; j < blockers->count; j++)
			known |= blockers->pids[j] == pids[i];
		if (known)
			continue;
		blockers->total++;
		if (blockers->count < PGT_MAX_BLOCKERS)
			blockers->pids[blockers->count++] = pids[i];
	}
}

/* A word for it */
static const char *
state_name(BackendState state)
{
	switch (state)
	{
		case STATE_IDLE:
			return "idle";
		case STATE_RUNNING:
		case STATE_FASTPATH:
			return "active";
		case STATE_IDLEINTRANSACTION:
			return "idle_in_transaction";
		case STATE_IDLEINTRANSACTION_ABORTED:
			return "idle_in_transaction_aborted";
		default:
			return "unknown";
	}
}

static void
take_activities(PgtBlockers *blockers, Oid role)
{
	int			nbackends = pgstat_fetch_stat_numbackends();

	for (int i = 1; i <= nbackends; i++)
	{
		const PgBackendStatus *status =
			&pgt_local_beentry(i)->backendStatus;

		if (status->st_userid != role)
			continue;
		for (int j = 0; j < blockers->count; j++)
		{
			if (blockers->pids[j] != status->st_procpid ||
				status->st_procpid == 0)
				continue;
			blockers->known[j] = true;
			blockers->query_ids[j] = PGT_QUERY_ID(status->st_query_id);
			blockers->states[j] = state_name(status->st_state);
			blockers->xact_starts[j] = status->st_xact_start_timestamp;
		}
	}
}

bool
pgt_blockers_find(int pid, Oid role, PgtBlockers *blockers)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch;
	uint64		begin_ns;

	memset(blockers, 0, sizeof(*blockers));
	if (!has_credit())
		return false;

	begin_ns = pgt_clock_now();
	scratch = AllocSetContextCreate(caller, "pg_trace_bgw blockers",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	pgt_patience_begin();
	PG_TRY();
	{
		take_pids(blockers,
				  DatumGetArrayTypeP(DirectFunctionCall1(pg_blocking_pids,
														 Int32GetDatum(pid))));
		if (blockers->count > 0)
			take_activities(blockers, role);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		LWLockReleaseAll();
		EmitErrorReport();
		FlushErrorState();
		blockers->count = 0;
	}
	PG_END_TRY();
	pgt_patience_end();
	pgstat_clear_backend_activity_snapshot();
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	credit_ns -= pgt_clock_now() - begin_ns;
	return blockers->count > 0;
}

bool
pgt_blockers_lock(const PGPROC *proc, struct pgt_lock *lock, uint8 *mode)
{
	volatile const PGPROC *now = proc;
	const LOCK *waited_for = now->waitLock;
	uint32		event = now->wait_event_info;

	if ((event & 0xFF000000U) != PG_WAIT_LOCK || waited_for == NULL)
		return false;
	memcpy(lock, &waited_for->tag, sizeof(*lock));
	*mode = now->waitLockMode;
	pg_memory_barrier();
	return now->waitLock == waited_for && now->wait_event_info == event;
}
