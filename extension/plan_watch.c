/*
 * plan_watch.c
 *		Which plan node this process is executing, for the BPF program to see;
 *		what the nodes have done, for STAT lines.
 *
 * Each node of a traced execution gets a wrapper around the function that
 * yields its rows.  It stores the node's id in a word of this process, calls
 * the function, and restores the word.  The BPF programs read the word when a
 * wait begins, and about every millisecond of CPU time.  No clock is read, and
 * nothing is sent.
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
#include "extension/plan_watch.h"

/* The planner counts from 0; but not every plan is made by it. */
#define MAX_PLAN_NODE_ID	1000000

typedef struct Blocks
{
	int64		read;
	int64		got;
	int64		written;
} Blocks;

/* It begins as struct pgt_watched_node in bpf/pg_trace.h does. */
typedef struct WatchedNode
{
	PlanState  *state;			/* NULL: none is wrapped */
	uint64		multi_word;		/* word, if MultiExecProcNode() executes it */
	ExecProcNodeMtd function;	/* what the wrapper stands for */
	ExecProcNodeMtd wrapper;
	uint64		word;			/* for pgt_plan_node */
	uint64		parent_word;	/* that of the node above */
	uint64		caller_word;	/* below Hash: that of the join */
	uint64		outer_word;		/* what to restore when it has yielded a row */
	struct WatchedPlan *plan;	/* that it is in */
	uint32		last_id;		/* of the nodes below */
	bool		stale;			/* below Gather: wrappers have to be renewed */

	/* If it counts */
	Blocks		blocks;
	Blocks		before;			/* when the node was last called */
	int64		total_before;
} WatchedNode;

typedef struct WatchedPlan
{
	EState	   *estate;
	MemoryContextCallback callback;
	bool		counting;
	int			nnodes;
	WatchedNode nodes[FLEXIBLE_ARRAY_MEMBER];	/* by plan_node_id */
} WatchedPlan;

/* A walk over a plan to wrap its nodes */
typedef struct Walk
{
	WatchedPlan *plan;
	uint64		execution;		/* its number, in the upper half */
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
	WatchedNode *nodes;
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
	if (((WatchedPlan *) arg)->estate == current.estate)
	{
		current.estate = NULL;
		current.nodes = NULL;
	}
}

/* NULL if no node of it has a wrapper */
static WatchedPlan *
find_plan(const EState *estate)
{
	MemoryContextCallback *callback = estate->es_query_cxt->reset_cbs;

	while (callback != NULL && callback->func != forget_plan)
		callback = callback->next;
	return callback != NULL ? (WatchedPlan *) callback->arg : NULL;
}

static pg_noinline void
change_plan(EState *estate)
{
	current.nodes = find_plan(estate)->nodes;
	current.estate = estate;
}

static inline WatchedNode *
find_node(const PlanState *state)
{
	if (unlikely(state->state != current.estate))
		change_plan(state->state);
	return &current.nodes[state->plan->plan_node_id];
}

/* The same for a node that may have no wrapper; then the result is NULL. */
static WatchedNode *
look_up(const WatchedPlan *plan, const PlanState *state)
{
	int			node_id = state->plan->plan_node_id;
	const WatchedNode *node;

	if (node_id < 0 || node_id >= plan->nnodes)
		return NULL;
	node = &plan->nodes[node_id];
	return node->state == state ? unconstify(WatchedNode *, node) : NULL;
}

/* All that STAT lines have of the counters: it changes whenever they do. */
static inline int64
total_blocks(void)
{
	const BufferUsage *usage = &pgBufferUsage;

	return usage->shared_blks_hit + usage->shared_blks_read +
		usage->shared_blks_written + usage->local_blks_hit +
		usage->local_blks_read + usage->local_blks_written +
		usage->temp_blks_read + usage->temp_blks_written;
}

static Blocks
read_blocks(void)
{
	const BufferUsage *usage = &pgBufferUsage;
	int64		buffers_read = usage->shared_blks_read +
		usage->local_blks_read;
	Blocks		blocks;

	blocks.read = buffers_read + usage->temp_blks_read;
	blocks.got = buffers_read + usage->shared_blks_hit +
		usage->local_blks_hit;
	blocks.written = usage->shared_blks_written + usage->local_blks_written +
		usage->temp_blks_written;
	return blocks;
}

static pg_noinline void
note_blocks(WatchedNode *node, int64 total)
{
	node->total_before = total;
	node->before = read_blocks();
}

static pg_noinline void
count_blocks(WatchedNode *node)
{
	Blocks		now = read_blocks();

	node->blocks.read += now.read - node->before.read;
	node->blocks.got += now.got - node->before.got;
	node->blocks.written += now.written - node->before.written;
}

/*
 * As ExecProcNodeInstr() does, but for the blocks: most rows are yielded
 * without touching one, so one sum tells whether there is something to count.
 */
static inline void
begin_counting(WatchedNode *node)
{
	int64		total = total_blocks();

	if (unlikely(total != node->total_before))
		note_blocks(node, total);
}

static inline void
end_counting(WatchedNode *node, TupleTableSlot *slot)
{
	Instrumentation *instrument = node->state->instrument;

	if (unlikely(total_blocks() != node->total_before))
		count_blocks(node);
	instrument->running = true;
	if (!TupIsNull(slot))
		instrument->tuplecount += 1;
}

static pg_attribute_always_inline TupleTableSlot *
call_and_count(PlanState *state, WatchedNode *node)
{
	TupleTableSlot *slot;

	begin_counting(node);
	slot = node->function(state);
	end_counting(node, slot);
	return slot;
}

/*
 * Recursion passes through these two, once for each node.  What is needed after
 * the call is in the node, and what is done before and after it in functions
 * apart, so that they take next to nothing of the stack.
 */
static TupleTableSlot *
run_node(PlanState *state)
{
	WatchedNode *node = find_node(state);
	TupleTableSlot *slot;

	node->outer_word = pgt_plan_node;
	pgt_plan_node = node->word;
	slot = node->function(state);
	pgt_plan_node = node->outer_word;
	return slot;
}

static pg_noinline WatchedNode *
begin_row(PlanState *state)
{
	WatchedNode *node = find_node(state);

	node->outer_word = pgt_plan_node;
	pgt_plan_node = node->word;
	begin_counting(node);
	return node;
}

static pg_noinline TupleTableSlot *
end_row(WatchedNode *node, TupleTableSlot *slot)
{
	end_counting(node, slot);
	pgt_plan_node = node->outer_word;
	return slot;
}

static TupleTableSlot *
count_node(PlanState *state)
{
	WatchedNode *node = begin_row(state);

	return end_row(node, node->function(node->state));
}

/*
 * The node below a Hash.  A Hash isn't executed by ExecProcNode(), but from
 * the first row that it takes from below to the last, it is the one at work.
 */
static pg_attribute_always_inline TupleTableSlot *
run_for_hash(PlanState *state, bool counting)
{
	WatchedNode *node = find_node(state);
	TupleTableSlot *slot;

	if (pgt_plan_node != node->parent_word)
		node->caller_word = pgt_plan_node;
	pgt_plan_node = node->word;
	slot = counting ? call_and_count(state, node) : node->function(state);
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
	WatchedNode *node = find_node(state);

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
	WatchedPlan *plan = find_node(state)->plan;
	WatchedNode *below = look_up(plan, outerPlanState(state));
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
	WatchedNode *node = find_node(state);

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
put_wrapper(WatchedNode *node)
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
	WatchedNode *node = NULL;

	below.parent = state;
	below.parent_id = ++below.last_id;

	/* a subplan may be found twice, and a made up plan have any ids */
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
		node->word = walk->execution | below.parent_id;
		node->multi_word = is_multi(state) ? node->word : 0;
		node->parent_word = walk->execution | walk->parent_id;
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
	WatchedNode *node = look_up((WatchedPlan *) context, state);

	if (node != NULL && state->ExecProcNodeReal != node->wrapper)
		put_wrapper(node);
	return planstate_tree_walker(state, renew_wrappers, context);
}

/* Watched in a former trace: its number means nothing in this one. */
static void
watch_again(WatchedPlan *plan)
{
	for (int i = 0; i < plan->nnodes; i++)
	{
		plan->nodes[i].word = (uint32) plan->nodes[i].word;
		plan->nodes[i].multi_word = (uint32) plan->nodes[i].multi_word;
		plan->nodes[i].parent_word = (uint32) plan->nodes[i].parent_word;
	}
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

uint32
pgt_plan_watch_begin(QueryDesc *query, bool with_sums, bool rows_only)
{
	MemoryContext context = query->estate->es_query_cxt;
	int			max_id = 0;
	WatchedPlan *plan = find_plan(query->estate);
	Walk		walk = {NULL};
	uint32		number;

	if (plan != NULL)
	{
		watch_again(plan);
		return 0;
	}
	if (rows_only)
		(void) count_other_blocks(query->planstate, NULL);
	(void) find_max_node_id(query->planstate, &max_id);
	max_id = Min(max_id, MAX_PLAN_NODE_ID);
	plan = MemoryContextAllocExtended(context,
									  offsetof(WatchedPlan, nodes) +
									  sizeof(WatchedNode) * (max_id + 1),
									  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (plan == NULL)
		return 0;
	plan->estate = query->estate;
	plan->counting = rows_only &&
		query->instrument_options == INSTRUMENT_ROWS;
	plan->nnodes = max_id + 1;
	plan->callback.func = forget_plan;
	plan->callback.arg = plan;
	MemoryContextRegisterResetCallback(context, &plan->callback);

	if (with_sums)
		number = last_execution = Max(1, (last_execution + 1) %
									  PGT_EXECUTION_UNSUMMED);
	else
		number = ++last_unsummed | PGT_EXECUTION_UNSUMMED;
	walk.plan = plan;
	walk.execution = (uint64) number << 32;
	(void) watch_node(query->planstate, &walk);
	return with_sums ? number : 0;
}

void
pgt_plan_watch_counts(const PlanState *state, uint32 execution,
					  PgtNodeCounts *counts)
{
	const WatchedPlan *plan = find_plan(state->state);
	const WatchedNode *node = plan != NULL ? look_up(plan, state) : NULL;

	if (node == NULL || node->word >> 32 != execution)
		return;
	counts->first_id = (uint32) node->word;
	counts->last_id = node->last_id;
	counts->shown = !state->async_capable;
	counts->multi = is_multi(state);
	counts->blocks_read = node->blocks.read;
	counts->blocks_got = node->blocks.got;
	counts->blocks_written = node->blocks.written;
}

void
pgt_plan_watch_describe(struct pgt_layout *layout)
{
	StaticAssertDecl(offsetof(WatchedNode, state) ==
					 offsetof(struct pgt_watched_node, state) &&
					 offsetof(WatchedNode, multi_word) ==
					 offsetof(struct pgt_watched_node, multi_word) &&
					 sizeof(current) == sizeof(struct pgt_watched_plan),
					 "structures in bpf/pg_trace.h");

	layout->watched_plan = (uintptr_t) &current;
	layout->watched_node_size = sizeof(WatchedNode);
	layout->plan_state_plan = offsetof(PlanState, plan);
	layout->plan_state_state = offsetof(PlanState, state);
	layout->plan_node_id = offsetof(Plan, plan_node_id);
}
