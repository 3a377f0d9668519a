/*
 * executions.c
 *		The executions that are open in this process.
 *
 * Connects the executor hooks of one query with each other.  Each execution
 * is allocated in the memory context that the executor makes for the query,
 * so that it goes away with it: by ExecutorEnd, or, when an error has ended
 * the query, whenever the portal is dropped.
 */
#include "postgres.h"

#include "nodes/execnodes.h"

#include "extension/emit.h"
#include "extension/executions.h"

/* Most recently used first. */
static dlist_head open_executions = DLIST_STATIC_INIT(open_executions);

static bool
is_current(const PgtExecution *execution)
{
	return execution->query != NULL &&
		execution->generation == pgt_trace.generation;
}

void
pgt_execution_abort(PgtExecution *execution)
{
	PgtEndRecord *record;

	if (!is_current(execution))
		return;

	record = pgt_emit_begin(PGT_RECORD_END, sizeof(PgtEndRecord), NULL, 0,
							execution->cursor->number, pgt_call_depth);
	if (record != NULL)
	{
		record->kind = PGT_CALL_CLOSE;
		record->close_type = PGT_CLOSE_CACHED;
		pgt_emit_commit();
	}
	pgt_execution_remove(execution);
}

void
pgt_executions_abort(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &open_executions)
		pgt_execution_abort(dlist_container(PgtExecution, node, iter.cur));
}

/* The query's memory context is deleted, and it hasn't ended otherwise. */
static void
context_deleted(void *arg)
{
	pgt_execution_abort((PgtExecution *) arg);
}

PgtExecution *
pgt_execution_add(QueryDesc *query, PgtCursor *cursor)
{
	MemoryContext context = query->estate->es_query_cxt;
	PgtExecution *execution;

	execution = MemoryContextAllocExtended(context, sizeof(PgtExecution),
										   MCXT_ALLOC_NO_OOM |
										   MCXT_ALLOC_ZERO);
	if (execution == NULL)
		return NULL;

	execution->query = query;
	execution->cursor = cursor;
	execution->generation = pgt_trace.generation;
	execution->is_dml = query->operation != CMD_SELECT;
	execution->callback.func = context_deleted;
	execution->callback.arg = execution;
	MemoryContextRegisterResetCallback(context, &execution->callback);
	dlist_push_head(&open_executions, &execution->node);
	pgt_cursor_pin(cursor);
	return execution;
}

PgtExecution *
pgt_execution_find(QueryDesc *query)
{
	dlist_iter	iter;

	dlist_foreach(iter, &open_executions)
	{
		PgtExecution *execution =
			dlist_container(PgtExecution, node, iter.cur);

		if (execution->query == query)
		{
			dlist_move_head(&open_executions, &execution->node);
			return is_current(execution) ? execution : NULL;
		}
	}
	return NULL;
}

void
pgt_execution_remove(PgtExecution *execution)
{
	if (!is_current(execution))
		return;
	dlist_delete(&execution->node);
	pgt_cursor_unpin(execution->cursor);
	execution->query = NULL;
}

void
pgt_executions_reset(void)
{
	dlist_init(&open_executions);
}
