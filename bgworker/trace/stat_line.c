/*
 * stat_line.c
 *		STAT lines, and the sums that they show.
 *
 * The backend sends what a node has done; how long that took is known here,
 * unless PostgreSQL has measured it.  A node's time is that of its waits and
 * the CPU time that samples stand for; of the nodes below, whose ids follow
 * its own; and of the statements that ran while it was executing, such as a
 * function's.
 */
#include "postgres.h"

#include "utils/tuplesort.h"

#include "bgworker/trace/line.h"
#include "bgworker/trace/stat_line.h"
#include "extension/guc.h"

/*
 * The node at work, and those at which the callers of the calls that are open
 * are waiting for these.
 */
static void
add_to_nodes(PgtFormat *format, uint64 plan_node, const PgtNodeSum *own)
{
	PgtNodeSum	nested = *own;

	/* between calls, it is what an execution of a former trace has left */
	if (format->depth == 0)
		return;
	nested.wait_ns = 0;
	nested.waits = 0;
	pgt_node_sums_add(&format->sums, plan_node, own);
	for (int i = 1; i < format->depth; i++)
		pgt_node_sums_add(&format->sums, format->calls[i].plan_node, &nested);
}

void
pgt_format_node_wait(PgtFormat *format, uint64 plan_node, uint64 wait_ns)
{
	PgtNodeSum	sum = {.wait_ns = wait_ns, .waits = 1, .time_ns = wait_ns};

	add_to_nodes(format, plan_node, &sum);
}

void
pgt_format_node_sample(PgtFormat *format, uint64 plan_node, uint64 cpu_ns)
{
	PgtNodeSum	sum = {.time_ns = cpu_ns, .samples = 1};

	add_to_nodes(format, plan_node, &sum);
}

/* Do waits and samples say when this node is executing? */
static bool
is_told(const PgtFormat *format, const PgtStatRecord *record)
{
	return !record->multi || format->has_multi_nodes;
}

/* Returns whether it is sampled; then the number of samples follows. */
static bool
put_node_time(PgtFormat *format, const PgtStatRecord *record, uint64 *samples)
{
	PgtNodeSum	sum;

	if (record->timing == PGT_NODE_TIMING_EXACT)
		put_time(format, FIELD(PGT_FIELD_TIME), record->time_ns);
	else if (record->timing == PGT_NODE_TIMING_SAMPLED && format->has_samples &&
			 is_told(format, record) &&
			 pgt_node_sums_get(&format->sums, record->execution,
							   record->first_id, record->last_id, &sum))
	{
		put_time(format, FIELD(PGT_FIELD_TIME), sum.time_ns);
		*samples = sum.samples;
		return true;
	}
	else
		put_string(format, FIELD(PGT_FIELD_TIME) "-1");
	return false;
}

/* The node's own waits, without those of the nodes below */
static void
put_node_waits(PgtFormat *format, const PgtStatRecord *record)
{
	PgtNodeSum	sum;

	if (is_told(format, record) &&
		pgt_node_sums_get(&format->sums, record->execution, record->id,
						  record->id, &sum))
	{
		put_time(format, FIELD(PGT_FIELD_WAIT), sum.wait_ns);
		put_number(format, FIELD(PGT_FIELD_WAITS), sum.waits);
	}
	else
		put_string(format, FIELD(PGT_FIELD_WAIT) "-1" FIELD(PGT_FIELD_WAITS) "-1");
}

static const char *
sort_method(uint64 method)
{
	switch (method)
	{
		case SORT_TYPE_TOP_N_HEAPSORT:
			return "top-N_heapsort";
		case SORT_TYPE_QUICKSORT:
			return "quicksort";
		case SORT_TYPE_EXTERNAL_SORT:
			return "external_sort";
		case SORT_TYPE_EXTERNAL_MERGE:
			return "external_merge";
		default:
			return "unknown";
	}
}

static void
put_details(PgtFormat *format, const PgtStatRecord *record)
{
	static const char *const names[PGT_DETAIL_NAMES] = {
		[PGT_DETAIL_FILTERED] = FIELD(PGT_FIELD_FILTERED),
		[PGT_DETAIL_JOIN_FILTERED] = FIELD(PGT_FIELD_JOIN_FILTERED),
		[PGT_DETAIL_RECHECKED] = FIELD(PGT_FIELD_RECHECKED),
		[PGT_DETAIL_HEAP_FETCHES] = FIELD(PGT_FIELD_HEAP_FETCHES),
		[PGT_DETAIL_SORT_METHOD] = FIELD(PGT_FIELD_SORT_METHOD),
		[PGT_DETAIL_BUCKETS] = FIELD(PGT_FIELD_BUCKETS),
		[PGT_DETAIL_BATCHES] = FIELD(PGT_FIELD_BATCHES),
		[PGT_DETAIL_MEMORY] = FIELD(PGT_FIELD_MEMORY),
		[PGT_DETAIL_DISK] = FIELD(PGT_FIELD_DISK),
		[PGT_DETAIL_JIT_FUNCTIONS] = FIELD(PGT_FIELD_JIT_FUNCTIONS),
		[PGT_DETAIL_JIT_TIME] = FIELD(PGT_FIELD_JIT_TIME),
		[PGT_DETAIL_WAL_RECORDS] = FIELD(PGT_FIELD_WAL_RECORDS),
		[PGT_DETAIL_WAL_FPI] = FIELD(PGT_FIELD_WAL_FPI),
		[PGT_DETAIL_WAL_BYTES] = FIELD(PGT_FIELD_WAL_BYTES),
	};

	for (uint32 i = 0; i < record->ndetails; i++)
	{
		const PgtStatDetail *detail = &record->details[i];

		if (detail->name == PGT_DETAIL_SORT_METHOD)
		{
			put_string(format, names[detail->name]);
			put_string(format, sort_method(detail->value));
		}
		else
			put_number(format, names[detail->name], detail->value);
	}
}

void
pgt_format_stat(PgtFormat *format, const PgtStatRecord *record)
{
	uint64		samples;
	bool		sampled;

	put_number(format, PGT_LINE_STAT " #", record->header.cursor);
	put_number(format, FIELD(PGT_FIELD_ID), record->id);
	put_number(format, FIELD(PGT_FIELD_CNT), record->rows);
	put_number(format, FIELD(PGT_FIELD_PID), record->parent);
	put_number(format, FIELD(PGT_FIELD_POS), record->position);
	put_number(format, FIELD(PGT_FIELD_OBJ), record->object);
	put_string(format, FIELD(PGT_FIELD_OP) "'");
	put_escaped(format, (const char *) (record + 1), record->header.text_len,
				'\'');
	put_number(format, " (" PGT_FIELD_CR "=", record->blocks_got);
	put_number(format, FIELD(PGT_FIELD_PR), record->blocks_read);
	put_number(format, FIELD(PGT_FIELD_PW), record->blocks_written);
	put_number(format, FIELD(PGT_FIELD_STR), record->loops);
	sampled = put_node_time(format, record, &samples);
	appendStringInfo(format->out, " us" FIELD(PGT_FIELD_COST) "%.0f"
					 FIELD(PGT_FIELD_SIZE) UINT64_FORMAT
					 FIELD(PGT_FIELD_CARD) "%.0f",
					 record->cost, record->plan_bytes, record->plan_rows);
	if (record->gathers)
	{
		put_number(format, FIELD(PGT_FIELD_PLANNED), record->workers_planned);
		put_number(format, FIELD(PGT_FIELD_LAUNCHED), record->workers_launched);
	}
	put_details(format, record);
	if (record->execution != 0 && format->has_waits)
		put_node_waits(format, record);
	if (sampled)
		put_number(format, FIELD(PGT_FIELD_TIMING) "sampled"
				   FIELD(PGT_FIELD_SAMPLES), samples);
	put_string(format, ")'\n");
}
