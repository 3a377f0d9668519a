/*
 * attribution.c
 *		Tests which cursor lines belong to.
 */
#include "postgres.h"

#include "tap/unit/support/lines.h"

static void
cursor_is(uint32 expected, uint32 for_client, const char *name)
{
	uint32		work = pgt_format_cursor(&format, false);
	uint32		client = pgt_format_cursor(&format, true);

	ok(work == expected && client == for_client, "%s: #%u, client #%u", name,
	   work, client);
}

static void
test_calls(void)
{
	new_file();
	cursor_is(0, 0, "at the beginning");
	begin_call(10, 0);
	cursor_is(10, 10, "in a call");
	begin_call(11, 1);
	begin_call(12, 2);
	cursor_is(12, 12, "in the deepest call");
	end_call(12, 2, true);
	cursor_is(11, 11, "in the one above");
	begin_call(13, 2);
	end_call(11, 1, false);
	cursor_is(10, 10, "the end of a call ends those within");
	end_call(10, 0, false);
	cursor_is(10, 10, "after a call of a statement that goes on");
	begin_call(14, 0);
	test_now_ns += 5 * SECOND;
	begin_call(17, 1);
	ok(format.running_due_ns == test_now_ns + 5 * SECOND,
	   "RUNNING is due by the outermost call");
	end_call(17, 1, true);
	end_call(14, 0, true);
	ok(format.running_due_ns == 0, "and not when that has ended");
	cursor_is(0, 14, "after a statement");
	begin_call(15, 0);
	cursor_is(15, 15, "in the next one");
	PUT(PGT_RECORD_END, PgtEndRecord, "", .header.cursor = 16,
		.header.depth = 0, .begun = false);
	cursor_is(15, 15, "the end of a call that had no beginning");
}

static void
test_ends_of_statements(void)
{
	PgtWaitName client = {.name = "ClientRead", .for_client = true};
	PgtWaitName file = {.name = "DataFileRead"};
	PgtWait		wait = {.name = &client, .mode = PGT_NO_MODE,
		.client_bytes = PGT_NO_BYTES};

	new_file();
	begin_call(10, 0);
	PUT(PGT_RECORD_XACT, PgtXactRecord, "");
	pgt_format_wait(&format, &wait);
	cursor_is(10, 10, "in a call, a transaction's end or a client means none");
	end_call(10, 0, false);
	wait.name = &file;
	pgt_format_wait(&format, &wait);
	cursor_is(10, 10, "other waits go on with it");
	wait.name = &client;
	resetStringInfo(&out);
	pgt_format_wait(&format, &wait);
	ok(strncmp(out.data, "WAIT #10: ", 10) == 0, "a wait for the client");
	cursor_is(0, 10, "after the client has sent more");
	resetStringInfo(&out);
	pgt_format_wait(&format, &wait);
	ok(strncmp(out.data, "WAIT #10: ", 10) == 0, "the next wait for it");
	begin_call(11, 0);
	end_call(11, 0, false);
	PUT(PGT_RECORD_XACT, PgtXactRecord, "");
	cursor_is(0, 11, "after a transaction");
}

static void
test_depths(void)
{
	new_file();
	begin_call(20, 3);
	cursor_is(20, 20, "a call whose callers are unknown");
	end_call(20, 3, true);
	cursor_is(20, 20, "stands for these");
	begin_call(10, 0);
	cursor_is(10, 10, "until the next one at the top");

	for (int depth = 1; depth <= 100; depth++)
		begin_call(100 + depth, depth);
	ok(format.depth == PGT_FORMAT_MAX_DEPTH, "depth is bounded");
	cursor_is(200, 200, "calls that are too deep");
	begin_call(300, UINT16_MAX);
	cursor_is(300, 300, "as deep as can be");
	end_call(300, UINT16_MAX, true);
	cursor_is(300, 300, "the end of one that is too deep");
	end_call(163, 63, true);
	cursor_is(162, 162, "the end of the last one that is kept");
	end_call(10, 0, true);
	cursor_is(0, 10, "all ended");
}

static void
test_running_before(void)
{
	uint64		begin_ns = test_now_ns;

	new_file();
	pgt_format_running_begun(&format, begin_ns, begin_ns - 25 * SECOND);
	cursor_is(PGT_FIRST_CURSOR, PGT_FIRST_CURSOR, "running before");
	ok(format.running_due_ns == begin_ns + 5 * SECOND,
	   "it is reported when it has run for a multiple of ten seconds");
	begin_call(11, 1);
	cursor_is(11, 11, "a call within");
	end_call(11, 1, true);
	cursor_is(PGT_FIRST_CURSOR, PGT_FIRST_CURSOR, "after it");
	begin_call(12, 0);
	cursor_is(12, 12, "the next call at the top");
	ok(format.running_due_ns == test_now_ns + 10 * SECOND,
	   "whose time begins anew");
	pgt_format_running_ended(&format);
	cursor_is(12, 12, "isn't ended as the one before");

	new_file();
	pgt_format_running_ended(&format);
	cursor_is(0, 0, "nothing was running");
	ok(!format.next_statement, "nothing changes");
	pgt_format_running_begun(&format, begin_ns, begin_ns);
	pgt_format_running_ended(&format);
	cursor_is(0, 0, "has ended unseen");
	ok(format.running_due_ns == 0, "and is not reported");
}

/* A call from begin_us to end_us by its hook, with as much CPU time */
static void
put_call(uint64 begin_us, uint64 end_us, uint64 lead_us)
{
	PUT(PGT_RECORD_BEGIN, PgtBeginRecord, "", .header.cursor = 10,
		.header.time_ns = begin_us * US, .cpu_ns = 100 * US + begin_us * US,
		.lead_ns = lead_us * US, .gapless = true);
	PUT(PGT_RECORD_END, PgtEndRecord, "", .header.cursor = 10,
		.header.time_ns = end_us * US, .elapsed_ns = (end_us - begin_us) * US,
		.cpu_ns = (end_us - begin_us) * US, .kind = PGT_CALL_CLOSE,
		.close_type = PGT_CLOSE_CACHED, .begun = true);
}

static void
put_wait(const PgtWaitName *name, uint64 start_us, uint64 end_us)
{
	PgtWait		wait = {.name = name, .start_ns = start_us * US,
		.end_ns = end_us * US, .mode = PGT_NO_MODE,
		.client_bytes = PGT_NO_BYTES};

	pgt_format_wait(&format, &wait);
}

/* What is done between calls, or for the client */
static void
test_work(void)
{
	PgtWaitName client = {.name = "ClientRead", .type = "Client",
		.for_client = true, .is_client_read = true};
	PgtWaitName lock = {.name = "relation", .type = "Lock"};
	PgtWaitName file = {.name = "DataFileRead", .type = "IO"};

	new_file();
	put_call(1000, 1010, 200);
	wrote("CLOSE #10:c=210,e=210,dep=0,type=3,tim=1010\n",
		  "no wait for the client is seen: what the process says");
	put_call(1100, 1110, 20);
	wrote("CLOSE #10:c=30,e=30,dep=0,type=3,tim=1110\n", "in each call");

	new_file();
	put_wait(&client, 100, 700);
	resetStringInfo(&out);
	PUT(PGT_RECORD_LOST, PgtLostRecord, "", .count = 1);
	resetStringInfo(&out);
	put_call(1000, 1010, 200);
	wrote("CLOSE #10:c=210,e=210,dep=0,type=3,tim=1010\n",
		  "what came before isn't known: likewise");
	put_call(1100, 1110, 20);
	wrote("CLOSE #10:c=100,e=100,dep=0,type=3,tim=1110\n",
		  "the next one begins where that has ended");
	put_wait(&lock, 1115, 1135);
	put_wait(&client, 1150, 1250);
	wrote("WAIT #10: nam='relation' ela= 20 p1=0 p2=0 p3=0 type=Lock obj#=-1 tim=1135\n"
		  "WAIT #10: nam='ClientRead' ela= 100 p1=0 p2=0 p3=0 type=Client protocol=20 obj#=-1 tim=1250\n",
		  "no call comes before the client is waited for");
	put_wait(&client, 1253, 1260);
	wrote("WAIT #10: nam='ClientRead' ela= 7 p1=0 p2=0 p3=0 type=Client protocol=3 obj#=-1 tim=1260\n",
		  "once again, for the rest of a message");
	put_wait(&lock, 1270, 1300);
	put_wait(&file, 1300, 1310);
	resetStringInfo(&out);
	put_call(1350, 1360, 0);
	wrote("CLOSE #10:c=60,e=100,dep=0,type=3,tim=1360\n",
		  "a call begins with its message, and was off the CPU");

	PUT(PGT_RECORD_LOST, PgtLostRecord, "", .count = 1);
	resetStringInfo(&out);
	put_call(1400, 1410, 5);
	wrote("CLOSE #10:c=15,e=15,dep=0,type=3,tim=1410\n",
		  "what came before was lost: what the process says");

	/* cut to 1 and 3 us */
	PUT(PGT_RECORD_END, PgtEndRecord, "", .header.cursor = 10,
		.header.time_ns = 3100, .elapsed_ns = 1900, .cpu_ns = 2500,
		.kind = PGT_CALL_CLOSE, .close_type = PGT_CLOSE_CACHED);
	wrote("CLOSE #10:c=1,e=2,dep=0,type=3,tim=3\n",
		  "elapsed time is that between the times that are shown");
}

int
main(void)
{
	test_calls();
	test_work();
	test_ends_of_statements();
	test_depths();
	test_running_before();
	pgt_format_free(&format);
	pfree(out.data);
	return done();
}
