/*
 * stat_line.c
 *		STAT lines, and the sums that they show.
 *
 * The backend sends what a node has done.  How long that took is in it as long
 * as the backend has read the clock for each row (extension/node_clock.c).  What
 * came after that is divided here among the nodes: each has its own waits, and
 * the rest, in which the process was running, or ready to run, or stopped by the
 * kernel, goes to where samples found it using the CPU.  With a node's time is
 * that of the nodes below, whose ids follow its own, and of the statements that
 * ran while it was executing, such as a function's.
 */
#include "postgres.h"

#include "utils/tuplesort.h"

#include "bgworker/trace/line.h"
#include "bgworker/trace/stat_line.h"

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
	PgtNodeSum	sum = {.wait_ns = wait_ns, .waits = 1, .waited_ns = wait_ns};

	add_to_nodes(format, plan_node, &sum);
}

void
pgt_format_node_sample(PgtFormat *format, uint64 plan_node, uint64 cpu_ns)
{
	PgtNodeSum	sum = {.sampled_ns = cpu_ns, .samples = 1};

	add_to_nodes(format, plan_node, &sum);
}

/* Do waits and samples say when this node is executing? */
static bool
is_told(const PgtFormat *format, const PgtStatRecord *record)
{
	return !record->multi || format->has_multi_nodes;
}

/* What is known of a node's time */
typedef struct NodeTime
{
	PgtStatTiming timing;
	uint64		ns;				/* unless that is off or unknown */
	uint64		samples;		/* if it is mixed */
} NodeTime;

/* part / whole of an amount, which is all of it if it isn't less */
static uint64
share(uint64 amount, uint64 part, uint64 whole)
{
	double		result;

	if (part >= whole)
		return amount;
	result = (double) amount * part / whole;
	return result < amount ? (uint64) result : amount;
}

/*
 * Of the time since clocks were no longer read, all waits are known.  Where no
 * sample tells of the rest, nothing can be said of it, unless it is too little
 * to matter; then it is the top node's.
 */
static bool
sampled_time(PgtFormat *format, const PgtStatRecord *record, NodeTime *time)
{
	PgtNodeSum	all;
	PgtNodeSum	own;
	uint64		left = record->total_ns -
		Min(record->exact_total_ns, record->total_ns);
	uint64		waited;

	if (!pgt_node_sums_total(&format->sums, record->execution, &all) ||
		!pgt_node_sums_get(&format->sums, record->execution, record->id,
						   record->last_id, &own))
		return false;
	waited = Min(left, all.waited_ns);
	if (all.sampled_ns == 0 && left - waited > record->total_ns / 20)
		return false;
	time->ns = record->exact_ns +
		share(waited, own.waited_ns, all.waited_ns);
	if (own.sampled_ns > 0)
		time->ns += share(left - waited, own.sampled_ns, all.sampled_ns);
	time->samples = own.samples;
	return true;
}

static NodeTime
node_time(PgtFormat *format, const PgtStatRecord *record)
{
	NodeTime	time = {.timing = record->timing, .ns = record->exact_ns};

	if (record->timing == PGT_STAT_MIXED &&
		!sampled_time(format, record, &time))
		time.timing = PGT_STAT_UNKNOWN;
	if (record->timing == PGT_STAT_MIXED && !is_told(format, record))
		time.timing = PGT_STAT_UNKNOWN;
	/* the top node's is the calls' */
	if (record->parent == 0)
	{
		time.ns = record->total_ns;
		if (time.timing != PGT_STAT_MIXED)
			time.timing = PGT_STAT_EXACT;
	}
	time.ns = Min(time.ns, record->total_ns);
	return time;
}

static bool
is_known(const NodeTime *time)
{
	return time->timing == PGT_STAT_EXACT || time->timing == PGT_STAT_MIXED;
}

static void
put_known_time(PgtFormat *format, const char *label, bool known, uint64 ns)
{
	if (known)
		put_time(format, label, ns);
	else
	{
		put_string(format, label);
		put_string(format, "-1");
	}
}

/* Below a Gather: what is all processes', and what is this one's alone */
static void
put_processes(PgtFormat *format, const PgtStatRecord *record,
			  const NodeTime *time)
{
	put_number(format, FIELD(PGT_FIELD_PROCS), record->nprocs);
	put_known_time(format, FIELD(PGT_FIELD_PROCS_TIME),
				   record->workers_timed && is_known(time),
				   record->workers_ns + time->ns);
	put_number(format, FIELD(PGT_FIELD_LEADER_CNT), record->own_rows);
	put_number(format, FIELD(PGT_FIELD_LEADER_STR), record->own_loops);
}

static void
put_timing(PgtFormat *format, const PgtStatRecord *record,
		   const NodeTime *time)
{
	static const char *const words[] = {
		[PGT_STAT_UNKNOWN] = "unknown",
		[PGT_STAT_OFF] = "off",
		[PGT_STAT_EXACT] = "exact",
		[PGT_STAT_MIXED] = "mixed",
	};

	put_string(format, FIELD(PGT_FIELD_TIMING));
	put_string(format, words[time->timing]);
	if (time->timing != PGT_STAT_MIXED)
		return;
	put_number(format, FIELD(PGT_FIELD_EXACT),
			   share(100, record->exact_total_ns, record->total_ns));
	put_number(format, "%" FIELD(PGT_FIELD_SAMPLES), time->samples);
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
		[PGT_DETAIL_START_TIME] = FIELD(PGT_FIELD_START_TIME),
		[PGT_DETAIL_FINISH_TIME] = FIELD(PGT_FIELD_FINISH_TIME),
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
	NodeTime	time = node_time(format, record);

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
	put_known_time(format, FIELD(PGT_FIELD_TIME), is_known(&time), time.ns);
	appendStringInfo(format->out, " us" FIELD(PGT_FIELD_COST) "%.0f"
					 FIELD(PGT_FIELD_SIZE) UINT64_FORMAT
					 FIELD(PGT_FIELD_CARD) "%.0f",
					 record->cost, record->plan_bytes, record->plan_rows);
	if (record->gathers)
	{
		put_number(format, FIELD(PGT_FIELD_PLANNED), record->workers_planned);
		put_number(format, FIELD(PGT_FIELD_LAUNCHED), record->workers_launched);
	}
	if (record->nprocs > 0)
		put_processes(format, record, &time);
	put_details(format, record);
	if (record->execution != 0 && format->has_waits)
		put_node_waits(format, record);
	put_timing(format, record, &time);
	put_string(format, ")'\n");
}
