/*
 * stat_line.c
 *		Tests STAT lines, and the sums by plan node that they show.
 */
#include "postgres.h"

#include "extension/guc.h"
#include "tap/unit/support/lines.h"

#define NODE(execution, id)	((uint64) (execution) << 32 | (id))

/* The end of a STAT line, from time= on */
static void
ends_with(const char *expected, const char *name)
{
	const char *end = strstr(out.data, " time=");

	is(end != NULL ? end : out.data, expected, name);
	resetStringInfo(&out);
}

/* The line of node id, which has nodes below up to last, of an execution */
static void
put_node(uint32 execution, uint32 id, uint32 last, PgtNodeTiming timing)
{
	PUT(PGT_RECORD_STAT, PgtStatRecord, "Scan", .header.cursor = 10,
		.id = id, .first_id = id, .last_id = last, .execution = execution,
		.timing = timing, .time_ns = 77 * US);
}

static void
end_report(void)
{
	PUT(PGT_RECORD_PAD, PgtRecord, "");
}

static void
test_fields(void)
{
	new_file();
	PUT(PGT_RECORD_STAT, PgtStatRecord, "Seq Scan on 'x'\n",
		.header.cursor = 10, .rows = 1, .loops = 2, .blocks_read = 3,
		.blocks_got = 4, .blocks_written = 5, .time_ns = 6 * US,
		.cost = 7.4, .plan_rows = 8.6, .plan_bytes = 9, .id = 11,
		.parent = 12, .position = 13, .object = 14,
		.timing = PGT_NODE_TIMING_EXACT);
	wrote("STAT #10 id=11 cnt=1 pid=12 pos=13 obj=14 op='Seq Scan on \\'x\\'\\n"
		  " (cr=4 pr=3 pw=5 str=2 time=6 us cost=7 size=9 card=9)'\n",
		  "a node's line");
	PUT(PGT_RECORD_STAT, PgtStatRecord, "Gather", .execution = 1,
		.gathers = 1, .workers_planned = 2, .workers_launched = 1);
	wrote("STAT #0 id=0 cnt=0 pid=0 pos=0 obj=0 op='Gather (cr=0 pr=0 pw=0 "
		  "str=0 time=-1 us cost=0 size=0 card=0 workers_planned=2 "
		  "workers_launched=1)'\n", "one with workers, not timed");
}

static void
test_details(void)
{
	PgtStatRecord sort = {.ndetails = 3,
		.details = {{PGT_DETAIL_FILTERED, 0, 5},
		{PGT_DETAIL_SORT_METHOD, 0, 8}, {PGT_DETAIL_DISK, 0, UINT64_MAX}}};

	new_file();
	put_record(PGT_RECORD_STAT, &sort.header, sizeof(sort), "Sort");
	wrote("STAT #0 id=0 cnt=0 pid=0 pos=0 obj=0 op='Sort (cr=0 pr=0 pw=0 "
		  "str=0 time=-1 us cost=0 size=0 card=0 filtered=5 "
		  "sort_method=external_merge disk_kb=18446744073709551615)'\n",
		  "what else a node may say");
	sort.ndetails = 1;
	sort.details[0] = (PgtStatDetail)
	{
		PGT_DETAIL_SORT_METHOD, 0, 5
	};
	put_record(PGT_RECORD_STAT, &sort.header, sizeof(sort), "Sort");
	ends_with(" time=-1 us cost=0 size=0 card=0 sort_method=unknown)'\n", "an unknown method");
}

static void
test_sums(void)
{
	new_file();
	format.has_waits = true;
	begin_call(10, 0);
	pgt_format_node_wait(&format, NODE(1, 2), 5 * US);
	pgt_format_node_wait(&format, NODE(1, 2), 6 * US);
	pgt_format_node_wait(&format, NODE(1, 3), 7 * US);
	pgt_format_node_sample(&format, NODE(1, 1), 100 * US);
	put_node(1, 1, 3, PGT_NODE_TIMING_SAMPLED);
	ends_with(" time=-1 us cost=0 size=0 card=0 wait=0 waits=0)'\n",
			  "waits without samples");
	format.has_samples = true;
	put_node(1, 1, 3, PGT_NODE_TIMING_SAMPLED);
	ends_with(" time=118 us cost=0 size=0 card=0 wait=0 waits=0"
			  " timing=sampled samples=1)'\n", "all nodes below count");
	put_node(1, 2, 2, PGT_NODE_TIMING_SAMPLED);
	ends_with(" time=11 us cost=0 size=0 card=0 wait=11 waits=2"
			  " timing=sampled samples=0)'\n", "a node's own waits");
	put_node(1, 2, UINT32_MAX, PGT_NODE_TIMING_EXACT);
	ends_with(" time=77 us cost=0 size=0 card=0 wait=11 waits=2)'\n",
			  "an exact time");
	put_node(1, 50, 60, PGT_NODE_TIMING_SAMPLED);
	ends_with(" time=0 us cost=0 size=0 card=0 wait=0 waits=0"
			  " timing=sampled samples=0)'\n", "a node that did nothing");
	PUT(PGT_RECORD_STAT, PgtStatRecord, "Hash", .execution = 1, .id = 2,
		.first_id = 2, .last_id = 2, .timing = PGT_NODE_TIMING_SAMPLED,
		.multi = 1);
	ends_with(" time=-1 us cost=0 size=0 card=0 wait=-1 waits=-1)'\n",
			  "a node that isn't told from the one above");
	format.has_multi_nodes = true;
	PUT(PGT_RECORD_STAT, PgtStatRecord, "Hash", .execution = 1, .id = 2,
		.first_id = 2, .last_id = 2, .timing = PGT_NODE_TIMING_SAMPLED,
		.multi = 1);
	ends_with(" time=11 us cost=0 size=0 card=0 wait=11 waits=2"
			  " timing=sampled samples=0)'\n", "one that is");
	end_report();
	put_node(1, 2, 2, PGT_NODE_TIMING_SAMPLED);
	ends_with(" time=0 us cost=0 size=0 card=0 wait=0 waits=0"
			  " timing=sampled samples=0)'\n", "sums end with their lines");
}

static void
test_wait(void)
{
	PgtWaitName name = {.name = "DataFileRead"};
	PgtWait		wait = {.name = &name, .start_ns = US, .end_ns = 4 * US,
		.plan_node = NODE(1, 1), .mode = PGT_NO_MODE,
		.client_bytes = PGT_NO_BYTES};

	new_file();
	format.has_waits = true;
	begin_call(10, 0);
	pgt_format_wait(&format, &wait);
	resetStringInfo(&out);
	put_node(1, 1, 1, PGT_NODE_TIMING_EXACT);
	ends_with(" time=77 us cost=0 size=0 card=0 wait=3 waits=1)'\n",
			  "a wait counts for its node");
}

static void
test_nesting(void)
{
	new_file();
	format.has_waits = format.has_samples = true;
	pgt_format_node_wait(&format, NODE(1, 2), 5 * US);
	begin_call(10, 0);
	PUT(PGT_RECORD_BEGIN, PgtBeginRecord, "", .header.cursor = 11,
		.header.depth = 1, .header.time_ns = test_now_ns,
		.plan_node = NODE(1, 2));
	pgt_format_node_wait(&format, NODE(2, 1), 8 * US);
	put_node(2, 1, 1, PGT_NODE_TIMING_SAMPLED);
	ends_with(" time=8 us cost=0 size=0 card=0 wait=8 waits=1"
			  " timing=sampled samples=0)'\n", "a nested statement");
	end_report();
	put_node(1, 2, 2, PGT_NODE_TIMING_SAMPLED);
	ends_with(" time=8 us cost=0 size=0 card=0 wait=0 waits=0"
			  " timing=sampled samples=0)'\n",
			  "its caller's time, but not its waits; none between calls");
}

static void
unknown(uint32 execution, const char *name)
{
	put_node(execution, 1, 1, PGT_NODE_TIMING_SAMPLED);
	ends_with(" time=-1 us cost=0 size=0 card=0 wait=-1 waits=-1)'\n", name);
	end_report();
}

static void
test_unknown(void)
{
	new_file();
	format.has_waits = format.has_samples = true;
	begin_call(10, 0);
	pgt_format_node_wait(&format, NODE(1, 262144), US);
	unknown(1, "a node's number that is too high");
	pgt_format_node_wait(&format, NODE(1, 1), US);
	unknown(1, "nothing is added to what is unknown");
	pgt_format_node_wait(&format, NODE(UINT32_C(0x80000000) | 9, 1), US);
	pgt_format_node_wait(&format, NODE(0, 1), US);
	pgt_format_node_wait(&format, NODE(2, 0), US);
	ok(format.sums.executions[0].execution == 0, "what has no sums");

	for (int execution = 2; execution < 2 + PGT_NODE_SUMS_MAX; execution++)
		pgt_format_node_wait(&format, NODE(execution, 1), US);
	pgt_format_node_wait(&format, NODE(2, 1), US);
	pgt_format_node_wait(&format, NODE(100, 1), US);
	unknown(3, "the one used least recently makes room");
	put_node(2, 1, 1, PGT_NODE_TIMING_SAMPLED);
	ends_with(" time=2 us cost=0 size=0 card=0 wait=2 waits=2"
			  " timing=sampled samples=0)'\n", "others are kept");

	pgt_node_sums_incomplete(&format.sums);
	unknown(UINT32_MAX - 1, "what may be incomplete");

	new_file();
	format.has_waits = format.has_samples = true;
	begin_call(10, 0);
	test_allocations_left = 0;
	pgt_format_node_wait(&format, NODE(1, 1), US);
	test_allocations_left = TEST_NO_LIMIT;
	unknown(1, "for which there was no memory");
	pgt_format_node_wait(&format, NODE(2, 262143), US);
	pgt_format_node_wait(&format, NODE(3, 1), US);
	unknown(3, "all executions together have too many nodes");
}

int
main(void)
{
	test_fields();
	test_details();
	test_sums();
	test_wait();
	test_nesting();
	test_unknown();
	pgt_format_free(&format);
	pfree(out.data);
	return done();
}
