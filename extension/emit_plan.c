/*
 * emit_plan.c
 *		Sends what the nodes of a plan have done.
 *
 * STAT lines come from PostgreSQL's own Instrumentation, which the
 * ExecutorStart hook switches on for the executions that are to be shown, and
 * what plan_watch.c counts instead.
 */
#include "postgres.h"

#include "executor/instrument.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"

#include "extension/calls.h"
#include "extension/emit.h"
#include "extension/emit_plan.h"
#include "extension/guc.h"
#include "extension/nesting.h"
#include "extension/plan_details.h"
#include "extension/plan_node.h"
#include "extension/plan_watch.h"

/* Longest op='...' */
#define OPERATION_LEN	512

typedef struct StatWalk
{
	const QueryDesc *query;
	const WalUsage *wal_start;
	const PgtCursor *cursor;
	uint32		execution;		/* its number, or 0 */
	uint32		last_id;		/* given out so far */
	uint32		parent;
	uint32		last_position;	/* among the parent's children */
} StatWalk;

static void
send_stat(PlanState *state, StatWalk *walk, uint32 id)
{
	const Instrumentation *instrument = state->instrument;
	const BufferUsage *usage = &instrument->bufusage;
	const Plan *plan = state->plan;
	PgtNodeCounts counts = {0};
	char		operation[OPERATION_LEN];
	Oid			object;
	PgtStatRecord *record;

	if (walk->execution != 0)
		pgt_plan_watch_counts(state, walk->execution, &counts);
	pgt_plan_node_describe(state, operation, sizeof(operation), &object);
	record = pgt_emit_begin(PGT_RECORD_STAT, sizeof(PgtStatRecord),
							operation, strlen(operation),
							walk->cursor->number, pgt_call_depth);
	if (record == NULL)
		return;
	record->rows = (uint64) instrument->ntuples;
	record->loops = (uint64) instrument->nloops;
	record->blocks_read = counts.blocks_read + usage->shared_blks_read +
		usage->local_blks_read + usage->temp_blks_read;
	record->blocks_got = counts.blocks_got + usage->shared_blks_hit +
		usage->shared_blks_read + usage->local_blks_hit +
		usage->local_blks_read;
	record->blocks_written = counts.blocks_written +
		usage->shared_blks_written + usage->local_blks_written +
		usage->temp_blks_written;
	record->execution = walk->execution;
	if (instrument->need_timer)
		record->timing = PGT_NODE_TIMING_EXACT;
	else if (counts.shown &&
			 pgt_trace.options.node_timing == PGT_NODE_TIMING_SAMPLED)
		record->timing = PGT_NODE_TIMING_SAMPLED;
	else
		record->timing = PGT_NODE_TIMING_OFF;
	record->first_id = counts.first_id;
	record->last_id = counts.last_id;
	record->multi = counts.multi;
	record->time_ns = (uint64) (instrument->total * 1e9);
	record->cost = plan->total_cost;
	record->plan_rows = plan->plan_rows;
	record->plan_bytes = (uint64) (plan->plan_rows * plan->plan_width);
	record->id = id;
	record->parent = walk->parent;
	record->position = walk->last_position;
	record->object = object;
	record->ndetails = pgt_plan_details(state, record->details);
	if (walk->parent == 0)
		record->ndetails =
			pgt_plan_details_of_query(walk->query, walk->wal_start,
									  record->ndetails, record->details);
	if (IsA(state, GatherState))
	{
		record->gathers = true;
		record->workers_planned = ((const Gather *) plan)->num_workers;
		record->workers_launched =
			((const GatherState *) state)->nworkers_launched;
	}
	else if (IsA(state, GatherMergeState))
	{
		record->gathers = true;
		record->workers_planned = ((const GatherMerge *) plan)->num_workers;
		record->workers_launched =
			((const GatherMergeState *) state)->nworkers_launched;
	}
	pgt_emit_commit();
}

static bool
walk_node(PlanState *state, void *context)
{
	StatWalk   *walk = (StatWalk *) context;
	StatWalk	children = *walk;
	uint32		id = ++walk->last_id;

	if (state->instrument == NULL)
		return false;

	walk->last_position++;
	InstrEndLoop(state->instrument);
	send_stat(state, walk, id);

	children.last_id = id;
	children.parent = id;
	children.last_position = 0;
	planstate_tree_walker(state, walk_node, &children);
	walk->last_id = children.last_id;
	return false;
}

void
pgt_emit_plan(QueryDesc *query, const PgtCursor *cursor, uint32 execution,
			  const WalUsage *wal_start)
{
	StatWalk	walk = {
		.query = query,
		.wal_start = wal_start,
		.cursor = cursor,
		.execution = execution,
	};

	if (query->planstate != NULL)
		walk_node(query->planstate, &walk);
}
