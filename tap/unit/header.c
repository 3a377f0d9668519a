/*
 * header.c
 *		Tests the head of a file, *** lines, and what tells what is running.
 */
#include "postgres.h"

#include <sys/utsname.h>

#include "tap/unit/support/lines.h"

static PgtSession session;

/* Midnight of 1970-01-02, by all clocks; PostgreSQL's 2000-01-01 is 0 */
static void
new_day(void)
{
	test_wall_ns = 0;
	test_now_ns = 86400 * SECOND;
	new_file();
}

static char *
expected_header(const char *module)
{
	struct utsname host;

	uname(&host);
	return psprintf("Trace file /d/a\\nb.trc\n"
					"PostgreSQL 15.0 (Test) with pg_trace_bgw 1.0 format=2\n"
					"Version 150000\n"
					"System name:\t%s\nNode name:\t%s\nRelease:\t%s\n"
					"Version:\t%s\nMachine:\t%s\n"
					"Instance name: \n"
					"Database name: d\\\\b\n"
					"User name: r\\nle\n"
					"PostgreSQL process number: 7\n"
					"Unix process pid: 42, image: client backend\n"
					"Backend start: 2000-01-01T00:00:01.500000+00:00\n"
					"\n"
					"*** 1970-01-02T00:00:00.000000+00:00 (tim=86400000000)\n"
					"*** SESSION ID:(42.946684801) 1970-01-02T00:00:00.000000+00:00\n"
					"*** CLIENT ID:() 1970-01-02T00:00:00.000000+00:00\n"
					"*** SERVICE NAME:(d\\\\b) 1970-01-02T00:00:00.000000+00:00\n"
					"*** MODULE NAME:(%s) 1970-01-02T00:00:00.000000+00:00\n"
					"*** ACTION NAME:() 1970-01-02T00:00:00.000000+00:00\n"
					"\n",
					host.sysname, host.nodename, host.release, host.version,
					host.machine, module);
}

static void
test_header(void)
{
	char	   *expected = expected_header("app'\\x01");

	session.pid = 42;
	session.proc_number = 7;
	session.backend_start = 1500000;
	strcpy(NameStr(session.database_name), "d\\b");
	strcpy(NameStr(session.role_name), "r\nle");
	strcpy(session.image, "client backend");
	strcpy(session.application_name, "app'\x01");

	new_day();
	format.wall_clock_ns = 0;
	pgt_format_header(&format, &session, "/d/a\nb.trc",
					  test_now_ns);
	wrote(expected, "the head of a file");
	pfree(expected);

	test_secret = "app'\x01";
	new_day();
	format.wall_clock_ns = 0;
	expected = expected_header("***");
	pgt_format_header(&format, &session, "/d/a\nb.trc",
					  test_now_ns);
	wrote(expected, "an application's name that is hidden");
	pfree(expected);
	test_secret = NULL;
}

static void
test_notes(void)
{
	new_day();
	pgt_format_note(&format, "A\nB\\");
	wrote("*** A\\nB\\\\\n", "a note is one line");
	pgt_format_time_note(&format, "SINCE ", INT64CONST(-1));
	wrote("*** SINCE 1999-12-31T23:59:59.999999+00:00\n", "a time");
	pgt_format_time_note(&format, "", PG_INT64_MAX);
	ok(strchr(out.data, '\n') == out.data + out.len - 1, "any time: %.*s",
	   out.len - 1, out.data);
	resetStringInfo(&out);
}

static const PgtWaitName wait_name = {.name = "a'b", .type = "IO"};

static void
test_running_statement(void)
{
	PgtRunningStatement statement = {
		.text = "SELECT\n1",
		.queryid = UINT64CONST(10784275964862160707),
		.role = 20,
		.traced_ns = 9 * US,
	};

	new_file();
	pgt_format_running_statement(&format, &statement);
	wrote("=====================\n"
		  "PARSING IN CURSOR #10 len=8 dep=0 uid=20 oct=0 lid=20 tim=9 "
		  "hv=1029988163 ad='0' sqlid='9babjv8yq8ru3' "
		  "queryid=-7662468108847390909\nSELECT\n1\nEND OF STMT\n",
		  "the statement that ran last");
	ok(pgt_format_cursor(&format, false) == 0 &&
	   pgt_format_cursor(&format, true) == 10, "has only waits for the client");

	new_file();
	test_secret = "SECRET";
	statement.text = "SECRET";
	statement.queryid = 0;
	statement.running = true;
	statement.since_ns = statement.traced_ns = test_now_ns;
	pgt_format_running_statement(&format, &statement);
	test_secret = NULL;
	ok(strstr(out.data, " len=3 ") != NULL &&
	   strstr(out.data, "\nxxx\nEND OF STMT\n") != NULL, "a secret is hidden");
	ok(strstr(out.data, " queryid=0\n") != NULL &&
	   strstr(out.data, "sqlid='0000000000000'") == NULL,
	   "a text without an identifier is known by its hash");
	resetStringInfo(&out);
	pgt_format_waiting(&format, &wait_name);
	wrote("*** IN PROGRESS cursor=10 event=a\\x27b type=IO\n", "what it waits for");
}

static void
test_running(void)
{
	uint64		begin_ns = test_now_ns;

	new_file();
	pgt_format_running(&format, begin_ns + 100 * SECOND, NULL, 0, false);
	wrote("", "no call is open");
	begin_call(10, 0);
	pgt_format_running(&format, begin_ns + 10 * SECOND - 1, NULL, 0, false);
	wrote("", "within ten seconds");
	test_now_ns += 10 * SECOND;
	format.wall_clock_ns = test_now_ns;
	pgt_format_running(&format, test_now_ns, NULL, 0, false);
	wrote("*** RUNNING cursor=10 e=10000000\n", "after ten seconds");
	pgt_format_running(&format, test_now_ns + SECOND, NULL, 0, false);
	wrote("", "said once");
	test_now_ns += 10 * SECOND;
	format.wall_clock_ns = test_now_ns;
	pgt_format_running(&format, test_now_ns, &wait_name,
					   test_now_ns - 3 * US, true);
	wrote("*** RUNNING cursor=10 e=20000000 event=a\\x27b type=IO ela=3 "
		  "partial=1\n",
		  "and again, with a wait");
	PUT(PGT_RECORD_CURSOR, PgtCursorRecord, "S", .header.cursor = 11,
		.header.time_ns = test_now_ns, .total_len = 2);
	resetStringInfo(&out);
	test_now_ns += 10 * SECOND;
	pgt_format_running(&format, test_now_ns, NULL, 0, false);
	wrote("", "not in the middle of a text");
	pgt_format_text_dots(&format, 1);
	resetStringInfo(&out);
	format.wall_clock_ns = test_now_ns;
	pgt_format_running(&format, test_now_ns, &wait_name, test_now_ns, false);
	wrote("*** RUNNING cursor=10 e=30000000 event=a\\x27b type=IO ela=0\n",
		  "but after it");
}

int
main(void)
{
	test_header();
	test_notes();
	test_running_statement();
	test_running();
	pgt_format_free(&format);
	pfree(out.data);
	return done();
}
