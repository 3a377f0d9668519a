/*
 * cli_model.c
 *		Tests cli/model: to which calls waits and nested calls belong, that all
 *		adds up, that memory is bounded; and percentiles.
 */
#include "postgres_fe.h"

#include "cli/model/flow.h"
#include "cli/model/histogram.h"
#include "cli/model/session.h"
#include "cli/parse/reader.h"
#include "tap/unit/tap.h"

/* What the flow has told, as a text */
static char told[16384];
static size_t ntold;
static int64_t sum;				/* self times and gaps */
static int	items_max;

static void tell(const char *format,...) __attribute__((format(printf, 1, 2)));

static void
tell(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	if (ntold < sizeof(told) - 200)
		ntold += vsnprintf(told + ntold, sizeof(told) - ntold, format, args);
	va_end(args);
}

static void
note_call(void *arg, PgtFlowCall *call)
{
	(void) arg;
	sum += call->self_e;
	items_max = Max(items_max, call->nitems);
	tell("%s#%d self=%d waits=%d/%d c=%d rest=%d; ",
		 pgt_entry_kind_name(call->entry->kind), (int) call->entry->cursor,
		 (int) call->self_e, (int) call->waits, (int) call->wait_us,
		 (int) call->self_c, (int) call->rest);
}

static void
note_gap(void *arg, const PgtFlowGap *gap)
{
	(void) arg;
	sum += gap->end - gap->begin - gap->calls_us;
	tell("gap %d waits=%d/%d calls=%d rest=%d; ",
		 (int) (gap->end - gap->begin), (int) gap->waits,
		 (int) gap->wait_us, (int) gap->calls_us, (int) gap->rest);
}

static ssize_t
read_text(void *arg, char *buffer, size_t size)
{
	const char **text = arg;
	size_t		n = Min(strlen(*text), size);

	memcpy(buffer, *text, n);
	*text += n;
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

static PgtFlowDoubts
run_flow(const char *text, PgtSession *session)
{
	static const PgtFlowEvents events = {NULL, note_call, note_gap, NULL};
	PgtCatalog *catalog = pgt_catalog_create(false, 100);
	PgtFlow    *flow = pgt_flow_create(catalog, &events, NULL);
	PgtReader	reader;
	PgtEntry	entry;
	PgtFlowDoubts doubts;
	int64_t		begin;
	int64_t		end;

	ntold = 0;
	told[0] = '\0';
	sum = 0;
	items_max = 0;
	pgt_session_init(session);
	pgt_reader_init(&reader, read_text, resize, &text, PGT_READER_MAX_SIZE);
	while (pgt_reader_next(&reader, &entry) == PGT_READ_ENTRY)
	{
		pgt_session_note(session, &entry);
		pgt_flow_note(flow, &entry);
	}
	pgt_flow_finish(flow);
	ok(pgt_flow_interval(flow, &begin, &end) && sum == end - begin,
	   "self times and gaps are the interval: %lld", (long long) sum);
	doubts = *pgt_flow_doubts(flow);
	pgt_reader_free(&reader);
	pgt_flow_free(flow);
	pgt_catalog_free(catalog);
	return doubts;
}

#define CURSOR(n, dep, text) \
	"PARSING IN CURSOR #" n " len=1 dep=" dep " uid=1 oct=3 lid=1 tim=0 hv=0 ad='0' sqlid='000000000000" text "' queryid=0\n" text "\nEND OF STMT\n"
#define CALL(kind, n, c, e, dep, tim) \
	kind " #" n ":c=" c ",e=" e ",p=0,cr=0,cu=0,mis=0,r=0,dep=" dep ",og=1,plh=0,tim=" tim "\n"
#define WAIT(n, ela, tim) \
	"WAIT #" n ": nam='DataFileRead' ela= " ela " p1=0 p2=0 p3=0 type=IO obj#=-1 tim=" tim "\n"

/*
 * #1 from 100 to 1000; in it waits at 200 to 250 and at 900 to 950, and #2 from
 * 300 to 800, with a wait at 400 to 500 and #3 from 600 to 700
 */
static void
test_nesting(void)
{
	PgtSession	session;
	PgtFlowDoubts doubts;

	doubts = run_flow("*** 2026-11-25T13:00:00.000000+00:00 (tim=10)\n"
					  WAIT("0", "40", "90")
					  WAIT("1", "50", "250")
					  WAIT("2", "100", "500")
					  CALL("EXEC", "3", "60", "100", "2", "700")
					  CALL("EXEC", "2", "200", "500", "1", "800")
					  WAIT("1", "50", "950")
					  CALL("EXEC", "1", "400", "900", "0", "1000")
					  WAIT("1", "500", "1500")
					  "XCTEND rlbk=0, rd_only=1, tim=1600\n", &session);
	is(told,
	   "EXEC#3 self=100 waits=0/0 c=60 rest=40; "
	   "EXEC#2 self=400 waits=1/100 c=140 rest=160; "
	   "gap 90 waits=1/40 calls=0 rest=50; "
	   "EXEC#1 self=400 waits=2/100 c=200 rest=100; "
	   "gap 600 waits=1/500 calls=0 rest=100; ", "each wait is in its call");
	ok(doubts.unsure == 0 && doubts.overlaps == 0 && doubts.orphans == 0,
	   "without a doubt");
	ok(doubts.unknown_cursors == 7, "but for cursors without a text");
}

/* Calls one after the other at the same depth, without any time between them */
static void
test_siblings(void)
{
	PgtSession	session;
	PgtFlowDoubts doubts;

	doubts = run_flow(CALL("PARSE", "2", "5", "10", "1", "110")
					  CALL("EXEC", "2", "5", "10", "1", "120")
					  CALL("FETCH", "2", "0", "0", "1", "120")
					  CALL("CLOSE", "2", "0", "0", "1", "120")
					  CALL("EXEC", "1", "40", "30", "0", "125"), &session);
	is(told,
	   "PARSE#2 self=10 waits=0/0 c=5 rest=5; "
	   "EXEC#2 self=10 waits=0/0 c=5 rest=5; "
	   "FETCH#2 self=0 waits=0/0 c=0 rest=0; "
	   "CLOSE#2 self=0 waits=0/0 c=0 rest=0; "
	   "gap 0 waits=0/0 calls=0 rest=0; "
	   "EXEC#1 self=10 waits=0/0 c=30 rest=-20; "
	   "gap 0 waits=0/0 calls=0 rest=0; ", "none is in its sibling");

	doubts = run_flow("*** 2026-11-25T13:00:00.000000+00:00 (tim=10)\n"
					  "CLOSE #9:c=0,e=0,dep=0,type=0,tim=30\n"
					  CALL("PARSE", "1", "20", "30", "0", "50"), &session);
	is(told,
	   "CLOSE#9 self=0 waits=0/0 c=0 rest=0; "
	   "gap 10 waits=0/0 calls=0 rest=10; "
	   "PARSE#1 self=30 waits=0/0 c=20 rest=10; "
	   "gap 0 waits=0/0 calls=0 rest=0; ",
	   "a number that is given back in the middle of a call");
	ok(doubts.overlaps == 0, "overlaps with nothing");
}

/* The statement in whose middle the trace began has no line. */
static void
test_orphans(void)
{
	PgtSession	session;
	PgtFlowDoubts doubts;

	doubts = run_flow("*** 2026-11-25T13:00:00.000000+00:00 (tim=100)\n"
					  WAIT("2", "10", "130")
					  CALL("EXEC", "2", "10", "50", "1", "150")
					  WAIT("1", "20", "180")
					  CALL("EXEC", "3", "5", "10", "0", "300"), &session);
	is(told,
	   "EXEC#2 self=50 waits=1/10 c=10 rest=30; "
	   "gap 190 waits=1/20 calls=50 rest=120; "
	   "EXEC#3 self=10 waits=0/0 c=5 rest=5; "
	   "gap 0 waits=0/0 calls=0 rest=0; ", "a call that has none around it");
	ok(doubts.orphans == 1, "is noted");
}

/* A wait that began before the first line's time, and one that is cut */
static void
test_begin(void)
{
	PgtSession	session;

	(void) run_flow("*** 2026-11-25T13:00:00.000000+00:00 (tim=100)\n"
					WAIT("0", "80", "110")
					CALL("EXEC", "1", "5", "10", "0", "200"), &session);
	is(told,
	   "gap 160 waits=1/80 calls=0 rest=80; "
	   "EXEC#1 self=10 waits=0/0 c=5 rest=5; "
	   "gap 0 waits=0/0 calls=0 rest=0; ", "the interval begins with it");
	ok(session.has_clock && session.clock_tim == 100, "the clock");
}

/* Waits and calls in one call, many more than are kept by themselves */
static void
test_many(void)
{
	const int	n = 100000;
	char	   *text = pg_malloc((size_t) n * 400 + 1000);
	size_t		len = 0;
	int64_t		tim = 1000;
	PgtSession	session;
	PgtFlowDoubts doubts;

	len += sprintf(text, "%s", CURSOR("1", "0", "a") CURSOR("2", "1", "b"));
	for (int i = 0; i < n; i++)
	{
		tim += 10;
		len += sprintf(text + len, "WAIT #1: nam='DataFileRead' ela= 4 p1=0 p2=0 p3=0 type=IO obj#=-1 tim=%lld\n",
					   (long long) tim);
		tim += 10;
		len += sprintf(text + len, "EXEC #2:c=2,e=5,p=0,cr=0,cu=0,mis=0,r=0,dep=1,og=1,plh=0,tim=%lld\n",
					   (long long) tim);
	}
	sprintf(text + len, "EXEC #1:c=%d,e=%lld,p=0,cr=0,cu=0,mis=0,r=0,dep=0,og=1,plh=0,tim=%lld\n",
			3 * n, (long long) tim - 1000, (long long) tim);
	doubts = run_flow(text, &session);
	ok(items_max < 40000, "few of them are kept: %d", items_max);
	ok(doubts.unsure == 0 && doubts.orphans == 0, "all are in the call");
	pg_free(text);
}

/* The last call's figures, which told has no room for */
static char last_call[256];

static void
keep_call(void *arg, PgtFlowCall *call)
{
	(void) arg;
	snprintf(last_call, sizeof(last_call), "self=%lld c=%lld waits=%llu/%lld",
			 (long long) call->self_e, (long long) call->self_c,
			 (unsigned long long) call->waits, (long long) call->wait_us);
}

/* The same in detail: sums are right although items are put together. */
static void
test_sums_of_many(void)
{
	static const PgtFlowEvents events = {NULL, keep_call, NULL, NULL};
	PgtCatalog *catalog = pgt_catalog_create(false, 100);
	PgtFlow    *flow = pgt_flow_create(catalog, &events, NULL);
	PgtEntry	entry;

	for (int i = 0; i < 70000; i++)
	{
		memset(&entry, 0, sizeof(entry));
		entry.kind = i % 2 == 0 ? PGT_ENTRY_WAIT : PGT_ENTRY_EXEC;
		entry.has_cursor = entry.has_tim = true;
		entry.cursor = i % 2 + 1;
		entry.tim = 1000 + 10 * i;
		if (i % 2 == 0)
		{
			entry.of.wait.nam = pgt_span("DataFileRead", 12);
			entry.of.wait.type = pgt_span("IO", 2);
			entry.of.wait.ela = 4;
		}
		else
		{
			entry.of.call.e = 5;
			entry.of.call.c = 2;
			entry.of.call.dep = 1;
		}
		pgt_flow_note(flow, &entry);
	}
	memset(&entry, 0, sizeof(entry));
	entry.kind = PGT_ENTRY_EXEC;
	entry.has_cursor = entry.has_tim = true;
	entry.cursor = 1;
	entry.tim = 1000 + 10 * 70000;
	entry.of.call.e = 10 * 70000 + 10;
	entry.of.call.c = 100000;
	pgt_flow_note(flow, &entry);
	/* 35,000 waits of 4, 35,000 calls of 5 with 2 of CPU */
	is(last_call, "self=525010 c=30000 waits=35000/140000",
	   "sums of what was put together");
	pgt_flow_free(flow);
	pgt_catalog_free(catalog);
}

static void
test_histogram(void)
{
	PgtHistogram histogram = {0};
	PgtHistogram other = {0};
	bool		close = true;

	ok(pgt_histogram_percentile(&histogram, 50) == 0, "of nothing");
	for (int i = 1; i <= 100; i++)
		pgt_histogram_add(&histogram, i);
	ok(histogram.count == 100 && histogram.sum == 5050 && histogram.min == 1 &&
	   histogram.max == 100, "count, sum, min, max");
	ok(pgt_histogram_percentile(&histogram, 50) == 50, "p50 by nearest rank");
	ok(pgt_histogram_percentile(&histogram, 95) == 95, "p95");
	ok(pgt_histogram_percentile(&histogram, 100) == 100, "p100 is max");
	ok(pgt_histogram_between(&histogram, 32, 64) == 32, "between powers of two");
	pgt_histogram_free(&histogram);

	/* any single value comes back as itself, since max is known */
	for (int64_t value = 1; value < INT64_MAX / 3; value = value * 3 + 1)
	{
		PgtHistogram one = {0};

		pgt_histogram_add(&one, value);
		pgt_histogram_add(&one, INT64_MAX);
		close &= pgt_histogram_percentile(&one, 50) >= value &&
			pgt_histogram_percentile(&one, 50) - value <= value / 64;
		pgt_histogram_free(&one);
	}
	ok(close, "never too low, and too high by 1/64 at most");

	pgt_histogram_add(&histogram, 1000000);
	pgt_histogram_add(&other, 3);
	pgt_histogram_add(&other, -5);
	pgt_histogram_merge(&histogram, &other);
	ok(histogram.count == 3 && histogram.min == 0 && histogram.max == 1000000,
	   "two put together");
	ok(pgt_histogram_percentile(&histogram, 50) == 3, "the median of both");
	pgt_histogram_free(&histogram);
	pgt_histogram_free(&other);
}

int
main(void)
{
	test_nesting();
	test_siblings();
	test_orphans();
	test_begin();
	test_many();
	test_sums_of_many();
	test_histogram();
	return done();
}
