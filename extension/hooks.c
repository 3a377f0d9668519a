/*
 * hooks.c
 *		The executor, planner and utility hooks.
 *
 * In a process that isn't traced, each hook tests one flag in shared memory
 * and calls the next one; what is done otherwise is in functions of its own,
 * so that the way through stays short.  In a traced process the hooks bracket
 * what PostgreSQL does with the calls of the trace (calls.h):
 *
 *		analysis		PARSE of what is planned later, or never (analysis.c)
 *		planner			PARSE
 *		ExecutorStart	BINDS; EXEC, the whole of it for a query
 *		ExecutorRun		FETCH for a query, nothing for DML
 *		ExecutorFinish	ends the EXEC of DML; STAT
 *		ExecutorEnd		CLOSE
 *		ProcessUtility	BINDS; EXEC
 *
 * An error that passes through a hook ends its call in the trace and goes on;
 * none is ever raised on the trace's account.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "optimizer/planner.h"
#include "tcop/utility.h"

#include "extension/activation.h"
#include "extension/analysis.h"
#include "extension/calls.h"
#include "extension/clock.h"
#include "extension/command.h"
#include "extension/compat.h"
#include "extension/emit.h"
#include "extension/emit_binds.h"
#include "extension/emit_plan.h"
#include "extension/executions.h"
#include "extension/guc.h"
#include "extension/hooks.h"
#include "extension/libraries.h"
#include "extension/plan_watch.h"
#include "extension/statement.h"
#include "extension/utilities.h"

/* What each hook goes on to: the one that was set before, or PostgreSQL's own */
static planner_hook_type next_planner = standard_planner;
static ExecutorStart_hook_type next_executor_start = standard_ExecutorStart;
static ExecutorRun_hook_type next_executor_run = standard_ExecutorRun;
static ExecutorFinish_hook_type next_executor_finish = standard_ExecutorFinish;
static ExecutorEnd_hook_type next_executor_end = standard_ExecutorEnd;
static ProcessUtility_hook_type next_process_utility = standard_ProcessUtility;

/* ----------
 * Planner
 * ----------
 */

static pg_noinline PlannedStmt *
trace_planner(PGT_PLANNER_PARAMS)
{
	PlannedStmt *result;
	PgtCursor  *cursor;
	PgtCall		call;

	pgt_calls_settle(pgt_stack());
	cursor = pgt_statement_cursor(query_string, parse->stmt_location,
								  parse->stmt_len,
								  pgt_command_of_operation(parse->commandType),
								  PGT_QUERY_ID(parse->queryId), NULL, NULL);
	if (cursor == NULL)
		return next_planner(PGT_PLANNER_ARGS);

	(void) pgt_analysis_take();
	/* what runs in the planner may need many cursors */
	pgt_cursor_pin(cursor);
	pgt_call_begin(&call, PGT_CALL_PARSE, cursor, pgt_stack());
	PG_TRY();
	{
		pgt_call_watch(&call, parse);
		result = next_planner(PGT_PLANNER_ARGS);
		(void) pgt_call_unwatch(parse);
	}
	PG_CATCH();
	{
		pgt_call_fail(&call);
		pgt_call_unpin(&call);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (call.generation == pgt_trace.generation)
	{
		pgt_cursor_set_plan(cursor, result);
		call.plan_hash = cursor->plan_hash;
	}
	pgt_call_end(&call, 0, true);
	pgt_call_unpin(&call);
	return result;
}

static PlannedStmt *
hook_planner(PGT_PLANNER_PARAMS)
{
	if (pgt_traced())
		return trace_planner(PGT_PLANNER_ARGS);
	return next_planner(PGT_PLANNER_ARGS);
}

/* ----------
 * Executor
 * ----------
 */

/* The cursor of an execution; its plan may be one that was made before. */
static PgtCursor *
cursor_of_query(const QueryDesc *query)
{
	const PlannedStmt *plan = query->plannedstmt;
	PgtCursor  *cursor;

	cursor = pgt_statement_cursor(query->sourceText, plan->stmt_location,
								  plan->stmt_len,
								  pgt_command_of_operation(query->operation),
								  PGT_QUERY_ID(plan->queryId), plan, NULL);
	if (cursor != NULL)
		pgt_cursor_set_plan(cursor, plan);
	return cursor;
}

static bool
wants_stat(const PgtCursor *cursor)
{
	switch (pgt_trace.options.plan_stat)
	{
		case PGT_PLAN_STAT_FIRST:
			return !pgt_cursor_has_stat(cursor, cursor->plan_hash);
		case PGT_PLAN_STAT_ADAPTIVE:
			return !pgt_cursor_has_stat(cursor, cursor->plan_hash) ||
				cursor->time_ns >= pgt_debug_adaptive_time * UINT64CONST(1000000);
		case PGT_PLAN_STAT_ALL:
			return true;
		default:
			return false;
	}
}

static bool
can_watch_nodes(void)
{
	return pgt_node_waits && pgt_trace.options.waits;
}

/*
 * Is INSTRUMENT_ROWS enough for STAT lines, and plan_watch.c does the rest?
 * What parallel workers do is something that PostgreSQL has to collect.
 */
static bool
can_count(const QueryDesc *query)
{
	return query->instrument_options == 0 &&
		!query->plannedstmt->parallelModeNeeded;
}

static pg_noinline void
trace_executor_start(QueryDesc *query, int eflags)
{
	PgtCursor  *cursor;
	PgtExecution *execution;
	PgtCall		call;
	bool		want_stat;
	bool		rows_only;

	pgt_calls_settle(pgt_stack());
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0 ||
		(cursor = cursor_of_query(query)) == NULL)
	{
		next_executor_start(query, eflags);
		return;
	}

	want_stat = wants_stat(cursor);
	rows_only = want_stat && can_count(query);
	if (want_stat)
		query->instrument_options |= INSTRUMENT_ROWS |
			(rows_only ? 0 : INSTRUMENT_BUFFERS);
	if (pgt_trace.options.binds)
		pgt_emit_binds(query->params, cursor);

	pgt_cursor_pin(cursor);
	pgt_call_begin(&call, PGT_CALL_EXEC, cursor, pgt_stack());
	PG_TRY();
	{
		pgt_call_watch(&call, query);
		next_executor_start(query, eflags);
		(void) pgt_call_unwatch(query);
	}
	PG_CATCH();
	{
		pgt_call_fail(&call);
		pgt_call_unpin(&call);
		PG_RE_THROW();
	}
	PG_END_TRY();

	/* if another trace has begun meanwhile, the cursor isn't its */
	execution = call.generation == pgt_trace.generation ?
		pgt_execution_add(query, cursor) : NULL;
	pgt_call_unpin(&call);
	if (execution != NULL)
	{
		execution->want_stat = want_stat;
		execution->rows_only = rows_only;
	}
	if (execution != NULL && execution->is_dml)
	{
		pgt_call_leave(&call);
		execution->call = call;
		execution->call_open = true;
	}
	else
		pgt_call_end(&call, 0, false);
}

static void
hook_executor_start(QueryDesc *query, int eflags)
{
	if (pgt_traced())
		trace_executor_start(query, eflags);
	else
		next_executor_start(query, eflags);
}

/* An execution that had started when tracing did, such as an open cursor's */
static PgtExecution *
adopt_execution(QueryDesc *query)
{
	PgtCursor  *cursor = cursor_of_query(query);

	return cursor != NULL ? pgt_execution_add(query, cursor) : NULL;
}

static void
begin_first_run(PgtExecution *execution)
{
	PgtWatchOptions options = {
		.shown = can_watch_nodes(),
		.with_sums = execution->want_stat && pgt_emit_has_probes(),
		.rows_only = execution->rows_only,
		.timing = execution->want_stat ? pgt_trace.options.node_timing :
		PGT_NODE_TIMING_OFF,
	};

	if (options.shown || execution->want_stat)
		execution->number = pgt_plan_watch_begin(execution->query, &options);
	if (execution->want_stat && execution->call_open)
		execution->start_ns = pgt_clock_now() - execution->call.begin_ns;
}

/* Enter the call that this run is, or is a part of. */
static pg_noinline bool
begin_run(QueryDesc *query)
{
	PgtExecution *execution;

	execution = pgt_execution_find(query);
	if (execution == NULL)
		execution = adopt_execution(query);
	if (execution == NULL)
		return false;

	/* here, since a parallel worker changes nodes between Start and Run */
	if (!execution->has_run)
		begin_first_run(execution);
	execution->has_run = true;

	if (execution->call_open)
		pgt_execution_enter(execution, pgt_stack());
	else
		pgt_execution_begin(execution, execution->is_dml ? PGT_CALL_EXEC :
							PGT_CALL_FETCH, pgt_stack());
	execution->call_open = execution->is_dml;
	pgt_call_watch(&execution->call, query);
	/* the wait for the worker is part of the call */
	pgt_libraries_check();
	return true;
}

static pg_noinline void
end_run(QueryDesc *query)
{
	PgtCall    *call = pgt_call_unwatch(query);

	/* another trace, which may have begun meanwhile, doesn't know the call */
	if (call == NULL)
		return;
	if (call->kind == PGT_CALL_FETCH)
		pgt_execution_end_call(pgt_execution_of(call),
							   query->estate->es_processed);
	else
		pgt_call_leave(call);
}

/*
 * Recursion passes through here and through trace_executor_finish(), so there
 * is no PG_TRY() (see calls.c), and nothing but the query is kept on the stack.
 */
static pg_noinline void
trace_executor_run(PGT_EXECUTOR_RUN_PARAMS)
{
	next_executor_run(PGT_EXECUTOR_RUN_ARGS);
	end_run(query);
}

/* Apart from the hook, which otherwise would have a stack frame in any case */
static pg_noinline void
look_at_executor_run(PGT_EXECUTOR_RUN_PARAMS)
{
	if (pgt_traced() && begin_run(query))
		trace_executor_run(PGT_EXECUTOR_RUN_ARGS);
	else
		next_executor_run(PGT_EXECUTOR_RUN_ARGS);
}

static void
hook_executor_run(PGT_EXECUTOR_RUN_PARAMS)
{
	if (unlikely(pgt_may_be_traced()))
		look_at_executor_run(PGT_EXECUTOR_RUN_ARGS);
	else
		next_executor_run(PGT_EXECUTOR_RUN_ARGS);
}

static bool
changes_data(const QueryDesc *query)
{
	return query->operation != CMD_SELECT ||
		query->plannedstmt->hasModifyingCTE;
}

/* Of a query, no other line has that. */
static void
end_finish(PgtExecution *execution)
{
	uint64		begin_ns = execution->finish_ns;

	execution->finish_ns = pgt_clock_shown(begin_ns, pgt_clock_now() - begin_ns);
	if (!execution->is_dml)
		pgt_execution_add_time(execution, begin_ns, execution->finish_ns);
}

static pg_noinline void
trace_executor_finish(QueryDesc *query)
{
	PgtExecution *execution;

	execution = pgt_execution_find(query);
	if (execution == NULL)
	{
		next_executor_finish(query);
		return;
	}

	/* a query's Finish counts as the beginning of its CLOSE */
	if (execution->call_open)
		pgt_execution_enter(execution, pgt_stack());
	else
		pgt_execution_begin(execution, PGT_CALL_CLOSE, pgt_stack());
	execution->call_open = true;

	/* until the end of this, nodes work and triggers are fired */
	if (execution->want_stat && changes_data(query))
		execution->finish_ns = pgt_clock_now();
	pgt_call_watch(&execution->call, query);
	next_executor_finish(query);
	(void) pgt_call_unwatch(query);
	if (execution->finish_ns != 0)
		end_finish(execution);

	if (execution->is_dml)
	{
		pgt_execution_end_call(execution, query->estate->es_processed);
		execution->call_open = false;
	}
	else
		pgt_call_leave(&execution->call);

	if (execution->want_stat && pgt_emit_active())
	{
		pgt_emit_plan(query, execution);
		pgt_cursor_note_stat(execution->cursor, execution->plan_hash);
	}
}

static void
hook_executor_finish(QueryDesc *query)
{
	if (pgt_traced())
		trace_executor_finish(query);
	else
		next_executor_finish(query);
}

static pg_noinline void
trace_executor_end(QueryDesc *query)
{
	PgtExecution *execution;
	PgtCall		call;

	execution = pgt_execution_find(query);
	if (execution == NULL)
	{
		next_executor_end(query);
		return;
	}

	if (execution->call_open)
	{
		call = execution->call;
		pgt_call_enter(&call, pgt_stack());
	}
	else
	{
		pgt_call_begin(&call, PGT_CALL_CLOSE, execution->cursor, pgt_stack());
		call.plan_hash = execution->plan_hash;
	}

	/* its memory goes away with the query */
	pgt_execution_remove(execution);
	PG_TRY();
	{
		pgt_call_watch(&call, query);
		next_executor_end(query);
		(void) pgt_call_unwatch(query);
	}
	PG_CATCH();
	{
		pgt_call_fail(&call);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pgt_call_end(&call, 0, false);
}

static void
hook_executor_end(QueryDesc *query)
{
	if (pgt_traced())
		trace_executor_end(query);
	else
		next_executor_end(query);
}

/* ----------
 * Utility statements
 * ----------
 */

/* A utility statement isn't planned: its PARSE ends where its EXEC begins. */
static void
send_parse(PgtCursor *cursor)
{
	PgtCall		call;

	pgt_call_begin(&call, PGT_CALL_PARSE, cursor, pgt_stack());
	pgt_call_end(&call, 0, true);
}

static pg_noinline bool
begin_utility(PlannedStmt *pstmt, const char *query_string,
			  ParamListInfo params)
{
	PgtCursor  *cursor;

	pgt_calls_settle(pgt_stack());
	cursor = pgt_statement_cursor(query_string, pstmt->stmt_location,
								  pstmt->stmt_len,
								  pgt_command_of_utility(pstmt->utilityStmt),
								  PGT_QUERY_ID(pstmt->queryId), NULL,
								  pstmt->utilityStmt);
	if (cursor == NULL)
		return false;
	if (pgt_analysis_take())
		send_parse(cursor);
	if (pgt_trace.options.binds)
		pgt_emit_binds(params, cursor);
	return pgt_utility_begin(pstmt, query_string, cursor, pgt_stack());
}

/* As for trace_executor_run(), nothing but the statement is kept on the stack. */
static pg_noinline void
trace_process_utility(PlannedStmt *pstmt, const char *query_string,
					  bool read_only_tree, ProcessUtilityContext context,
					  ParamListInfo params, QueryEnvironment *query_env,
					  DestReceiver *dest, QueryCompletion *qc)
{
	next_process_utility(pstmt, query_string, read_only_tree, context,
						 params, query_env, dest, qc);
	pgt_libraries_check();
	pgt_utility_end(pstmt, qc != NULL ? qc->nprocessed : 0);
}

static void
hook_process_utility(PlannedStmt *pstmt, const char *query_string,
					 bool read_only_tree, ProcessUtilityContext context,
					 ParamListInfo params, QueryEnvironment *query_env,
					 DestReceiver *dest, QueryCompletion *qc)
{
	if (pgt_traced() && begin_utility(pstmt, query_string, params))
		trace_process_utility(pstmt, query_string, read_only_tree, context,
							  params, query_env, dest, qc);
	else
		next_process_utility(pstmt, query_string, read_only_tree, context,
							 params, query_env, dest, qc);
}

void
pgt_hooks_install(void)
{
	if (planner_hook)
		next_planner = planner_hook;
	planner_hook = hook_planner;
	if (ExecutorStart_hook)
		next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = hook_executor_start;
	if (ExecutorRun_hook)
		next_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = hook_executor_run;
	if (ExecutorFinish_hook)
		next_executor_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = hook_executor_finish;
	if (ExecutorEnd_hook)
		next_executor_end = ExecutorEnd_hook;
	ExecutorEnd_hook = hook_executor_end;
	if (ProcessUtility_hook)
		next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = hook_process_utility;
	pgt_analysis_install();
}
