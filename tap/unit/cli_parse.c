/*
 * cli_parse.c
 *		Tests cli/parse: what the reader makes of a trace's lines, in pieces of
 *		any size, and of what is damaged.
 */
#include <stdlib.h>

#include "cli/parse/fields.h"
#include "cli/parse/reader.h"
#include "cli/parse/time.h"
#include "tap/unit/tap.h"

#define MAX_ENTRIES		64

/* A text to read, so many bytes at a time */
typedef struct Text
{
	const char *at;
	size_t		left;
	size_t		piece;
} Text;

static ssize_t
read_text(void *arg, char *buffer, size_t size)
{
	Text	   *text = arg;
	size_t		n = size < text->piece ? size : text->piece;

	if (n > text->left)
		n = text->left;
	memcpy(buffer, text->at, n);
	text->at += n;
	text->left -= n;
	return n;
}

static void *
resize(void *arg, void *memory, size_t size)
{
	(void) arg;
	if (size > 0)
		return realloc(memory, size);
	free(memory);
	return NULL;
}

/* The kinds of a text's entries, with ! for what is wrong, t torn and c cut */
static const char *
outline_of(const char *string, size_t piece, size_t max_size)
{
	static char result[4096];
	Text		text = {string, strlen(string), piece};
	PgtReader	reader;
	PgtEntry	entry;
	size_t		n = 0;

	result[0] = '\0';
	pgt_reader_init(&reader, read_text, resize, &text, max_size);
	while (pgt_reader_next(&reader, &entry) == PGT_READ_ENTRY)
		n += snprintf(result + n, sizeof(result) - n, "%s%llu %s%s%s%s",
					  n > 0 ? ", " : "", (unsigned long long) entry.line,
					  pgt_entry_kind_name(entry.kind),
					  entry.problem != NULL ? "!" : "",
					  entry.torn ? "t" : "", entry.cut ? "c" : "");
	pgt_reader_free(&reader);
	return result;
}

/* The same in pieces of any size */
static void
outline_is(const char *text, const char *expected, const char *name)
{
	bool		same = true;

	is(outline_of(text, SIZE_MAX, PGT_READER_MAX_SIZE), expected, name);
	for (size_t piece = 1; piece < 40; piece++)
		same &= strcmp(outline_of(text, piece, PGT_READER_MAX_SIZE),
					   expected) == 0;
	ok(same, "%s, in pieces", name);
}

/* The first entry of a text that isn't empty; it stays until the next call. */
static const PgtEntry *
read_one(const char *string)
{
	static PgtReader reader;
	static PgtEntry entry;
	static Text text;

	pgt_reader_free(&reader);
	text = (Text)
	{
		string, strlen(string), SIZE_MAX
	};
	pgt_reader_init(&reader, read_text, resize, &text, PGT_READER_MAX_SIZE);
	do
	{
		if (pgt_reader_next(&reader, &entry) != PGT_READ_ENTRY)
			abort();
	} while (entry.kind == PGT_ENTRY_EMPTY);
	return &entry;
}

static void
span_is(PgtSpan span, const char *expected, const char *name)
{
	char		text[256];

	snprintf(text, sizeof(text), "%.*s", (int) span.len,
			 span.at != NULL ? span.at : "(none)");
	if (span.at == NULL)
		strcpy(text, "(none)");
	is(text, expected, name);
}

static void
test_outlines(void)
{
	outline_is("=====================\n"
			   "PARSING IN CURSOR #10 len=29 dep=0 uid=10 oct=3 lid=10 tim=5 hv=0 ad='0' sqlid='0000000000000' queryid=0\n"
			   "SELECT '\nWAIT #1: nam=''x'''\n\n"
			   "END OF STMT\n"
			   "EXEC #10:c=1,e=2,p=0,cr=0,cu=0,mis=0,r=0,dep=0,og=1,plh=0,tim=9\n",
			   "1 empty, 2 PARSING IN CURSOR, 7 EXEC",
			   "a text that looks like lines");
	outline_is("BINDS #16:\n\n"
			   " Bind#0\n  oacdty=02 typ='int4'\n  kxsbbbfp=0\n  value=5\n"
			   "*** 2026-11-25T13:43:25.696597+00:00 (tim=1)\n"
			   " Bind#1\n  oacdty=02\n"
			   " Bind#2\n  oacdty=02\n  value=NULL\n"
			   "CLOSE #16:c=0,e=0,dep=0,type=3,tim=2\n",
			   "1 BINDS, 2 empty, 3 Bind, 7 time, 8 Bind, 10 Bind, 13 CLOSE",
			   "bind values, one without a value");
	outline_is("PARSE ERROR #0:len=3 dep=0 uid=1 oct=0 lid=1 tim=5 err=1 sqlstate=42601 message=\"x\" pos=1\n"
			   "a\nb\nCLOSE #0:c=0,e=0,dep=0,type=0,tim=5\n",
			   "1 PARSE ERROR, 4 CLOSE", "a text that couldn't be parsed");
	outline_is("WAIT #1: nam='a' ela= 5", "1 WAITt", "a torn line");
	outline_is("hello\n\nWAIT #x: y\nWAIT #1: z\n",
			   "1 unknown, 2 empty, 3 unknown, 4 WAIT!", "what is none");
}

static void
test_damage(void)
{
#define PARSING	"PARSING IN CURSOR #10 len=9 dep=0 tim=5\n"
	outline_is(PARSING "SELECT\nEND OF STMT\nXCTEND rlbk=0, rd_only=0, tim=6\n",
			   "1 PARSING IN CURSOR!, 4 XCTEND", "a text that is shorter");
	outline_is(PARSING "SELECT 12345678\nEND OF STMT\nXCTEND rlbk=0, rd_only=0, tim=6\n",
			   "1 PARSING IN CURSOR!, 4 XCTEND", "a text that is longer");
	outline_is(PARSING "SEL\n*** TRACE ENDED: THE SERVER OR ITS WORKER WAS RESTARTED, EVENTS MAY BE MISSING\n",
			   "1 PARSING IN CURSOR!, 3 TRACE ENDED",
			   "a trace's end in the middle of a text");
	outline_is("PARSING IN CURSOR #10 len=99999999999999999999 dep=0\nabc\n",
			   "1 PARSING IN CURSOR!, 2 unknown", "a length that is no number");
	outline_is("PARSING IN CURSOR #10 len=9999999999 dep=0\nabc\nXCTEND rlbk=0, rd_only=0, tim=6\n",
			   "1 PARSING IN CURSOR!, 2 unknown, 3 XCTEND",
			   "a length beyond the file");
	outline_is("EXEC #1:c=x,e=2,dep=0,tim=5\n", "1 EXEC!", "no number");
	is(outline_of("PARSING IN CURSOR #10 len=60 dep=0 tim=5\n"
				  "0123456789\n0123456789\n0123456789\n0123456789\n0123456789\n01234\n"
				  "END OF STMT\nXCTEND rlbk=0, rd_only=0, tim=6\n", 7, 64),
	   "1 PARSING IN CURSORc, 8 empty, 9 XCTEND",
	   "a text that is longer than memory");
	is(outline_of("0123456789012345678901234567890123456789\nhello\n", 5, 16),
	   "1 unknownc, 2 unknown", "a line that is");
}

/* A file that grows */
static void
test_growing(void)
{
	const char *line = "XCTEND rlbk=0, rd_only=1, tim=6\n";
	Text		text = {line, 10, SIZE_MAX};
	PgtReader	reader;
	PgtEntry	entry;

	pgt_reader_init(&reader, read_text, resize, &text, PGT_READER_MAX_SIZE);
	reader.growing = true;
	ok(pgt_reader_next(&reader, &entry) == PGT_READ_END, "half a line yet");
	text.left = strlen(line) - 10;
	ok(pgt_reader_next(&reader, &entry) == PGT_READ_ENTRY &&
	   entry.kind == PGT_ENTRY_XCTEND && entry.tim == 6 && entry.line == 1 &&
	   !entry.torn, "the rest of it");
	text.at = "XCT";
	text.left = 3;
	ok(pgt_reader_next(&reader, &entry) == PGT_READ_END, "half of another");
	reader.growing = false;
	ok(pgt_reader_next(&reader, &entry) == PGT_READ_ENTRY && entry.torn &&
	   entry.line == 2 && entry.offset == strlen(line),
	   "which stays that way");
	pgt_reader_free(&reader);
}

static void
test_wait(void)
{
	const PgtEntry *entry = read_one("WAIT #13: nam='transactionid' ela= 10095 xid=732 block#=0 row#=2 type=Lock node=1 mode=ShareLock blocker=13142,7 blocker_sqlid=1dq05wxu1ftgq blocker_state=idle_in_transaction new=3 cont=1 obj#=16398 tim=23542310560\n");
	const PgtEntryWait *wait = &entry->of.wait;
	PgtSpan		value;

	ok(entry->has_cursor && entry->cursor == 13 && entry->has_tim &&
	   entry->tim == INT64_C(23542310560), "cursor and tim");
	span_is(wait->nam, "transactionid", "nam");
	ok(wait->ela == 10095 && wait->node == 1 && wait->obj == 16398 &&
	   wait->cont == 1 && wait->cpu == -1, "numbers");
	span_is(wait->parameter[2].name, "row#", "name of a parameter");
	ok(wait->parameter[0].value == 732 && wait->parameter[2].value == 2,
	   "parameters");
	span_is(wait->blocker, "13142,7", "a value with a comma");
	span_is(wait->fork, "(none)", "what isn't there");
	ok(entry->unknown_fields == 1 && entry->problem == NULL,
	   "an unknown field is no problem");
	ok(pgt_entry_field(entry, "new", &value), "which can be found");
	span_is(value, "3", "with its value");

	entry = read_one("WAIT #140737: nam='SQL*Net message to client' ela= 2 driver id=1650815232 #bytes=1 p3=0 obj#=-1 tim=9\n");
	span_is(entry->of.wait.parameter[0].name, "driver id", "Oracle's names");
	ok(entry->of.wait.parameter[0].value == 1650815232 &&
	   entry->unknown_fields == 0, "have blanks");
}

static void
test_other_lines(void)
{
	const PgtEntry *entry = read_one("FETCH #16:c=110,e=109,p=1,cr=2,cu=3,mis=0,r=4,dep=1,og=1,plh=2049665120,tim=77\n");
	const PgtEntryCall *call = &entry->of.call;
	const PgtEntryStat *stat;

	ok(call->c == 110 && call->e == 109 && call->p == 1 && call->cr == 2 &&
	   call->cu == 3 && call->r == 4 && call->dep == 1 &&
	   call->plh == 2049665120 && entry->tim == 77, "a call");
	entry = read_one("STAT #10 id=2 cnt=5 pid=1 pos=1 obj=7 op='Index Scan on \"it\\'s (a)\" (cr=1 pr=2 pw=3 str=4 time=5 us cost=6 size=7 card=8 wait=9 waits=1 timing=sampled samples=2 procs=4)'\n");
	stat = &entry->of.stat;
	span_is(stat->op, "Index Scan on \"it\\'s (a)\"", "a node");
	ok(stat->cr == 1 && stat->pw == 3 && stat->time == 5 && stat->card == 8 &&
	   stat->wait == 9 && stat->samples == 2 && entry->problem == NULL,
	   "its figures");
	entry = read_one("STAT #1 id=1 cnt=1 pid=0 pos=1 obj=0 op='TABLE ACCESS FULL T (cr=3 pr=0 pw=0 str=1 time=9 us cost=2 size=3 card=1)'\n");
	span_is(entry->of.stat.op, "TABLE ACCESS FULL T", "Oracle's node");
	entry = read_one("ERROR #18:err=83906754 tim=5 sqlstate=23505 message=\"a \\\"b\\\"\" table=\"t\"\n");
	span_is(entry->of.error.message, "a \\\"b\\\"", "a message");
	span_is(entry->of.error.table, "t", "what is behind");
	entry = read_one(" Bind#3\n  oacdty=01 mxl=5(5) typ='text' typoid=25 name='x'\n  kxsbbbfp=0 bln=5 avl=9 flg=05 shown=5\n  value=\"a\\\"b\"\n");
	ok(entry->of.bind.number == 3 && entry->of.bind.shown == 5 &&
	   entry->of.bind.kind == PGT_ENTRY_VALUE_QUOTED, "a value");
	span_is(entry->of.bind.value, "a\\\"b", "without its quotes");
	span_is(entry->of.bind.name, "x", "its name");
	entry = read_one("*** MODULE NAME:(a) b) 2026-11-25T13:43:25.696577+00:00\n");
	ok(entry->kind == PGT_ENTRY_CONTEXT && entry->of.stars.has_time,
	   "context with its time");
	span_is(entry->of.stars.value, "a) b", "a name with a parenthesis");
	entry = read_one("*** RUNNING cursor=10 e=10001166 event=transactionid type=Lock ela=9000726\n");
	ok(entry->kind == PGT_ENTRY_RUNNING && entry->cursor == 10 &&
	   entry->of.stars.e == 10001166 && entry->of.stars.ela == 9000726,
	   "what is running");
	entry = read_one("*** LOST 8847 EVENTS: THE SESSION'S QUEUE WAS FULL\n");
	ok(entry->kind == PGT_ENTRY_LOST && entry->of.stars.number == 8847, "lost");
	entry = read_one("*** LOST AN UNKNOWN NUMBER OF EVENTS\n");
	ok(entry->kind == PGT_ENTRY_LOST && entry->of.stars.number == -1,
	   "nobody knows how many");
	entry = read_one("Database name: a b\n");
	span_is(entry->of.head.name, "Database name", "a line of the head");
	span_is(entry->of.head.value, "a b", "its value");
	entry = read_one("LOBWRITE: type=TEMPORARY LOB,bytes=5,c=1,e=33,p=0,cr=0,cu=0,tim=9\n");
	ok(entry->kind == PGT_ENTRY_LOB && entry->of.call.e == 33 &&
	   entry->problem == NULL, "Oracle's LOB call");
}

static void
time_is(const char *text, int64_t expected_us, int expected_offset)
{
	const char *p = text;
	int64_t		us = -1;
	int			offset = -1;

	ok(pgt_take_time(&p, text + strlen(text), &us, &offset) &&
	   *p == '\0' && us == expected_us && offset == expected_offset, "%s", text);
}

static void
test_numbers(void)
{
	uint64_t	id;
	int64_t		number;
	char		text[32];

	time_is("1970-01-01T00:00:00.000001+00:00", 1, 0);
	time_is("2026-11-25T13:43:25.696597+01:00", INT64_C(1795610605696597), 3600);
	time_is("2000-02-29 00:00:00.5", INT64_C(951782400500000), 0);
	time_is("2017-06-27T13:56:36Z", INT64_C(1498571796000000), 0);
	time_is("1969-12-31T23:59:59-00:30", INT64_C(1799000000), -1800);
	ok(pgt_span_sql_id(pgt_span("0zv97g3sxfkdf", 13), &id) &&
	   id == UINT64_C(1147616880456321454), "an sqlid");
	ok(!pgt_span_sql_id(pgt_span("0zv97g3sxfkde", 13), &id), "no e in it");
	ok(pgt_span_int64(pgt_span("-9223372036854775807", 20), &number) &&
	   number == -INT64_MAX, "a great number");
	ok(!pgt_span_int64(pgt_span("9223372036854775808", 19), &number),
	   "one that is too great");
	ok(!pgt_span_int64(pgt_span("99999999999999999999", 20), &number),
	   "by far");
	ok(pgt_span_unescape(pgt_span("a\\n\\x1b\\'\\\\\\x4", 14), text) == 8 &&
	   memcmp(text, "a\n\x1b'\\\\x4", 8) == 0, "escapes");
}

int
main(void)
{
	test_outlines();
	test_damage();
	test_growing();
	test_wait();
	test_other_lines();
	test_numbers();
	return done();
}
