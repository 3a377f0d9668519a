/*
 * plan_watch.c
 *		Which plan node this process is executing, for the BPF program to see;
 *		what the nodes have done, for STAT lines.
 *
 * Each node of a traced execution gets a wrapper around the function that
 * yields its rows.  It stores the node's id in a word of this process, calls
 * the function, and restores the word.  The BPF programs read the word when a
 * wait begins, and about every millisecond of CPU time.  Nothing is sent.  For
 * STAT lines, the clock is read as well, as long as that is cheap
 * (node_clock.c).
 *
 * The wrapper takes the place of PlanState.ExecProcNodeReal, so that what the
 * executor puts around that function (a check of the stack at the first call,
 * instrumentation) stays as it is.  The function that it replaced stands in an
 * array by plan_node_id, which is found by the EState: its memory context has
 * a callback of ours, whose argument is the array.  As long as a node can be
 * executed, that context lives, whatever becomes of the trace; and there is
 * nothing else that could be out of date.
 *
 * Where rows are to be counted, and nobody but the trace has asked for that,
 * the wrapper does it, too, and then it stands in PlanState.ExecProcNode, in
 * the place of the executor's instrumentation.  It keeps Instrumentation as
 * that does, so that the executor ends loops and counts what isn't executed by
 * ExecProcNode(); but blocks it counts in sums of its own, and only
 * when there are any.
 *
 * What isn't executed by ExecProcNode() has no wrapper.  Bitmap index scans are
 * executed by MultiExecProcNode(), on whose start the BPF program has a probe;
 * it finds their words in the array.  Other waits and CPU time belong to the
 * node above: those of asynchronous foreign scans to Append, and of nodes that
 * EvalPlanQual() starts to LockRows or ModifyTable.  An error passes by the
 * wrapper, so the call that it ends (calls.c) restores the word.
 */
#include "postgres.h"

#include "executor/instrument.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"

#include "bpf/pg_trace.h"
#include "extension/guc.h"
#include "extension/node_blocks.h"
#include "extension/node_clock.h"
#include "extension/plan_watch.h"
#include "extension/watched_plan.h"

/* The planner counts from 0; but not every plan is made by it. */
#define MAX_PLAN_NODE_ID	1000000

/* A walk over a plan to wrap its nodes */
typedef struct Walk
{
	PgtWatchedPlan *plan;
	uint64		execution;		/* its number, in the upper half of words, */
	bool		shown;			/* if there are words */
	uint32		last_id;		/* given out so far */
	const PlanState *parent;
	uint32		parent_id;
} Walk;

volatile uint64 pgt_plan_node = 0;

static uint32 last_execution = 0;
static uint32 last_unsummed = 0;

/*
 * The plan that a node was executed of last, which saves looking for it.  It is
 * struct pgt_watched_plan in bpf/pg_trace.h.
 */
static struct
{
	EState	   *estate;
	PgtWatchedNode *nodes;
}			current = {NULL};

static bool renew_wrappers(PlanState *state, void *context);

/* ----------
 * Wrappers
 * ----------
 */

/* The query's memory context is deleted. */
static void
forget_plan(void *arg)
{
	if (((PgtWatchedPlan *) arg)->estate == current.estate)
	{
		current.estate = NULL;
		current.nodes = NULL;
	}
}

PgtWatchedPlan *
pgt_watched_plan(const EState *estate)
{
	MemoryContextCallback *callback = estate->es_query_cxt->reset_cbs;

	while (callback != NULL && callback->func != forget_plan)
		callback = callback->next;
	return callback != NULL ? (PgtWatchedPlan *) callback->arg : NULL;
}

static pg_noinline void
change_plan(EState *estate)
{
	current.nodes = pgt_watched_plan(estate)->nodes;
	current.estate = estate;
}

static inline PgtWatchedNode *
find_node(const PlanState *state)
{
	if (unlikely(state->state != current.estate))
		change_plan(state->state);
	return &current.nodes[state->plan->plan_node_id];
}

PgtWatchedNode *
pgt_watched_node(const PgtWatchedPlan *plan, const PlanState *state)
{
	int			node_id = state->plan->plan_node_id;
	const PgtWatchedNode *node;

	if (node_id < 0 || node_id >= plan->nnodes)
		return NULL;
	node = &plan->nodes[node_id];
	return node->state == state ? unconstify(PgtWatchedNode *, node) : NULL;
}

static pg_attribute_always_inline TupleTableSlot *
call_and_count(PlanState *state, PgtWatchedNode *node)
{
	TupleTableSlot *slot;

	pgt_node_blocks_begin(node);
	slot = node->function(state);
	pgt_node_blocks_end(node, slot);
	return slot;
}

static inline void
begin_work(PgtWatchedNode *node)
{
	if (unlikely(node->plan->clock_on))
		pgt_node_clock_enter(node);
	node->outer_word = pgt_plan_node;
	pgt_plan_node = node->word;
}

static inline void
end_work(PgtWatchedNode *node)
{
	if (unlikely(node->plan->clock_on))
		pgt_node_clock_leave(node);
	pgt_plan_node = node->outer_word;
}

/*
 * Recursion passes through these two, once for each node.  What is needed after
 * the call is in the node, and what is done before and after it in functions
 * apart, so that they take next to nothing of the stack.
 */
static TupleTableSlot *
run_node(PlanState *state)
{
	PgtWatchedNode *node = find_node(state);
	TupleTableSlot *slot;

	begin_work(node);
	slot = node->function(state);
	end_work(node);
	return slot;
}

static pg_noinline PgtWatchedNode *
begin_row(PlanState *state)
{
	PgtWatchedNode *node = find_node(state);

	begin_work(node);
	pgt_node_blocks_begin(node);
	return node;
}

static pg_noinline TupleTableSlot *
end_row(PgtWatchedNode *node, TupleTableSlot *slot)
{
	pgt_node_blocks_end(node, slot);
	end_work(node);
	return slot;
}

static TupleTableSlot *
count_node(PlanState *state)
{
	PgtWatchedNode *node = begin_row(state);

	return end_row(node, node->function(node->state));
}

/*
 * The node below a Hash.  A Hash isn't executed by ExecProcNode(), but from
 * the first row that it takes from below to the last, it is the one at work.
 */
static pg_attribute_always_inline TupleTableSlot *
run_for_hash(PlanState *state, bool counting)
{
	PgtWatchedNode *node = find_node(state);
	TupleTableSlot *slot;

	if (pgt_plan_node != node->parent_word)
		node->caller_word = pgt_plan_node;
	begin_work(node);
	slot = counting ? call_and_count(state, node) : node->function(state);
	end_work(node);
	pgt_plan_node = TupIsNull(slot) ? node->caller_word : node->parent_word;
	return slot;
}

static TupleTableSlot *
run_below_hash(PlanState *state)
{
	return run_for_hash(state, false);
}

static TupleTableSlot *
count_below_hash(PlanState *state)
{
	return run_for_hash(state, true);
}

/* The first time, the stack is checked, as ExecProcNodeFirst() does. */
static TupleTableSlot *
count_first(PlanState *state)
{
	PgtWatchedNode *node = find_node(state);

	check_stack_depth();
	state->ExecProcNode = node->wrapper;
	return node->wrapper(state);
}

static bool
has_launched(const PlanState *gather)
{
	return IsA(gather, GatherState) ?
		((const GatherState *) gather)->initialized :
		((const GatherMergeState *) gather)->initialized;
}

/*
 * Gather and Gather Merge.  When they launch workers, a parallel Hash Join
 * below them gets another function, without our wrapper.  It is renewed when
 * the node below begins to work in this process; or, where the join is that
 * node itself, for its second row.
 */
static TupleTableSlot *
run_gather(PlanState *state)
{
	PgtWatchedPlan *plan = find_node(state)->plan;
	PgtWatchedNode *below = pgt_watched_node(plan, outerPlanState(state));
	TupleTableSlot *slot;

	if (has_launched(state))
		return run_node(state);
	if (below != NULL)
		below->stale = true;
	slot = run_node(state);
	renew_wrappers(outerPlanState(state), plan);
	return slot;
}

static TupleTableSlot *
run_below_gather(PlanState *state)
{
	PgtWatchedNode *node = find_node(state);

	if (node->stale)
	{
		node->stale = false;
		renew_wrappers(state, node->plan);
	}
	return run_node(state);
}

/* ----------
 * Putting them in place
 * ----------
 */

static ExecProcNodeMtd
choose_wrapper(const PlanState *state, const PlanState *parent, bool counting)
{
	if (IsA(state, GatherState) || IsA(state, GatherMergeState))
		return run_gather;
	/* a subplan isn't the node below, though found there */
	if (parent != NULL && state == outerPlanState(parent))
	{
		if (IsA(parent, GatherState) || IsA(parent, GatherMergeState))
			return run_below_gather;
		if (IsA(parent, HashState))
			return counting ? count_below_hash : run_below_hash;
	}
	return counting ? count_node : run_node;
}

static void
put_wrapper(PgtWatchedNode *node)
{
	PlanState  *state = node->state;

	node->function = state->ExecProcNodeReal;
	if (node->wrapper == count_node || node->wrapper == count_below_hash)
	{
		state->ExecProcNode = count_first;
		return;
	}
	if (state->ExecProcNode == node->function)
		state->ExecProcNode = node->wrapper;
	state->ExecProcNodeReal = node->wrapper;
}

/* Is it MultiExecProcNode() that executes it, and nothing else? */
static bool
is_multi(const PlanState *state)
{
	return IsA(state, BitmapIndexScanState) || IsA(state, BitmapAndState) ||
		IsA(state, BitmapOrState);
}

/* Nodes have the ids that they have in STAT lines (emit_plan.c). */
static bool
watch_node(PlanState *state, void *context)
{
	Walk	   *walk = (Walk *) context;
	Walk		below = *walk;
	int			node_id = state->plan->plan_node_id;
	PgtWatchedNode *node = NULL;

	/* a subplan may be found twice, and has its lines once */
	if (pgt_watched_node(walk->plan, state) != NULL)
		return false;
	below.parent = state;
	below.parent_id = ++below.last_id;

	/* a made up plan may have any ids */
	if (node_id >= 0 && node_id < walk->plan->nnodes &&
		walk->plan->nodes[node_id].state == NULL &&
		state->state == walk->plan->estate)
	{
		node = &walk->plan->nodes[node_id];
		node->plan = walk->plan;
		node->state = state;
		node->wrapper = choose_wrapper(state, walk->parent,
									   walk->plan->counting &&
									   state->instrument != NULL);
		node->id = below.parent_id;
		if (walk->shown)
		{
			node->word = walk->execution | below.parent_id;
			node->multi_word = is_multi(state) ? node->word : 0;
			node->parent_word = walk->execution | walk->parent_id;
		}
		put_wrapper(node);
	}

	planstate_tree_walker(state, watch_node, &below);
	walk->last_id = below.last_id;
	if (node != NULL)
		node->last_id = below.last_id;
	return false;
}

static bool
renew_wrappers(PlanState *state, void *context)
{
	PgtWatchedNode *node = pgt_watched_node((PgtWatchedPlan *) context, state);

	if (node != NULL && state->ExecProcNodeReal != node->wrapper)
		put_wrapper(node);
	return planstate_tree_walker(state, renew_wrappers, context);
}

/* Watched in a former trace: its number means nothing in this one. */
static void
watch_again(PgtWatchedPlan *plan)
{
	for (int i = 0; i < plan->nnodes; i++)
	{
		plan->nodes[i].word = (uint32) plan->nodes[i].word;
		plan->nodes[i].multi_word = (uint32) plan->nodes[i].multi_word;
		plan->nodes[i].parent_word = (uint32) plan->nodes[i].parent_word;
	}
	plan->execution = 0;
	pgt_node_clock_stop(plan);
}

static bool
find_max_node_id(PlanState *state, void *context)
{
	int		   *max_id = (int *) context;

	*max_id = Max(*max_id, state->plan->plan_node_id);
	return planstate_tree_walker(state, find_max_node_id, context);
}

/* Whatever isn't counted here is counted by the executor. */
static bool
count_other_blocks(PlanState *state, void *context)
{
	if (state->instrument != NULL)
		state->instrument->need_bufusage = true;
	return planstate_tree_walker(state, count_other_blocks, context);
}

/* The number of an execution that begins, in the upper half of its words */
static uint32
next_number(bool with_sums)
{
	if (!with_sums)
		return ++last_unsummed | PGT_EXECUTION_UNSUMMED;
	last_execution = Max(1, (last_execution + 1) % PGT_EXECUTION_UNSUMMED);
	return last_execution;
}

uint32
pgt_plan_watch_begin(QueryDesc *query, const PgtWatchOptions *options)
{
	MemoryContext context = query->estate->es_query_cxt;
	int			max_id = 0;
	PgtWatchedPlan *plan = pgt_watched_plan(query->estate);
	Walk		walk = {NULL};

	if (plan != NULL)
	{
		watch_again(plan);
		return 0;
	}
	if (options->rows_only)
		(void) count_other_blocks(query->planstate, NULL);
	(void) find_max_node_id(query->planstate, &max_id);
	max_id = Min(max_id, MAX_PLAN_NODE_ID);
	plan = MemoryContextAllocExtended(context,
									  offsetof(PgtWatchedPlan, nodes) +
									  sizeof(PgtWatchedNode) * (max_id + 1),
									  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (plan == NULL)
		return 0;
	plan->estate = query->estate;
	plan->counting = options->rows_only &&
		query->instrument_options == INSTRUMENT_ROWS;
	plan->nnodes = max_id + 1;
	plan->callback.func = forget_plan;
	plan->callback.arg = plan;
	MemoryContextRegisterResetCallback(context, &plan->callback);

	walk.plan = plan;
	walk.shown = options->shown;
	if (walk.shown)
		walk.execution = (uint64) next_number(options->with_sums) << 32;
	if (walk.shown && options->with_sums)
		plan->execution = walk.execution >> 32;
	(void) watch_node(query->planstate, &walk);
	if (options->timing != PGT_NODE_TIMING_OFF)
		pgt_node_clock_start(plan, options->timing == PGT_NODE_TIMING_SAMPLED);
	return plan->execution;
}

uint64
pgt_plan_watch_stopped_ns(const QueryDesc *query)
{
	const PgtWatchedPlan *plan = pgt_watched_plan(query->estate);

	return plan != NULL ? plan->stopped_ns : 0;
}

void
pgt_plan_watch_sum(QueryDesc *query)
{
	PgtWatchedPlan *plan = pgt_watched_plan(query->estate);

	if (plan != NULL)
		pgt_node_clock_sum(query, plan);
}

void
pgt_plan_watch_counts(const PlanState *state, PgtNodeCounts *counts)
{
	const PgtWatchedPlan *plan = pgt_watched_plan(state->state);
	const PgtWatchedNode *node = plan != NULL ? pgt_watched_node(plan, state) : NULL;

	if (node == NULL)
		return;
	counts->id = node->id;
	counts->last_id = node->last_id;
	counts->multi = is_multi(state);
	counts->timed = plan->timed && !state->async_capable;
	counts->stopped = plan->stopped_ns != 0;
	counts->exact_ns = node->exact_ns;
	counts->blocks_read = node->blocks.read;
	counts->blocks_got = node->blocks.got;
	counts->blocks_written = node->blocks.written;
}

void
pgt_plan_watch_report(QueryDesc *query)
{
	PgtWatchedPlan *plan = pgt_watched_plan(query->estate);

	if (plan != NULL)
		pgt_node_clock_report(plan);
}

void
pgt_plan_watch_describe(struct pgt_layout *layout)
{
	StaticAssertDecl(offsetof(PgtWatchedNode, state) ==
					 offsetof(struct pgt_watched_node, state) &&
					 offsetof(PgtWatchedNode, multi_word) ==
					 offsetof(struct pgt_watched_node, multi_word) &&
					 sizeof(current) == sizeof(struct pgt_watched_plan),
					 "structures in bpf/pg_trace.h");

	layout->watched_plan = (uintptr_t) &current;
	layout->watched_node_size = sizeof(PgtWatchedNode);
	layout->plan_state_plan = offsetof(PlanState, plan);
	layout->plan_state_state = offsetof(PlanState, state);
	layout->plan_node_id = offsetof(Plan, plan_node_id);
}
