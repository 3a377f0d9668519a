/*
 * plan_details.c
 *		What a plan node says about itself in EXPLAIN ANALYZE, besides figures
 *		that all nodes have.
 *
 * EXPLAIN takes these from the same places, when an execution has ended and its
 * state is still there.  Of a parallel query, they are the leader's.
 */
#include "postgres.h"

#include "executor/execdesc.h"
#include "executor/hashjoin.h"
#include "jit/jit.h"
#include "utils/tuplesort.h"

#include "extension/clock.h"
#include "extension/plan_details.h"

typedef struct Details
{
	PgtStatDetail *list;
	int			n;
} Details;

/* One that is 0 says nothing. */
static void
add(Details *details, PgtStatDetailName name, uint64 value)
{
	if (value == 0 || details->n >= PGT_MAX_DETAILS)
		return;
	details->list[details->n].name = name;
	details->list[details->n].value = value;
	details->n++;
}

/* What the two counters of rows mean depends on the node. */
static void
add_filtered(Details *details, const PlanState *state)
{
	uint64		first = (uint64) state->instrument->nfiltered1;
	uint64		second = (uint64) state->instrument->nfiltered2;

	switch (nodeTag(state))
	{
		case T_ModifyTableState:
			break;
		case T_NestLoopState:
		case T_MergeJoinState:
		case T_HashJoinState:
			add(details, PGT_DETAIL_JOIN_FILTERED, first);
			add(details, PGT_DETAIL_FILTERED, second);
			break;
		default:
			add(details, PGT_DETAIL_FILTERED, first);
			add(details, PGT_DETAIL_RECHECKED, second);
			break;
	}
}

static void
add_sort(Details *details, const SortState *sort)
{
	TuplesortInstrumentation stats;

	if (!sort->sort_Done || sort->tuplesortstate == NULL)
		return;
	tuplesort_get_stats((Tuplesortstate *) sort->tuplesortstate, &stats);
	add(details, PGT_DETAIL_SORT_METHOD, stats.sortMethod);
	add(details, stats.spaceType == SORT_SPACE_TYPE_DISK ?
		PGT_DETAIL_DISK : PGT_DETAIL_MEMORY, stats.spaceUsed);
}

static void
add_hash(Details *details, const HashState *hash)
{
	HashInstrumentation stats = {0};

	/* what ended before, by rescans, and what is there now */
	if (hash->hinstrument != NULL)
		stats = *hash->hinstrument;
	if (hash->hashtable != NULL)
	{
		stats.nbuckets = Max(stats.nbuckets, hash->hashtable->nbuckets);
		stats.nbatch = Max(stats.nbatch, hash->hashtable->nbatch);
		stats.space_peak = Max(stats.space_peak, hash->hashtable->spacePeak);
	}
	add(details, PGT_DETAIL_BUCKETS, stats.nbuckets);
	add(details, PGT_DETAIL_BATCHES, stats.nbatch);
	add(details, PGT_DETAIL_MEMORY, (stats.space_peak + 1023) / 1024);
}

static void
add_aggregate(Details *details, const AggState *state)
{
	const Agg  *plan = (const Agg *) state->ss.ps.plan;

	if (plan->aggstrategy != AGG_HASHED && plan->aggstrategy != AGG_MIXED)
		return;
	add(details, PGT_DETAIL_BATCHES, state->hash_batches_used);
	add(details, PGT_DETAIL_MEMORY, (state->hash_mem_peak + 1023) / 1024);
	add(details, PGT_DETAIL_DISK, state->hash_disk_used);
}

int
pgt_plan_details(PlanState *state, PgtStatDetail list[PGT_MAX_DETAILS])
{
	Details		details = {.list = list};

	add_filtered(&details, state);
	switch (nodeTag(state))
	{
		case T_IndexOnlyScanState:
			add(&details, PGT_DETAIL_HEAP_FETCHES,
				(uint64) state->instrument->ntuples2);
			break;
		case T_SortState:
			add_sort(&details, (const SortState *) state);
			break;
		case T_HashState:
			add_hash(&details, (const HashState *) state);
			break;
		case T_AggState:
			add_aggregate(&details, (const AggState *) state);
			break;
		default:
			break;
	}
	return details.n;
}

static void
add_jit(Details *details, const JitInstrumentation *jit)
{
	instr_time	total = jit->generation_counter;

	INSTR_TIME_ADD(total, jit->inlining_counter);
	INSTR_TIME_ADD(total, jit->optimization_counter);
	INSTR_TIME_ADD(total, jit->emission_counter);
	add(details, PGT_DETAIL_JIT_FUNCTIONS, jit->created_functions);
	add(details, PGT_DETAIL_JIT_TIME, INSTR_TIME_GET_MICROSEC(total));
}

int
pgt_plan_details_of_query(const QueryDesc *query,
						  const PgtExecution *execution,
						  int n, PgtStatDetail list[PGT_MAX_DETAILS])
{
	const WalUsage *wal_start = &execution->wal_start;
	Details		details = {.list = list, .n = n};

	if (query->estate->es_jit != NULL)
		add_jit(&details, &query->estate->es_jit->instr);
	/* while a cursor of a query is open, others write WAL */
	if (query->operation != CMD_SELECT || query->plannedstmt->hasModifyingCTE)
	{
		add(&details, PGT_DETAIL_WAL_RECORDS,
			pgWalUsage.wal_records - wal_start->wal_records);
		add(&details, PGT_DETAIL_WAL_FPI,
			pgWalUsage.wal_fpi - wal_start->wal_fpi);
		add(&details, PGT_DETAIL_WAL_BYTES,
			pgWalUsage.wal_bytes - wal_start->wal_bytes);
	}
	add(&details, PGT_DETAIL_START_TIME, execution->start_ns / NS_IN_US);
	add(&details, PGT_DETAIL_FINISH_TIME, execution->finish_ns / NS_IN_US);
	return details.n;
}
