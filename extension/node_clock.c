/*
 * node_clock.c
 *		How long the nodes of a plan take, by the clock.
 *
 * The wrappers of plan_watch.c call this when a node begins to work and when it
 * has yielded a row.  What has passed since the clock was read last belongs to
 * the node that was at work.  So each node has its own time, and that with the
 * nodes below is a sum: never more than that of the node above.  Statements
 * that a node's functions run are in its time, since they have clocks of their
 * own; an error that ends some of them leaves nothing behind here.
 *
 * Two readings for each row and node are cheap for a short execution and dear
 * for a long one.  So there is a budget of calls, which grows with the CPU time
 * used: where a node takes long for a row, the clock costs nothing in comparison.
 * When it is used up, the worker is told, and adds up from then on what is
 * sampled (bgworker/trace/stat_line.c).
 *
 * Nodes that MultiExecProcNode() executes have no wrapper.  PostgreSQL's own
 * Instrumentation reads the clock for these, which takes two readings for a
 * whole hash table or bitmap.  What they take appears in the time of the node
 * above that has a wrapper, and is taken off that in the end.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "executor/instrument.h"
#include "nodes/nodeFuncs.h"

#include "extension/clock.h"
#include "extension/emit.h"
#include "extension/nesting.h"
#include "extension/node_clock.h"

/*
 * A call takes two readings, of some 30 ns each, and a little around them:
 * below 0.1 ms for these,
 */
#define BUDGET_CALLS	1000

/* and below two percent of CPU time, if there is one more call for so much. */
#define NS_PER_CALL		5000

/* What isn't worth going on for */
#define MIN_CALLS		16

/* CPU time costs a system call to know: a short execution does without. */
#define FIRST_CALLS		64

/* In Instrumentation.startup of a node: the worker hasn't timed all of it */
#define TIME_UNKNOWN	(-1.0)

/* Is it MultiExecProcNode() that executes it, and nothing else? */
static bool
is_multi_executed(const PlanState *state)
{
	return IsA(state, HashState) || IsA(state, BitmapIndexScanState) ||
		IsA(state, BitmapAndState) || IsA(state, BitmapOrState);
}

void
pgt_node_clock_start(PgtWatchedPlan *plan, bool budget)
{
	plan->timed = true;
	plan->clock_on = true;
	plan->calls_left = budget ? FIRST_CALLS : PG_INT64_MAX;
	for (int i = 0; i < plan->nnodes; i++)
	{
		PgtWatchedNode *node = &plan->nodes[i];

		if (node->state != NULL && node->state->instrument != NULL &&
			is_multi_executed(node->state) && !node->state->instrument->need_timer)
			node->has_timer = node->state->instrument->need_timer = true;
	}
}

/* What Instrumentation has of this process's time in a node, up to now */
static uint64
instrumented_ns(const PlanState *state)
{
	const Instrumentation *instrument = state->instrument;
	double		seconds;

	if (instrument == NULL)
		return 0;
	seconds = instrument->total + INSTR_TIME_GET_DOUBLE(instrument->counter);
	for (int i = 0; state->worker_instrument != NULL &&
		 i < state->worker_instrument->num_workers; i++)
		seconds -= state->worker_instrument->instrument[i].total;
	if (!INSTR_TIME_IS_ZERO(instrument->starttime))
	{
		instr_time	running;

		INSTR_TIME_SET_CURRENT(running);
		INSTR_TIME_SUBTRACT(running, instrument->starttime);
		seconds += INSTR_TIME_GET_DOUBLE(running);
	}
	return seconds > 0 ? (uint64) (seconds * 1e9) : 0;
}

void
pgt_node_clock_stop(PgtWatchedPlan *plan)
{
	if (!plan->clock_on)
		return;
	plan->clock_on = false;
	plan->stopped_ns = plan->last_ns;
	for (int i = 0; i < plan->nnodes; i++)
	{
		PgtWatchedNode *node = &plan->nodes[i];

		if (node->state == NULL || !is_multi_executed(node->state))
			continue;
		node->exact_ns = instrumented_ns(node->state);
		if (!node->has_timer)
			continue;
		/* a node that is at work doesn't miss its timer */
		node->state->instrument->need_timer = false;
		INSTR_TIME_SET_ZERO(node->state->instrument->starttime);
	}
}

/*
 * The calls that were due are used up: how many are by now?  Returns what the
 * time is after that, since whoever uses a system call may lose the CPU there.
 */
static pg_noinline uint64
look_at_budget(PgtWatchedPlan *plan, uint64 now_ns)
{
	uint64		cpu_ns = pgt_clock_cpu();
	uint64		inside_ns = now_ns - plan->outside_ns;

	/* between the plan's rows, the CPU time may be anybody's */
	plan->calls_left = plan->paid_cpu_ns == 0 ? BUDGET_CALLS - FIRST_CALLS :
		Min(cpu_ns - plan->paid_cpu_ns,
			inside_ns - plan->paid_ns) / NS_PER_CALL;
	if (plan->calls_left < MIN_CALLS)
		plan->calls_left = 0;
	plan->paid_ns = inside_ns;
	plan->paid_cpu_ns = cpu_ns;
	return pgt_clock_now();
}

static pg_noinline void
stop_by_budget(PgtWatchedPlan *plan)
{
	PgtSampledRecord *record;

	pgt_node_clock_stop(plan);
	if (plan->execution == 0)
		return;
	record = pgt_emit_begin(PGT_RECORD_SAMPLED, sizeof(PgtSampledRecord),
							NULL, 0, 0, pgt_call_depth);
	if (record == NULL)
		return;
	record->execution = plan->execution;
	pgt_emit_commit();
}

void
pgt_node_clock_enter(PgtWatchedNode *node)
{
	PgtWatchedPlan *plan = node->plan;
	uint64		now_ns = pgt_clock_now();

	/* the time between the rows of the whole plan is nobody's here */
	if (plan->current != NULL)
		plan->current->own_ns += now_ns - plan->last_ns;
	else if (plan->last_ns != 0)
		plan->outside_ns += now_ns - plan->last_ns;
	node->outer = plan->current;
	plan->current = node;
	plan->last_ns = now_ns;
}

void
pgt_node_clock_leave(PgtWatchedNode *node)
{
	PgtWatchedPlan *plan = node->plan;
	uint64		now_ns = pgt_clock_now();

	if (unlikely(--plan->calls_left <= 0))
		now_ns = look_at_budget(plan, now_ns);
	node->own_ns += now_ns - plan->last_ns;
	plan->current = node->outer;
	plan->last_ns = now_ns;
	if (unlikely(plan->calls_left <= 0))
		stop_by_budget(plan);
}

/* ----------
 * Sums
 * ----------
 */

/* Of the nodes right below one */
typedef struct Sum
{
	const PgtWatchedPlan *plan;
	uint64		wrapped_ns;		/* of those of them, or below them, that have
								 * wrappers */
	uint64		total_ns;		/* of all of them */
} Sum;

static bool
sum_node(PlanState *state, void *context)
{
	Sum		   *above = (Sum *) context;
	PgtWatchedNode *node = pgt_watched_node(above->plan, state);
	Sum			below = {.plan = above->plan};

	/* a subplan may be found twice */
	if (node != NULL && node->summed)
		return false;
	if (node != NULL)
		node->summed = true;
	planstate_tree_walker(state, sum_node, &below);
	if (node == NULL)
	{
		above->wrapped_ns += below.wrapped_ns;
		above->total_ns += below.total_ns;
	}
	else if (is_multi_executed(state))
	{
		uint64		total_ns = above->plan->stopped_ns != 0 ?
			node->exact_ns : instrumented_ns(state);

		node->exact_ns = Max(total_ns, below.total_ns);
		above->wrapped_ns += below.wrapped_ns;
		above->total_ns += node->exact_ns;
	}
	else
	{
		/* its own time has that of nodes without a wrapper */
		node->exact_ns = Max(below.wrapped_ns + node->own_ns, below.total_ns);
		above->wrapped_ns += node->exact_ns;
		above->total_ns += node->exact_ns;
	}
	return false;
}

void
pgt_node_clock_sum(QueryDesc *query, PgtWatchedPlan *plan)
{
	Sum			sum = {.plan = plan};

	if (plan->timed)
		(void) sum_node(query->planstate, &sum);
}

/* ----------
 * Parallel workers
 * ----------
 */

void
pgt_node_clock_report(PgtWatchedPlan *plan)
{
	if (!IsParallelWorker() || !plan->timed)
		return;
	for (int i = 0; i < plan->nnodes; i++)
	{
		PgtWatchedNode *node = &plan->nodes[i];
		Instrumentation *instrument =
			node->state != NULL ? node->state->instrument : NULL;

		/* what others have had measured stays */
		if (instrument == NULL ||
			(instrument->need_timer && !node->has_timer))
			continue;
		if (plan->stopped_ns == 0)
			instrument->total = node->exact_ns / 1e9;
		else
			instrument->startup = TIME_UNKNOWN;
	}
}

bool
pgt_node_clock_of_workers(const PlanState *state, uint64 *ns)
{
	const WorkerInstrumentation *workers = state->worker_instrument;
	double		seconds = 0;

	for (int i = 0; workers != NULL && i < workers->num_workers; i++)
	{
		const Instrumentation *instrument = &workers->instrument[i];

		if (instrument->nloops <= 0)
			continue;
		if (instrument->startup < 0 || instrument->total <= 0)
			return false;
		seconds += instrument->total;
	}
	*ns = (uint64) (seconds * 1e9);
	return true;
}
