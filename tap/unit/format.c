/*
 * format.c
 *		Tests what lines records become, exactly.
 */
#include "postgres.h"

#include "tap/unit/support/lines.h"

static void
test_cursors(void)
{
	new_file();
	PUT(PGT_RECORD_CURSOR, PgtCursorRecord, "SELECT 1\n\t'x'",
		.header.cursor = 10, .header.depth = 1, .header.time_ns = 7 * US,
		.queryid = UINT64_MAX, .hash = UINT64CONST(0x100000002),
		.total_len = 13, .userid = 20, .loginid = 30, .command = 3);
	wrote("=====================\n"
		  "PARSING IN CURSOR #10 len=13 dep=1 uid=20 oct=3 lid=30 tim=7 "
		  "hv=4294967295 ad='0' sqlid='gzzzzzzzzzzzz' queryid=-1\n"
		  "SELECT 1\n\t'x'\n"
		  "END OF STMT\n", "a statement, whose text is as it was sent");
	PUT(PGT_RECORD_CURSOR, PgtCursorRecord, "abc",
		.header.cursor = 11, .total_len = 6, .full_len = 100,
		.hash = UINT64CONST(0x100000002),
		.traceparent = "00-'\\x");
	wrote("=====================\n"
		  "PARSING IN CURSOR #11 len=6 dep=0 uid=0 oct=0 lid=0 tim=0 hv=2 "
		  "ad='0' sqlid='0000004000002' queryid=0 traceparent='00-\\'\\\\x' cut=100\nabc",
		  "the first piece of a text that was cut, and a traceparent");
	PUT(PGT_RECORD_TEXT, PgtRecord, "de");
	wrote("de", "a piece in the middle");
	PUT(PGT_RECORD_TEXT, PgtRecord, "f");
	wrote("f\nEND OF STMT\n", "the last piece");
	PUT(PGT_RECORD_CURSOR, PgtCursorRecord, "", .header.cursor = 12);
	wrote("=====================\n"
		  "PARSING IN CURSOR #12 len=0 dep=0 uid=0 oct=0 lid=0 tim=0 hv=0 "
		  "ad='0' sqlid='0000000000000' queryid=0\n\nEND OF STMT\n",
		  "an empty text");
}

static void
test_calls(void)
{
	static const char *const names[] = {"PARSE", "EXEC", "FETCH"};

	new_file();
	for (int kind = PGT_CALL_PARSE; kind <= PGT_CALL_FETCH; kind++)
	{
		char	   *line = psprintf("%s #10:c=1,e=2,p=3,cr=4,cu=5,mis=1,r=6,"
									"dep=7,og=1,plh=8,tim=9\n", names[kind]);

		PUT(PGT_RECORD_END, PgtEndRecord, "",
			.header.cursor = 10, .header.depth = 7,
			.header.time_ns = 9 * US + 999, .elapsed_ns = 2 * US + 999,
			.cpu_ns = 1 * US, .blocks_read = 3, .blocks_got = 4,
			.blocks_dirtied = 5, .rows = 6, .kind = kind, .plan_hash = 8,
			.missed = 1);
		wrote(line, names[kind]);
		pfree(line);
	}
	PUT(PGT_RECORD_END, PgtEndRecord, "", .header.cursor = 10,
		.header.time_ns = 9 * US, .kind = PGT_CALL_CLOSE, .cpu_ns = 1 * US,
		.elapsed_ns = 2 * US, .close_type = PGT_CLOSE_CACHED);
	wrote("CLOSE #10:c=1,e=2,dep=0,type=3,tim=9\n", "CLOSE");
	PUT(PGT_RECORD_END, PgtEndRecord, "", .kind = PGT_CALL_CLOSE + 1);
	wrote("", "an unknown call");
	PUT(PGT_RECORD_XACT, PgtXactRecord, "", .header.time_ns = 9 * US,
		.rolled_back = 1, .read_only = 0);
	wrote("XCTEND rlbk=1, rd_only=0, tim=9\n", "the end of a transaction");
}

static void
put_bind(PgtBindState state, const char *text, uint64 total_len,
		 uint64 value_len, int type_len, const char *type_name)
{
	PgtBindRecord bind = {.total_len = total_len, .value_len = value_len,
		.type = 25, .type_len = type_len, .index = 2, .state = state,
		.oracle_type = PGT_ORACLE_VARCHAR2
		};

	strlcpy(NameStr(bind.type_name), type_name, NAMEDATALEN);
	put_record(PGT_RECORD_BIND, &bind.header, sizeof(bind), text);
}

static void
test_binds(void)
{
	new_file();
	PUT(PGT_RECORD_BINDS, PgtBindsRecord, "", .header.cursor = 10);
	wrote("BINDS #10:\n\n", "values follow");
	put_bind(PGT_BIND_VALUE, "a\"b'\\\n\x7f", 7, 0, -1, "te'xt");
	wrote(" Bind#2\n"
		  "  oacdty=01 mxl=7(7) mxlc=00 mal=00 scl=00 pre=00 typ='te\\'xt' "
		  "typoid=25\n"
		  "  kxsbbbfp=0 bln=7 avl=7 flg=05\n"
		  "  value=\"a\\\"b'\\\\\\n\\x7f\"\n", "a value is on one line");
	put_bind(PGT_BIND_VALUE, "ab", 3, 9, 4, "int4");
	wrote(" Bind#2\n"
		  "  oacdty=01 mxl=4(4) mxlc=00 mal=00 scl=00 pre=00 typ='int4' typoid=25\n"
		  "  kxsbbbfp=0 bln=9 avl=9 flg=05 shown=3\n"
		  "  value=\"ab", "a value that was cut, of a type with a length");
	PUT(PGT_RECORD_TEXT, PgtRecord, "\"");
	wrote("\\\"\"\n", "its last piece is escaped as well");
	put_bind(PGT_BIND_NULL, "", 0, 0, -1, "text");
	wrote(" Bind#2\n"
		  "  oacdty=01 mxl=0(0) mxlc=00 mal=00 scl=00 pre=00 typ='text' typoid=25\n"
		  "  kxsbbbfp=0 bln=0 avl=0 flg=05\n"
		  "  value=NULL\n", "NULL");
	put_bind(PGT_BIND_OMITTED, "why>\"", 5, 0, -1, "text");
	wrote(" Bind#2\n"
		  "  oacdty=01 mxl=5(5) mxlc=00 mal=00 scl=00 pre=00 typ='text' typoid=25\n"
		  "  kxsbbbfp=0 bln=5 avl=0 flg=05\n"
		  "  value=<why\\>\">\n", "a value that isn't shown");
	put_bind(PGT_BIND_VALUE, "", 0, 0, -1, "text");
	wrote(" Bind#2\n"
		  "  oacdty=01 mxl=0(0) mxlc=00 mal=00 scl=00 pre=00 typ='text' typoid=25\n"
		  "  kxsbbbfp=0 bln=0 avl=0 flg=05\n"
		  "  value=\"\"\n", "an empty value");
}

static void
number_is(int type, const char *text, uint64 total_len, uint64 value_len,
		  const char *expected)
{
	PgtBindRecord bind = {.total_len = total_len, .value_len = value_len,
		.type = 23, .type_len = 4, .oracle_type = type};
	const char *value;

	put_record(PGT_RECORD_BIND, &bind.header, sizeof(bind), text);
	if (format.text_left > 0)
		pgt_format_text_dots(&format, format.text_left);
	value = strstr(out.data, "value=");
	is(value, expected, expected);
	resetStringInfo(&out);
}

static void
test_numbers(void)
{
	static const int types[] = {PGT_ORACLE_NUMBER, PGT_ORACLE_FLOAT,
		PGT_ORACLE_DOUBLE};

	new_file();
	for (int i = 0; i < (int) lengthof(types); i++)
	{
		number_is(types[i], "5", 1, 0, "value=5\n");
		number_is(types[i], "-1.5e-07", 8, 0, "value=-1.5e-07\n");
	}
	number_is(PGT_ORACLE_NUMBER, "-Infinity", 9, 0, "value=\"-Infinity\"\n");
	number_is(PGT_ORACLE_NUMBER, "NaN", 3, 0, "value=\"NaN\"\n");
	number_is(PGT_ORACLE_NUMBER, "-", 1, 0, "value=\"-\"\n");
	number_is(PGT_ORACLE_NUMBER, "", 0, 0, "value=\"\"\n");
	number_is(PGT_ORACLE_NUMBER, "1\nWAIT #1: ", 11, 0,
			  "value=\"1\\nWAIT #1: \"\n");
	number_is(PGT_ORACLE_NUMBER, "12", 3, 0, "value=\"12.\"\n");
	number_is(PGT_ORACLE_NUMBER, "12", 2, 10, "value=\"12\"\n");
	number_is(PGT_ORACLE_VARCHAR2, "5", 1, 0, "value=\"5\"\n");
}

static void
test_bind_names(void)
{
	char		name[1000];

	new_file();
	PUT(PGT_RECORD_BIND_NAME, PgtRecord, "a'b");
	wrote("", "a name waits for its value");
	put_bind(PGT_BIND_NULL, "", 0, 0, -1, "text");
	wrote(" Bind#2\n"
		  "  oacdty=01 mxl=0(0) mxlc=00 mal=00 scl=00 pre=00 typ='text' "
		  "typoid=25 name='a\\'b'\n"
		  "  kxsbbbfp=0 bln=0 avl=0 flg=05\n"
		  "  value=NULL\n", "which has it");
	put_bind(PGT_BIND_NULL, "", 0, 0, -1, "text");
	ok(strstr(out.data, "name=") == NULL, "and the next one doesn't");
	resetStringInfo(&out);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	PUT(PGT_RECORD_BIND_NAME, PgtRecord, name);
	put_bind(PGT_BIND_NULL, "", 0, 0, -1, "text");
	ok(out.len < 400, "a name that is too long is cut");
	resetStringInfo(&out);
}

static void
test_errors(void)
{
	int			state = MAKE_SQLSTATE('4', '2', 'P', '0', '1');
	PgtErrorDetails details = {.message = "a \"b\"\n\\", .schema = {"s"},
		.table = {"t\""}, .column = {"c"}, .constraint = {"k"}};

	new_file();
	PUT(PGT_RECORD_PARSE_ERROR, PgtParseErrorRecord, "SELEC",
		.header.cursor = 10, .header.depth = 1, .header.time_ns = 9 * US,
		.total_len = 6, .full_len = 50, .userid = 20, .loginid = 30,
		.sqlstate = state, .position = 4);
	wrote("PARSE ERROR #10:len=6 dep=1 uid=20 oct=0 lid=30 tim=9 "
		  "err=16908420 sqlstate=42P01 message=\"\" pos=4 cut=50\nSELEC", "an error of a text, and a part of that");
	PUT(PGT_RECORD_TEXT, PgtRecord, "2");
	wrote("2\nCLOSE #0:c=0,e=0,dep=1,type=0,tim=9\n", "its end");
	PUT(PGT_RECORD_ERROR, PgtErrorRecord, "", .header.cursor = 10,
		.header.time_ns = 9 * US, .sqlstate = state);
	wrote("ERROR #10:err=16908420 tim=9 sqlstate=42P01 message=\"\"\n",
		  "an error of a cursor");
	PUT(PGT_RECORD_ERROR, PgtErrorRecord, "", .header.cursor = 10,
		.sqlstate = MAKE_SQLSTATE('=', '<', 'Z', '\\', '9'));
	ok(strstr(out.data, " sqlstate=??Z?9 ") != NULL,
	   "a code that can't be one");
	resetStringInfo(&out);
	begin_call(12, 0);
	resetStringInfo(&out);
	PUT(PGT_RECORD_ERROR, PgtErrorRecord, "", .header.time_ns = 9 * US,
		.sqlstate = state);
	wrote("ERROR #12:err=16908420 tim=9 sqlstate=42P01 message=\"\"\n",
		  "one that is of the open call");
	PUT(PGT_RECORD_ERROR, PgtErrorRecord, "SELECT \"a\"\n", .header.cursor = 10,
		.header.time_ns = 9 * US, .sqlstate = state, .bind = 1, .full_len = 99,
		.details = details);
	wrote("ERROR #10:err=16908420 tim=9 sqlstate=42P01 "
		  "message=\"a \\\"b\\\"\\n\\\\\" schema=\"s\" table=\"t\\\"\" column=\"c\" "
		  "constraint=\"k\" bind=0 statement=\"SELECT \\\"a\\\"\\n\" cut=99\n",
		  "one with all that may be known");
}

static void
test_contexts(void)
{
	char		value[3000];

	test_wall_ns = 0;
	test_now_ns = 86400 * SECOND;
	new_file();
	PUT(PGT_RECORD_CONTEXT, PgtContextRecord, "a\n)b",
		.header.time_ns = test_now_ns - 1500 * US,
		.kind = PGT_CONTEXT_CLIENT);
	wrote("*** CLIENT ID:(a\\n)b) 1970-01-01T23:59:59.998500+00:00\n",
		  "a client's identifier, at the time when it was set");
	PUT(PGT_RECORD_CONTEXT, PgtContextRecord, "m",
		.header.time_ns = test_now_ns, .kind = PGT_CONTEXT_MODULE);
	wrote("*** MODULE NAME:(m) 1970-01-02T00:00:00.000000+00:00\n", "module");
	PUT(PGT_RECORD_CONTEXT, PgtContextRecord, "",
		.header.time_ns = test_now_ns, .kind = PGT_CONTEXT_ACTION);
	wrote("*** ACTION NAME:() 1970-01-02T00:00:00.000000+00:00\n", "action");
	PUT(PGT_RECORD_CONTEXT, PgtContextRecord, "",
		.header.time_ns = test_now_ns, .kind = PGT_CONTEXT_USER,
		.userid = UINT32_MAX);
	wrote("*** USER ID:(4294967295) 1970-01-02T00:00:00.000000+00:00\n",
		  "role");
	PUT(PGT_RECORD_CONTEXT, PgtContextRecord, "binds=on",
		.kind = PGT_CONTEXT_OPTIONS);
	wrote("*** TRACING OPTIONS: binds=on\n", "options");
	PUT(PGT_RECORD_CONTEXT, PgtContextRecord, "x",
		.kind = PGT_CONTEXT_OPTIONS + 1);
	wrote("", "an unknown one");

	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	for (int kind = PGT_CONTEXT_CLIENT; kind <= PGT_CONTEXT_OPTIONS; kind++)
	{
		if (kind == PGT_CONTEXT_USER)
			continue;
		PUT(PGT_RECORD_CONTEXT, PgtContextRecord, value,
			.header.time_ns = test_now_ns, .kind = kind);
		ok(out.len > 1000 && out.len < 1100,
		   "a long value of kind %d is cut: %d", kind, out.len);
		resetStringInfo(&out);
	}
}

static void
test_missing(void)
{
	new_file();
	PUT(PGT_RECORD_LOST, PgtLostRecord, "", .count = 3);
	wrote("*** LOST 3 EVENTS: THE SESSION'S QUEUE WAS FULL\n", "lost records");
	PUT(PGT_RECORD_LOST, PgtLostRecord, "", .count = 4, .calls = 1);
	wrote("*** LOST 4 CALLS: ALL CURSOR NUMBERS ARE IN USE\n", "lost calls");
	PUT(PGT_RECORD_EXIT, PgtExitRecord, "", .code = -1);
	wrote("*** PROCESS EXITS, code=-1\n", "exit");
	PUT(PGT_RECORD_PAD, PgtRecord, "");
	wrote("", "what only fills the queue");

	PUT(PGT_RECORD_CURSOR, PgtCursorRecord, "S", .header.cursor = 10,
		.total_len = 101);
	resetStringInfo(&out);
	pgt_format_text_dots(&format, 40);
	wrote("........................................", "dots for missing text");
	pgt_format_text_dots(&format, 60);
	wrote("............................................................\n"
		  "END OF STMT\n", "as many as there were bytes");
	pgt_format_text_dots(&format, 5);
	wrote("", "no more after the end");
	pgt_format_text_missing(&format, 100);
	wrote("*** LOST 100 BYTES OF THE TEXT ABOVE, SHOWN AS DOTS\n", "a note");
	put_bind(PGT_BIND_VALUE, "a", 3, 0, -1, "text");
	resetStringInfo(&out);
	pgt_format_text_dots(&format, 2);
	wrote("..\"\n", "dots in a value");
}

static void
test_wall_clock(void)
{
	test_wall_ns = 0;
	test_now_ns = 86400 * SECOND;
	new_file();
	test_now_ns += 10 * SECOND - 1;
	begin_call(10, 0);
	wrote("", "no wall-clock line within ten seconds");
	test_now_ns++;
	begin_call(10, 0);
	wrote("*** 1970-01-02T00:00:10.000000+00:00 (tim=86410000000)\n",
		  "one after ten seconds");
	test_now_ns += 20 * SECOND;
	PUT(PGT_RECORD_END, PgtEndRecord, "", .header.time_ns = test_now_ns,
		.header.cursor = 10, .begun = true);
	wrote("PARSE #10:c=0,e=0,p=0,cr=0,cu=0,mis=0,r=0,dep=0,og=1,plh=0,"
		  "tim=86430000000\n", "none before the end of a call");
	PUT(PGT_RECORD_CURSOR, PgtCursorRecord, "", .header.cursor = 11,
		.header.time_ns = test_now_ns - 5 * SECOND);
	wrote("*** 1970-01-02T00:00:25.000000+00:00 (tim=86425000000)\n"
		  "=====================\n"
		  "PARSING IN CURSOR #11 len=0 dep=0 uid=0 oct=0 lid=0 "
		  "tim=86425000000 hv=0 ad='0' sqlid='0000000000000' queryid=0\n"
		  "\nEND OF STMT\n",
		  "one before a statement, at its time");
}

int
main(void)
{
	test_cursors();
	test_calls();
	test_binds();
	test_numbers();
	test_bind_names();
	test_errors();
	test_contexts();
	test_missing();
	test_wall_clock();
	pgt_format_free(&format);
	pfree(out.data);
	return done();
}
