/*
 * stat_line.c
 *		Tests STAT lines, and the sums by plan node that they show.
 */
#include "postgres.h"

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

/*
 * The line of node id, which has nodes below up to last, of an execution of
 * 1000 us, of which 200 us were by clocks, and 20 us of these are the node's.
 */
static void
put_node(uint32 execution, uint32 id, uint32 last, PgtStatTiming timing)
{
	PUT(PGT_RECORD_STAT, PgtStatRecord, "Scan", .header.cursor = 10,
		.id = id, .parent = 1, .last_id = last, .execution = execution,
		.timing = timing, .exact_ns = 20 * US, .exact_total_ns = 200 * US,
		.total_ns = 1000 * US);
}

static void
begin_samples(uint32 execution)
{
	PUT(PGT_RECORD_SAMPLED, PgtSampledRecord, "", .execution = execution);
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
		.blocks_got = 4, .blocks_written = 5, .exact_ns = 6 * US,
		.total_ns = 9 * US, .cost = 7.4, .plan_rows = 8.6, .plan_bytes = 9,
		.id = 11, .parent = 12, .position = 13, .object = 14,
		.timing = PGT_STAT_EXACT);
	wrote("STAT #10 id=11 cnt=1 pid=12 pos=13 obj=14 op='Seq Scan on \\'x\\'\\n"
		  " (cr=4 pr=3 pw=5 str=2 time=6 us cost=7 size=9 card=9"
		  " timing=exact)'\n",
		  "a node's line");
	PUT(PGT_RECORD_STAT, PgtStatRecord, "Gather", .execution = 1, .id = 2,
		.parent = 1, .gathers = 1, .workers_planned = 2, .workers_launched = 1);
	wrote("STAT #0 id=2 cnt=0 pid=1 pos=0 obj=0 op='Gather (cr=0 pr=0 pw=0 "
		  "str=0 time=-1 us cost=0 size=0 card=0 workers_planned=2 "
		  "workers_launched=1 timing=unknown)'\n", "one with workers, not timed");
}

static void
test_processes(void)
{
	PgtStatRecord record = {.id = 2, .parent = 1, .timing = PGT_STAT_EXACT,
		.exact_ns = 5 * US, .total_ns = 9 * US, .nprocs = 3, .own_rows = 7,
		.own_loops = 1, .workers_ns = 20 * US, .workers_timed = 1};

	new_file();
	put_record(PGT_RECORD_STAT, &record.header, sizeof(record), "Scan");
	ends_with(" time=5 us cost=0 size=0 card=0 procs=3 procs_time=25"
			  " leader_cnt=7 leader_str=1 timing=exact)'\n", "below a Gather");
	record.workers_timed = 0;
	put_record(PGT_RECORD_STAT, &record.header, sizeof(record), "Scan");
	ends_with(" time=5 us cost=0 size=0 card=0 procs=3 procs_time=-1"
			  " leader_cnt=7 leader_str=1 timing=exact)'\n",
			  "a worker's time that isn't known");
}

static void
test_details(void)
{
	PgtStatRecord sort = {.parent = 1, .ndetails = 3,
		.details = {{PGT_DETAIL_FILTERED, 0, 5},
		{PGT_DETAIL_SORT_METHOD, 0, 8}, {PGT_DETAIL_DISK, 0, UINT64_MAX}}};

	new_file();
	put_record(PGT_RECORD_STAT, &sort.header, sizeof(sort), "Sort");
	ends_with(" time=-1 us cost=0 size=0 card=0 filtered=5 "
			  "sort_method=external_merge disk_kb=18446744073709551615"
			  " timing=unknown)'\n", "what else a node may say");
	sort.ndetails = 1;
	sort.details[0] = (PgtStatDetail)
	{
		PGT_DETAIL_SORT_METHOD, 0, 5
	};
	put_record(PGT_RECORD_STAT, &sort.header, sizeof(sort), "Sort");
	ends_with(" time=-1 us cost=0 size=0 card=0 sort_method=unknown"
			  " timing=unknown)'\n", "an unknown method");
}

/* The top node's time is that of the calls, whatever is known of the others. */
static void
test_top(void)
{
	static const char *const expected[] = {
		[PGT_STAT_UNKNOWN] = "exact",
		[PGT_STAT_OFF] = "exact",
		[PGT_STAT_EXACT] = "exact",
		[PGT_STAT_MIXED] = "mixed exact=40% samples=1",
	};

	new_file();
	begin_call(10, 0);
	begin_samples(1);
	pgt_format_node_sample(&format, NODE(1, 0), 3 * US);
	pgt_format_node_sample(&format, NODE(1, 2), 5 * US);
	for (int timing = 0; timing < (int) lengthof(expected); timing++)
	{
		char		line[100];

		PUT(PGT_RECORD_STAT, PgtStatRecord, "Scan", .id = 1, .last_id = 2,
			.execution = 1, .timing = timing, .exact_ns = 200 * US,
			.exact_total_ns = 400 * US, .total_ns = 1000 * US);
		snprintf(line, sizeof(line),
				 " time=1000 us cost=0 size=0 card=0 timing=%s)'\n",
				 expected[timing]);
		ends_with(line, "the top node");
	}
	end_report();
}

static void
test_exact(void)
{
	new_file();
	format.has_waits = true;
	begin_call(10, 0);
	pgt_format_node_wait(&format, NODE(1, 2), 5 * US);
	pgt_format_node_sample(&format, NODE(1, 2), 100 * US);
	put_node(1, 2, 2, PGT_STAT_EXACT);
	ends_with(" time=20 us cost=0 size=0 card=0 wait=5 waits=1 timing=exact)'\n",
			  "clocks know the waits");
	put_node(1, 2, 2, PGT_STAT_OFF);
	ends_with(" time=-1 us cost=0 size=0 card=0 wait=5 waits=1 timing=off)'\n",
			  "without clocks");
	put_node(1, 2, 2, PGT_STAT_MIXED);
	ends_with(" time=-1 us cost=0 size=0 card=0 wait=5 waits=1"
			  " timing=unknown)'\n", "that it goes on with samples was lost");
	PUT(PGT_RECORD_STAT, PgtStatRecord, "Scan", .id = 2, .parent = 1,
		.timing = PGT_STAT_EXACT, .exact_ns = 9 * US, .total_ns = 8 * US);
	ends_with(" time=8 us cost=0 size=0 card=0 timing=exact)'\n",
			  "never more than the calls");
	end_report();
}

static void
test_mixed(void)
{
	new_file();
	format.has_waits = true;
	begin_call(10, 0);
	pgt_format_node_wait(&format, NODE(1, 2), 50 * US);
	pgt_format_node_sample(&format, NODE(1, 2), 1000 * US);
	begin_samples(1);
	put_node(1, 2, 3, PGT_STAT_MIXED);
	ends_with(" time=-1 us cost=0 size=0 card=0 wait=50 waits=1"
			  " timing=unknown)'\n", "nothing is known of the rest");

	/* 800 us: waits of 300, and 500 by samples */
	pgt_format_node_wait(&format, NODE(1, 2), 100 * US);
	pgt_format_node_wait(&format, NODE(1, 3), 200 * US);
	put_node(1, 2, 3, PGT_STAT_MIXED);
	ends_with(" time=-1 us cost=0 size=0 card=0 wait=150 waits=2"
			  " timing=unknown)'\n", "waits alone don't make it known");
	pgt_format_node_sample(&format, NODE(1, 0), 10 * US);
	pgt_format_node_sample(&format, NODE(1, 2), 20 * US);
	pgt_format_node_sample(&format, NODE(1, 3), 20 * US);
	put_node(1, 2, 3, PGT_STAT_MIXED);
	ends_with(" time=720 us cost=0 size=0 card=0 wait=150 waits=2"
			  " timing=mixed exact=20% samples=2)'\n",
			  "what is left goes to where samples are");
	put_node(1, 3, 3, PGT_STAT_MIXED);
	ends_with(" time=420 us cost=0 size=0 card=0 wait=200 waits=1"
			  " timing=mixed exact=20% samples=1)'\n", "of which this has its part");
	put_node(1, 50, 60, PGT_STAT_MIXED);
	ends_with(" time=20 us cost=0 size=0 card=0 wait=0 waits=0"
			  " timing=mixed exact=20% samples=0)'\n",
			  "a node that has done nothing since");
	PUT(PGT_RECORD_STAT, PgtStatRecord, "Hash", .execution = 1, .id = 2,
		.parent = 1, .last_id = 2, .timing = PGT_STAT_MIXED, .multi = 1,
		.total_ns = 10 * US);
	ends_with(" time=-1 us cost=0 size=0 card=0 wait=-1 waits=-1"
			  " timing=unknown)'\n",
			  "a node that isn't told from the one above");
	format.has_multi_nodes = true;
	PUT(PGT_RECORD_STAT, PgtStatRecord, "Hash", .execution = 1, .id = 2,
		.parent = 1, .last_id = 2, .timing = PGT_STAT_MIXED, .multi = 1,
		.total_ns = 30 * US);
	ends_with(" time=10 us cost=0 size=0 card=0 wait=150 waits=2"
			  " timing=mixed exact=0% samples=1)'\n",
			  "one that is; more waits than time share it");
	end_report();
	put_node(1, 2, 2, PGT_STAT_MIXED);
	ends_with(" time=-1 us cost=0 size=0 card=0 wait=0 waits=0"
			  " timing=unknown)'\n", "sums end with their lines");
	end_report();

	/* too little to matter */
	begin_samples(2);
	PUT(PGT_RECORD_STAT, PgtStatRecord, "Scan", .execution = 2, .id = 2,
		.parent = 1, .last_id = 2, .timing = PGT_STAT_MIXED,
		.exact_ns = 90 * US, .exact_total_ns = 95 * US, .total_ns = 100 * US);
	ends_with(" time=90 us cost=0 size=0 card=0 wait=0 waits=0"
			  " timing=mixed exact=95% samples=0)'\n", "little is left");
	end_report();
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
	put_node(1, 1, 1, PGT_STAT_EXACT);
	ends_with(" time=20 us cost=0 size=0 card=0 wait=3 waits=1 timing=exact)'\n",
			  "a wait counts for its node");
}

static void
test_nesting(void)
{
	new_file();
	format.has_waits = true;
	pgt_format_node_wait(&format, NODE(1, 2), 5 * US);
	begin_call(10, 0);
	begin_samples(1);
	begin_samples(2);
	PUT(PGT_RECORD_BEGIN, PgtBeginRecord, "", .header.cursor = 11,
		.header.depth = 1, .header.time_ns = test_now_ns,
		.plan_node = NODE(1, 2));
	pgt_format_node_wait(&format, NODE(2, 1), 800 * US);
	put_node(2, 1, 1, PGT_STAT_MIXED);
	ends_with(" time=820 us cost=0 size=0 card=0 wait=800 waits=1"
			  " timing=mixed exact=20% samples=0)'\n", "a nested statement");
	end_report();
	put_node(1, 2, 2, PGT_STAT_MIXED);
	ends_with(" time=820 us cost=0 size=0 card=0 wait=0 waits=0"
			  " timing=mixed exact=20% samples=0)'\n",
			  "its caller's time, but not its waits; none between calls");
}

static void
unknown(uint32 execution, const char *name)
{
	put_node(execution, 1, 1, PGT_STAT_MIXED);
	ends_with(" time=-1 us cost=0 size=0 card=0 wait=-1 waits=-1"
			  " timing=unknown)'\n", name);
	end_report();
}

static void
test_unknown(void)
{
	new_file();
	format.has_waits = true;
	begin_call(10, 0);
	pgt_format_node_wait(&format, NODE(1, 262144), US);
	unknown(1, "a node's number that is too high");
	pgt_format_node_wait(&format, NODE(1, 1), US);
	unknown(1, "nothing is added to what is unknown");
	begin_samples(1);
	unknown(1, "nor begun");
	pgt_format_node_wait(&format, NODE(UINT32_C(0x80000000) | 9, 1), US);
	pgt_format_node_wait(&format, NODE(0, 1), US);
	begin_samples(0);
	ok(format.sums.executions[0].execution == 0, "what has no sums");

	for (int execution = 2; execution < 2 + PGT_NODE_SUMS_MAX; execution++)
		pgt_format_node_wait(&format, NODE(execution, 1), US);
	pgt_format_node_wait(&format, NODE(2, 1), US);
	pgt_format_node_wait(&format, NODE(100, 1), US);
	unknown(3, "the one used least recently makes room");
	put_node(2, 1, 1, PGT_STAT_EXACT);
	ends_with(" time=20 us cost=0 size=0 card=0 wait=2 waits=2"
			  " timing=exact)'\n", "others are kept");

	pgt_node_sums_incomplete(&format.sums);
	unknown(UINT32_MAX - 1, "what may be incomplete");

	new_file();
	format.has_waits = true;
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
	test_processes();
	test_details();
	test_top();
	test_exact();
	test_mixed();
	test_wait();
	test_nesting();
	test_unknown();
	pgt_format_free(&format);
	pfree(out.data);
	return done();
}
