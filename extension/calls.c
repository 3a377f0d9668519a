/*
 * calls.c
 *		The calls of the trace: PARSE, EXEC, FETCH, CLOSE.
 *
 * A call is measured from pgt_call_begin() to pgt_call_end(), with everything
 * that ran below it: elapsed and CPU time from the clocks, blocks as the
 * difference of PostgreSQL's own counters, which are always kept.
 *
 * A PG_TRY() takes more of the stack than all else that a hook has there, and a
 * statement must not fail by the limit of the stack's depth because it is
 * traced.  So the hooks that recursion passes through have none.  A call that
 * an error has ended is known by its place on the stack, which lies beyond the
 * end of that now.  That is looked at when a subtransaction or transaction is
 * rolled back, when the error is logged, and when other calls begin and end.
 * The stack grows downwards on all machines that have eBPF.
 *
 * Errors are heard of when they are raised, by an error context callback of
 * each call: one that PL/pgSQL catches is reported nowhere else.  A statement
 * that could not be parsed or analyzed within a call has no call itself; it has
 * its PARSE ERROR at once.  Any other error ends the innermost call, and its
 * line comes with that; or, if that call goes on nevertheless, before whatever
 * that call does next.
 */
#include "postgres.h"

#include "access/xact.h"

#include "extension/calls.h"
#include "extension/clock.h"
#include "extension/emit.h"
#include "extension/emit_error.h"
#include "extension/error_details.h"
#include "extension/guc.h"
#include "extension/nesting.h"
#include "extension/plan_watch.h"
#include "extension/run_queue.h"
#include "extension/tracer_wait.h"

/* How long a reading of the thread's CPU clock is good for */
#define CPU_CLOCK_AGE_NS	10000

StaticAssertDecl(CPU_CLOCK_AGE_NS <= PG_UINT16_MAX, "PgtEndRecord.cpu_age_ns");

TimestampTz pgt_outer_statement = 0;

static uint64 cpu_asked_ns = 0; /* when the kernel was, for the CPU time */

static PgtCall *innermost = NULL;	/* of the calls that are entered */
static bool failed = false;
static int	last_sqlstate = 0;	/* of what was raised within a watched call */

/*
 * An error was raised in the innermost call, by itself and nothing within.  Once
 * it turns out whether that has ended the call, this is NULL again.
 */
static PgtCall *struck = NULL;
static bool noted = false;		/* the error that is on its way is known */

/* Stands for no call */
static PgtCall outside = {.cursor = NULL};
static const char *block_stack = NULL;	/* where such a call's watch began */

/* stack: where it is now */
static inline bool
is_over(const PgtCall *call, const char *stack)
{
	return call->frame != NULL && call->frame <= stack;
}

static void leave(PgtCall *call);
static uint64 end(PgtCall *call, uint64 rows, bool missed);
static void sweep(const char *stack, int sqlstate);
static void fail_all_within(const PgtCall *call, int sqlstate);

/*
 * CPU time of this thread at now_ns.  To ask the kernel takes 0.4 us, longer
 * than many a call lasts.  So for CPU_CLOCK_AGE_NS after it has been asked, the
 * thread is taken to have stayed on the CPU, which can be wrong by no more than
 * that.  The worker takes off what it knows to have been waits.  The result never
 * decreases, so that a call's CPU time includes that of the calls within.
 */
static uint64
cpu_clock(uint64 now_ns)
{
	static uint64 asked_cpu_ns = 0;
	static uint64 last_ns = 0;
	uint64		cpu_ns;

	if (now_ns - cpu_asked_ns < CPU_CLOCK_AGE_NS)
		cpu_ns = asked_cpu_ns + (now_ns - cpu_asked_ns);
	else
	{
		cpu_ns = asked_cpu_ns = pgt_clock_cpu();
		cpu_asked_ns = now_ns;
	}
	last_ns = Max(last_ns, cpu_ns);
	return last_ns;
}

/*
 * Whatever was raised has been caught: the innermost call, where that was, goes
 * on.
 */
static void
go_on(void)
{
	PgtCall    *call = struck;

	noted = false;
	if (likely(call == NULL))
		return;
	struck = NULL;
	if (call == &outside)
		(void) pgt_emit_error(0, pgt_call_depth, last_sqlstate,
							  pgt_values_hidden);
	else if (call->generation == pgt_trace.generation)
		(void) pgt_emit_error(call->cursor->number, call->depth, last_sqlstate,
							  call->hides_values);
}

void
pgt_calls_settle(const char *stack)
{
	sweep(stack, 0);
	go_on();
}

void
pgt_calls_begin_trace(TimestampTz running_since)
{
	pgt_error_prepare();
	pgt_lead_begin_trace();
	pgt_outer_statement = 0;
	if (innermost != NULL)
		return;
	pgt_call_depth = 0;
	if (running_since == 0)
		return;
	pgt_outer_statement = running_since;
	pgt_call_depth = 1;
	pgt_calls_leave_outer();
}

/* The statement that was running when tracing began: is it over? */
void
pgt_calls_leave_outer(void)
{
	if (innermost != NULL ||
		GetCurrentStatementStartTimestamp() == pgt_outer_statement)
		return;
	pgt_outer_statement = 0;
	pgt_call_depth = 0;
}

void
pgt_call_begin(PgtCall *call, PgtCallKind kind, PgtCursor *cursor,
			   const char *stack)
{
	PgtBeginRecord *record;

	pgt_calls_settle(stack);
	call->cursor = cursor;
	call->failed = NULL;
	call->generation = pgt_trace.generation;
	call->kind = kind;
	call->plan_hash = cursor->plan_hash;
	call->depth = pgt_call_depth;
	if (call->depth == 0)
	{
		failed = false;			/* an error that PL/pgSQL has caught */
		block_stack = NULL;
	}

	record = pgt_emit_begin(PGT_RECORD_BEGIN, sizeof(PgtBeginRecord), NULL, 0,
							cursor->number, call->depth);
	if (record != NULL)
	{
		record->kind = kind;
		record->plan_node = call->depth > 0 ? pgt_plan_node : 0;
		call->begin_ns = record->header.time_ns;
		call->begin_cpu_ns = cpu_clock(call->begin_ns);
		record->cpu_ns = call->begin_cpu_ns;
		record->run_delay_ns = call->depth == 0 ?
			pgt_run_queue_at_first_begin(call->begin_ns, call->begin_cpu_ns) :
			pgt_run_queue_within(call->begin_ns, call->begin_cpu_ns);
		if (call->depth == 0)
			pgt_lead_fill(record);
		pgt_emit_commit();
	}
	else
	{
		call->begin_ns = pgt_clock_now();
		call->begin_cpu_ns = cpu_clock(call->begin_ns);
	}
	if (call->depth == 0)
		pgt_lead_blocks(&call->blocks);
	else
		pgt_blocks_read(&call->blocks);
	pgt_call_enter(call, stack);
}

/* What parallel workers that are launched now work for */
static void
show_cursor_to_workers(const PgtCursor *cursor)
{
	pgt_leader_cursor = cursor->number;
	pgt_leader_location = cursor->location;
	pgt_leader_length = cursor->full_len;
}

static void
leave(PgtCall *call)
{
	call->entered = false;
	pgt_call_depth = call->depth;
	pgt_plan_node = call->plan_node;
	innermost = call->outer;
	pgt_values_hidden = innermost != NULL && innermost->hides_values;
	if (innermost != NULL)
		show_cursor_to_workers(innermost->cursor);
	else
		pgt_leader_cursor = 0;
}

void
pgt_call_leave(PgtCall *call)
{
	if (!call->entered)
		return;
	if (unlikely(innermost != call))
		fail_all_within(call, last_sqlstate);
	go_on();
	leave(call);
}

void
pgt_call_enter(PgtCall *call, const char *stack)
{
	call->frame = stack;
	if (stack == NULL)
		call->key = NULL;
	call->entered = true;
	pgt_call_depth = call->depth + 1;
	/* what an error may have left behind doesn't outlive the client's call */
	call->plan_node = call->depth > 0 ? pgt_plan_node : 0;
	pgt_plan_node = 0;
	call->hides_values = call->cursor->hides_values || pgt_values_hidden;
	call->outer = innermost;
	innermost = call;
	pgt_values_hidden = call->hides_values;
	show_cursor_to_workers(call->cursor);
}

/*
 * Is the client's statement over with this call?  Not if there is a
 * transaction to be ended for it: then waits that follow are part of that.
 */
static bool
ends_statement(const PgtCall *call)
{
	if (call->depth > 0 || !IsTransactionBlock())
		return false;
	if (call->kind == PGT_CALL_EXEC)
		return call->cursor->plan == NULL;	/* a utility statement */
	return call->kind == PGT_CALL_CLOSE;
}

/* Its line, once it has been left; returns its elapsed time */
static uint64
end(PgtCall *call, uint64 rows, bool missed)
{
	PgtEndRecord *record;
	PgtBlockCounts blocks;
	uint64		elapsed_ns;
	uint64		cpu_ns;

	/* the trace may have ended, or another begun, in the meantime */
	if (call->generation != pgt_trace.generation || !pgt_emit_active())
		return 0;

	record = pgt_emit_begin(PGT_RECORD_END, sizeof(PgtEndRecord), NULL, 0,
							call->cursor->number, call->depth);
	if (record == NULL)
		return pgt_clock_now() - call->begin_ns;
	pgt_blocks_read(&blocks);
	elapsed_ns = record->header.time_ns - call->begin_ns;
	record->elapsed_ns = elapsed_ns;
	call->cursor->time_ns += elapsed_ns;
	cpu_ns = cpu_clock(record->header.time_ns);
	record->cpu_ns = cpu_ns - call->begin_cpu_ns;
	record->cpu_age_ns = record->header.time_ns - cpu_asked_ns;
	record->run_delay_ns = call->depth == 0 ?
		pgt_run_queue_at_last_end(record->header.time_ns, cpu_ns) :
		pgt_run_queue_within(record->header.time_ns, cpu_ns);
	record->blocks_read = blocks.read - call->blocks.read;
	record->blocks_got = blocks.got - call->blocks.got;
	record->blocks_dirtied = blocks.dirtied - call->blocks.dirtied;
	record->rows = rows;
	record->kind = call->kind;
	record->plan_hash = call->plan_hash;
	record->missed = missed;
	record->begun = true;
	record->done = ends_statement(call);
	if (call->depth == 0)
	{
		pgt_tracer_wait_call_end();
		pgt_lead_note_end(record->header.time_ns, &blocks);
	}
	if (call->kind == PGT_CALL_CLOSE)
		record->close_type = PGT_CLOSE_CACHED;
	pgt_emit_commit();
	return elapsed_ns;
}

uint64
pgt_call_end(PgtCall *call, uint64 rows, bool missed)
{
	if (!call->entered)
		return 0;
	pgt_call_leave(call);
	return end(call, rows, missed);
}

/* The innermost call is over by an error. */
static void
fail_innermost(int sqlstate)
{
	PgtCall    *call = innermost;

	struck = NULL;
	leave(call);
	/* whatever planning has come to, it was no plan from the cache */
	(void) end(call, 0, call->kind == PGT_CALL_PARSE);
	if (call->generation == pgt_trace.generation &&
		pgt_emit_error(call->cursor->number, call->depth, sqlstate,
					   call->hides_values))
		failed = true;
	if (call->failed != NULL)
		call->failed(call);
}

/* Locks of what has failed may still be held, so nobody waits. */
static void
fail_all_within(const PgtCall *call, int sqlstate)
{
	pgt_emit_hurry();
	while (innermost != NULL && innermost != call)
		fail_innermost(sqlstate);
	pgt_emit_take_time();
}

void
pgt_call_fail(PgtCall *call)
{
	if (!call->entered)
		return;
	if (!noted)
	{
		pgt_error_details_keep(pgt_error_copy());
		pgt_error_copy_free();
	}
	fail_all_within(call->outer, geterrcode());
}

void
pgt_calls_fail(int sqlstate)
{
	fail_all_within(NULL, sqlstate);
}

static void
sweep(const char *stack, int sqlstate)
{
	if (likely(innermost == NULL || !is_over(innermost, stack)))
		return;
	pgt_emit_hurry();
	while (innermost != NULL && is_over(innermost, stack))
		fail_innermost(sqlstate != 0 ? sqlstate : last_sqlstate);
	pgt_emit_take_time();
}

void
pgt_calls_sweep(int sqlstate)
{
	sweep(pgt_stack(), sqlstate);
}

void
pgt_calls_sweep_detached(int sqlstate)
{
	pgt_calls_sweep(sqlstate);
	while (innermost != NULL && innermost->frame == NULL)
	{
		fail_all_within(innermost->outer, sqlstate);
		pgt_calls_sweep(sqlstate);
	}
}

void
pgt_call_forget(PgtCall *call)
{
	if (!call->entered)
		return;
	fail_all_within(call->outer, last_sqlstate);
}

/*
 * An error is being raised, and the innermost call is where.  What a statement
 * has been reported with by then, other than this call's own, is nested in it.
 */
static void
note_error(PgtCall *call, const ErrorData *edata)
{
	pgt_emit_hurry();
	go_on();
	pgt_error_details_keep(edata);
	last_sqlstate = edata->sqlerrcode;
	noted = true;
	if (edata->internalquery != NULL)
		pgt_emit_parse_error(edata->internalquery, edata->internalpos,
							 edata->sqlerrcode);
	else
		struck = call;
	pgt_emit_take_time();
}

/*
 * An error context callback, also called for mere messages.  The innermost of
 * the calls is told first.
 */
static void
note_report(void *arg)
{
	PgtCall    *call = (PgtCall *) arg;
	const ErrorData *edata;

	if (call != (innermost != NULL ? innermost : &outside) ||
		geterrcode() == ERRCODE_SUCCESSFUL_COMPLETION ||
		(call != &outside && call->generation != pgt_trace.generation) ||
		!pgt_emit_active())
		return;

	/* there is no other way to see what it is */
	edata = pgt_error_copy();
	if (edata->elevel >= ERROR)
		note_error(call, edata);
	pgt_error_copy_free();
}

static void
push_context(PgtCall *call)
{
	call->context.callback = note_report;
	call->context.arg = call;
	call->context.previous = error_context_stack;
	error_context_stack = &call->context;
}

void
pgt_call_watch(PgtCall *call, const void *key)
{
	call->key = key;
	push_context(call);
}

PgtCall *
pgt_call_unwatch(const void *key)
{
	ErrorContextCallback *context = error_context_stack;
	PgtCall    *call;

	if (context == NULL || context->callback != note_report)
		return NULL;
	call = (PgtCall *) context->arg;
	if (call->key != key)
		return NULL;
	error_context_stack = context->previous;
	return call;
}

/*
 * Whoever has set error_context_stack before takes the call off it, at the
 * latest when he returns.  Until then, it must not be put there a second time,
 * even if somebody has hidden it for the moment.
 */
void
pgt_calls_watch_block(void)
{
	const ErrorContextCallback *context = error_context_stack;
	PgtCall    *call = innermost != NULL ? innermost : &outside;

	if (call->key != NULL)
		return;
	while (context != NULL && context != &call->context)
		context = context->previous;
	if (context != NULL || (block_stack != NULL && pgt_stack() < block_stack))
		return;
	block_stack = pgt_stack();
	push_context(call);
}

void
pgt_calls_error_reported(void)
{
	struck = NULL;
	noted = false;
}

bool
pgt_calls_know_error(void)
{
	return noted;
}

bool
pgt_call_failed(void)
{
	bool		result = failed;

	failed = false;
	return result;
}
