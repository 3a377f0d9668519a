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
#include "extension/node_clock.h"
#include "extension/plan_details.h"
#include "extension/plan_node.h"
#include "extension/plan_watch.h"

/* Longest op='...' */
#define OPERATION_LEN	512

typedef struct StatWalk
{
	const QueryDesc *query;
	const PgtExecution *execution;
	uint32		last_id;		/* given out so far */
	uint32		parent;
	uint32		last_position;	/* among the parent's children */
} StatWalk;

static PgtStatTiming
timing_of(const PgtNodeCounts *counts)
{
	if (pgt_trace.options.node_timing == PGT_NODE_TIMING_OFF)
		return PGT_STAT_OFF;
	if (!counts->timed)
		return PGT_STAT_UNKNOWN;
	return counts->stopped ? PGT_STAT_MIXED : PGT_STAT_EXACT;
}

/* Below a node that has launched workers: what each process has done */
static void
add_processes(const PlanState *state, PgtStatRecord *record)
{
	const WorkerInstrumentation *workers = state->worker_instrument;
	double		rows = state->instrument->ntuples;
	double		loops = state->instrument->nloops;

	if (workers == NULL)
		return;
	for (int i = 0; i < workers->num_workers; i++)
	{
		const Instrumentation *worker = &workers->instrument[i];

		rows -= worker->ntuples;
		loops -= worker->nloops;
		record->nprocs += worker->nloops > 0;
	}
	record->nprocs += loops > 0;
	record->own_rows = rows > 0 ? (uint64) rows : 0;
	record->own_loops = loops > 0 ? (uint64) loops : 0;
	record->workers_timed = pgt_node_clock_of_workers(state,
													  &record->workers_ns);
}

static void
send_stat(PlanState *state, StatWalk *walk, uint32 id,
		  const PgtNodeCounts *counts)
{
	const Instrumentation *instrument = state->instrument;
	const BufferUsage *usage = &instrument->bufusage;
	const Plan *plan = state->plan;
	char		operation[OPERATION_LEN];
	Oid			object;
	PgtStatRecord *record;

	pgt_plan_node_describe(state, operation, sizeof(operation), &object);
	record = pgt_emit_begin(PGT_RECORD_STAT, sizeof(PgtStatRecord),
							operation, strlen(operation),
							walk->execution->cursor->number, pgt_call_depth);
	if (record == NULL)
		return;
	record->rows = (uint64) instrument->ntuples;
	record->loops = (uint64) instrument->nloops;
	record->blocks_read = counts->blocks_read + usage->shared_blks_read +
		usage->local_blks_read + usage->temp_blks_read;
	record->blocks_got = counts->blocks_got + usage->shared_blks_hit +
		usage->shared_blks_read + usage->local_blks_hit +
		usage->local_blks_read;
	record->blocks_written = counts->blocks_written +
		usage->shared_blks_written + usage->local_blks_written +
		usage->temp_blks_written;
	record->execution = walk->execution->number;
	record->timing = timing_of(counts);
	record->last_id = counts->last_id;
	record->multi = counts->multi;
	record->total_ns = walk->execution->elapsed_ns;
	record->exact_total_ns = walk->execution->exact_ns;
	record->exact_ns = counts->exact_ns;
	add_processes(state, record);
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
			pgt_plan_details_of_query(walk->query, walk->execution,
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
	PgtNodeCounts counts = {0};
	uint32		id;

	if (state->instrument == NULL)
		return false;
	/* a subplan may be found twice; plan_watch.c gives ids in the same way */
	pgt_plan_watch_counts(state, &counts);
	if (counts.id != 0 && counts.id <= walk->last_id)
		return false;

	id = ++walk->last_id;
	walk->last_position++;
	InstrEndLoop(state->instrument);
	send_stat(state, walk, id, &counts);

	children.last_id = id;
	children.parent = id;
	children.last_position = 0;
	planstate_tree_walker(state, walk_node, &children);
	walk->last_id = children.last_id;
	return false;
}

void
pgt_emit_plan(QueryDesc *query, const PgtExecution *execution)
{
	StatWalk	walk = {.query = query, .execution = execution};

	if (query->planstate == NULL)
		return;
	pgt_plan_watch_sum(query);
	walk_node(query->planstate, &walk);
	pgt_plan_watch_report(query);
}
