/*
 * executions.c
 *		The executions that are open in this process.
 *
 * Connects the executor hooks of one query with each other.  Each execution
 * is allocated in the memory context that the executor makes for the query,
 * so that it goes away with it: by ExecutorEnd, or, when an error has ended
 * the query, whenever the portal is dropped.  They are found by the address of
 * their QueryDesc in a hash table of lists, which needs no memory of its own.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "nodes/execnodes.h"

#include "extension/clock.h"
#include "extension/emit.h"
#include "extension/executions.h"
#include "extension/nesting.h"
#include "extension/plan_watch.h"

#define NBUCKETS	8192		/* a power of two */

/* All, in no order */
static dlist_head open_executions = DLIST_STATIC_INIT(open_executions);

static PgtExecution *buckets[NBUCKETS];

static PgtExecution **
bucket_of(const QueryDesc *query)
{
	return &buckets[murmurhash32((uintptr_t) query >> 4) & (NBUCKETS - 1)];
}

static bool
is_current(const PgtExecution *execution)
{
	return execution->query != NULL &&
		execution->generation == pgt_trace.generation;
}

/* An error has ended it: send its CLOSE, and remove it. */
static void
abort_execution(PgtExecution *execution)
{
	PgtEndRecord *record;

	if (!is_current(execution))
		return;

	pgt_emit_hurry();
	record = pgt_emit_begin(PGT_RECORD_END, sizeof(PgtEndRecord), NULL, 0,
							execution->cursor->number, pgt_call_depth);
	if (record != NULL)
	{
		record->kind = PGT_CALL_CLOSE;
		record->close_type = PGT_CLOSE_CACHED;
		pgt_emit_commit();
	}
	pgt_emit_take_time();
	pgt_execution_remove(execution);
}

void
pgt_executions_abort(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &open_executions)
		abort_execution(dlist_container(PgtExecution, node, iter.cur));
}

/* The query's memory context is deleted, and it hasn't ended otherwise. */
static void
context_deleted(void *arg)
{
	PgtExecution *execution = (PgtExecution *) arg;

	pgt_call_forget(&execution->call);
	if (!is_current(execution))
		return;
	/* what ran within it, or for its rows, has ended before */
	pgt_calls_sweep(0);
	abort_execution(execution);
}

static void
call_failed(PgtCall *call)
{
	abort_execution(pgt_execution_of(call));
}

void
pgt_execution_begin(PgtExecution *execution, PgtCallKind kind,
					const char *stack)
{
	pgt_call_begin(&execution->call, kind, execution->cursor, stack);
	pgt_plan_node = (uint64) execution->number << 32;
	execution->call.plan_hash = execution->plan_hash;
	execution->call.failed = call_failed;
}

void
pgt_execution_enter(PgtExecution *execution, const char *stack)
{
	execution->call.failed = call_failed;
	pgt_call_enter(&execution->call, stack);
	pgt_plan_node = (uint64) execution->number << 32;
}

void
pgt_execution_add_time(PgtExecution *execution, uint64 begin_ns,
					   uint64 elapsed_ns)
{
	uint64		stopped_ns;

	if (!execution->want_stat || execution->query == NULL)
		return;
	stopped_ns = pgt_plan_watch_stopped_ns(execution->query);
	if (stopped_ns != 0 && !execution->stopped)
	{
		execution->stopped = true;
		execution->exact_ns = execution->elapsed_ns +
			(stopped_ns > begin_ns ? stopped_ns - begin_ns : 0);
	}
	/* so that it is the sum of what lines say */
	execution->elapsed_ns += pgt_clock_shown(begin_ns, elapsed_ns);
}

void
pgt_execution_end_call(PgtExecution *execution, uint64 rows)
{
	uint64		begin_ns = execution->call.begin_ns;

	pgt_execution_add_time(execution, begin_ns,
						   pgt_call_end(&execution->call, rows, false));
}

PgtExecution *
pgt_execution_add(QueryDesc *query, PgtCursor *cursor)
{
	MemoryContext context = query->estate->es_query_cxt;
	PgtExecution **bucket = bucket_of(query);
	PgtExecution *execution;

	execution = MemoryContextAllocExtended(context, sizeof(PgtExecution),
										   MCXT_ALLOC_NO_OOM |
										   MCXT_ALLOC_ZERO);
	if (execution == NULL)
		return NULL;

	execution->query = query;
	execution->wal_start = pgWalUsage;
	execution->cursor = cursor;
	execution->plan_hash = cursor->plan_hash;
	execution->generation = pgt_trace.generation;
	execution->is_dml = query->operation != CMD_SELECT;
	execution->callback.func = context_deleted;
	execution->callback.arg = execution;
	MemoryContextRegisterResetCallback(context, &execution->callback);
	dlist_push_head(&open_executions, &execution->node);
	execution->link = bucket;
	execution->next = *bucket;
	if (*bucket != NULL)
		(*bucket)->link = &execution->next;
	*bucket = execution;
	pgt_cursor_pin(cursor);
	return execution;
}

PgtExecution *
pgt_execution_find(const QueryDesc *query)
{
	PgtExecution *execution = *bucket_of(query);

	while (execution != NULL && execution->query != query)
		execution = execution->next;
	return execution != NULL && is_current(execution) ? execution : NULL;
}

void
pgt_execution_remove(PgtExecution *execution)
{
	if (!is_current(execution))
		return;
	dlist_delete(&execution->node);
	*execution->link = execution->next;
	if (execution->next != NULL)
		execution->next->link = execution->link;
	pgt_cursor_unpin(execution->cursor);
	execution->query = NULL;
}

void
pgt_executions_reset(void)
{
	dlist_init(&open_executions);
	memset(buckets, 0, sizeof(buckets));
}
