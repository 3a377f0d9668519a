/*
 * merge.c
 *		Tests in which order records and waits come.
 *
 * What comes is written as a text: a record's letter and time, w and the time
 * of a wait, and what is missing.
 */
#include "postgres.h"

#include "bgworker/trace/merge.h"
#include "bgworker/trace/sound.h"
#include "tap/unit/support/without_server.h"
#include "tap/unit/tap.h"

#define QUEUE_SIZE	(8 * PGT_RECORD_MAX)

static PgtQueue queue;
static char data[QUEUE_SIZE] pg_attribute_aligned(16);
static PgtQueuePlace place = {.queue = &queue, .data = data,
.size = QUEUE_SIZE};
static PgtQueueReader reader;
static PgtMerge merge;
static char order[4096];
static int	nrecords;

static void
say(const char *format, char letter, uint64 number)
{
	Size		len = strlen(order);

	snprintf(order + len, sizeof(order) - len, format, letter, number);
}

static void
sink_record(void *arg pg_attribute_unused(), const PgtRecord *record)
{
	say("%c%" INT64_MODIFIER "u ",
		record->type == PGT_RECORD_CURSOR ? 'C' :
		record->type == PGT_RECORD_TEXT ? 'T' : 'R',
		record->type == PGT_RECORD_TEXT ? record->text_len : record->time_ns);
	nrecords++;
}

static void
sink_wait(void *arg pg_attribute_unused(), const struct pgt_wait_event *wait)
{
	say("%c%" INT64_MODIFIER "u ",
		wait->target == PGT_TARGET_NONE ? 'w' : 't', wait->end_ns);
}

static void
sink_missing(void *arg pg_attribute_unused(), uint64 left)
{
	say("%c%" INT64_MODIFIER "u ", '-', left);
}

static void
sink_corrupt(void *arg pg_attribute_unused())
{
	say("%c%" INT64_MODIFIER "u ", '!', 0);
}

static const PgtMergeSink sink = {sink_record, sink_wait, sink_missing,
sink_corrupt, NULL};

static void
restart(void)
{
	pgt_merge_free(&merge);
	pgt_queue_reset(&queue);
	pgt_queue_open(&reader, place);
	order[0] = '\0';
}

static void
send(PgtRecordType type, PgtRecord *record, Size fixed, uint32 text_len)
{
	uint64		head;
	uint32		len = MAXALIGN(fixed + text_len);
	PgtRecord  *room = pgt_queue_reserve(&place, len, &head);

	memset(room, 0, len);
	memcpy(room, record, fixed);
	room->len = len;
	room->type = type;
	room->text_len = text_len;
	pgt_queue_publish(&place, head);
}

static void
send_record(uint64 time_ns)
{
	PgtXactRecord record = {.header.time_ns = time_ns};

	send(PGT_RECORD_XACT, &record.header, sizeof(record), 0);
}

static void
send_cursor(uint64 time_ns, uint32 len, uint64 total_len)
{
	PgtCursorRecord record = {.header.time_ns = time_ns,
		.total_len = total_len};

	send(PGT_RECORD_CURSOR, &record.header, sizeof(record), len);
}

static void
send_text(uint32 len)
{
	PgtRecord	record = {0};

	send(PGT_RECORD_TEXT, &record, sizeof(record), len);
}

static void
add_wait(uint64 end_ns)
{
	struct pgt_wait_event wait = {.end_ns = end_ns};

	pgt_merge_add_wait(&merge, &wait);
}

static void
add_target(uint64 end_ns)
{
	struct pgt_target_event event = {.wait.end_ns = end_ns,
		.wait.target = PGT_TARGET_FILE};

	pgt_merge_add_wait(&merge, &event.wait);
}

/* Run the merge, and test what came and whether something was held back. */
static void
run(uint64 head, uint64 safe_ns, const char *expected, bool held,
	const char *name)
{
	bool		is_held;

	(void) pgt_merge_run(&merge, &reader, head, safe_ns, &sink, &is_held);
	is(order, expected, name);
	ok(is_held == held, "%s: %s", name, is_held ? "more to come" : "all");
	ok(pgt_merge_is_done(&merge, &reader, head) == !held,
	   "%s: done or not", name);
	order[0] = '\0';
}

static uint64
head(void)
{
	return pgt_queue_head(&reader);
}

static void
test_order(void)
{
	restart();
	run(head(), 100, "", false, "nothing");
	add_wait(10);
	add_target(20);
	add_wait(30);
	send_record(5);
	send_record(20);
	send_record(25);
	run(head(), 30, "R5 w10 t20 R20 R25 w30 ", false, "by time");
	add_wait(40);
	add_wait(50);
	run(head(), 40, "w40 ", true, "what ended after the heads were noted");
	run(head(), 49, "", true, "is kept");
	send_record(60);
	run(head(), 0, "w50 R60 ", false, "until a record comes after it");
	send_record(70);
	run(head() - MAXALIGN(sizeof(PgtXactRecord)), 100, "", false,
		"a record above the noted head");
	add_wait(70);
	run(head(), 0, "w70 R70 ", false, "a wait before a record of its time");
}

static void
test_texts(void)
{
	restart();
	add_wait(10);
	add_wait(25);
	send_cursor(20, 5, 12);
	send_record(30);
	run(head() - MAXALIGN(sizeof(PgtXactRecord)), 100, "w10 C20 ", true,
		"waits are kept while a text is incomplete");
	run(head(), 100, "-7 w25 R30 ", false, "a text that isn't completed");

	send_cursor(40, 5, 12);
	send_text(3);
	send_text(4);
	add_wait(41);
	send_text(1);
	send_record(50);
	run(head(), 0, "C40 T3 T4 w41 R50 ", false,
		"a wait comes after a text, a piece without a beginning nowhere");
	send_cursor(60, 5, 12);
	send_text(8);
	send_text(7);
	run(head(), 0, "C60 T7 ", false, "a piece that is longer than the text");
	send_cursor(70, 5, 12);
	send_cursor(80, 0, 1);
	run(head(), 0, "C70 -7 C80 ", false, "a text instead of the rest of one");
	restart();
}

/* Write over what the backend has sent at the reader's place. */
static void
scribble(Size offset, uint64 value)
{
	memcpy(data + (reader.tail & (QUEUE_SIZE - 1)) + offset, &value,
		   sizeof(value));
}

static void
test_corrupt(void)
{
	restart();
	send_cursor(10, 5, 12);
	run(head(), 0, "C10 ", false, "a text has begun");
	send_record(20);
	send_record(30);
	scribble(offsetof(PgtRecord, len), 7);
	add_wait(5);
	run(head(), 10, "-7 !0 w5 ", false, "a length that can't be one");
	send_record(UINT64_MAX);
	send_record(40);
	send_record(UINT64_MAX);
	run(head(), 0, "!0 R40 ", false, "records of the future, said once");
	send_cursor(50, 5, 3);
	send_cursor(50, 5, PGT_TEXT_MAX + 1);
	run(head(), 0, "!0 ", false, "lengths of texts");
	run(head() + 64 * QUEUE_SIZE, 0, "!0 ", false, "a head that is too far");
	restart();
	run(UINT64_MAX & ~7, 0, "!0 ", false, "a head behind the tail");
}

static void
soundness(PgtRecordType type, PgtRecord *record, Size fixed, bool expected,
		  const char *name)
{
	record->type = type;
	record->len = MAXALIGN(fixed);
	ok(pgt_record_is_sound(record, 100) == expected, "%s", name);
}

static void
test_soundness(void)
{
	union
	{
		PgtRecord	header;
		PgtCursorRecord cursor;
		PgtBeginRecord begin;
		PgtEndRecord end;
		PgtBindRecord bind;
		PgtStatRecord stat;
		PgtContextRecord context;
		PgtErrorRecord error;
		PgtParseErrorRecord parse_error;
	}			r;

	for (int type = 0; type < 20; type++)
	{
		memset(&r, 0, sizeof(r));
		soundness(type, &r.header, sizeof(r), type >= PGT_RECORD_TEXT &&
				  type <= PGT_RECORD_SAMPLED, "types");
		soundness(type, &r.header, 16, false, "no room for the fixed part");
		r.header.text_len = sizeof(r);
		soundness(type, &r.header, sizeof(r), false, "no room for the text");
	}

	memset(&r, 0, sizeof(r));
	r.header.time_ns = 100;
	soundness(PGT_RECORD_BINDS, &r.header, sizeof(r), true, "now");
	r.header.time_ns = 101;
	soundness(PGT_RECORD_BINDS, &r.header, sizeof(r), false, "the future");

#define VALUE(type, field, value, expected) \
	memset(&r, 0, sizeof(r)); \
	r.field = value; \
	soundness(type, &r.header, sizeof(r), expected, #type " " #field " " #value)

	VALUE(PGT_RECORD_BEGIN, begin.kind, PGT_CALL_CLOSE, true);
	VALUE(PGT_RECORD_BEGIN, begin.kind, PGT_CALL_CLOSE + 1, false);
	VALUE(PGT_RECORD_END, end.kind, PGT_CALL_CLOSE, true);
	VALUE(PGT_RECORD_END, end.kind, UINT32_MAX, false);
	VALUE(PGT_RECORD_BIND, bind.state, PGT_BIND_OMITTED, true);
	VALUE(PGT_RECORD_BIND, bind.state, PGT_BIND_OMITTED + 1, false);
	VALUE(PGT_RECORD_STAT, stat.timing, 3, true);
	VALUE(PGT_RECORD_STAT, stat.timing, 4, false);
	VALUE(PGT_RECORD_STAT, stat.ndetails, PGT_MAX_DETAILS, true);
	VALUE(PGT_RECORD_STAT, stat.ndetails, PGT_MAX_DETAILS + 1, false);
	VALUE(PGT_RECORD_CONTEXT, context.kind, PGT_CONTEXT_OPTIONS, true);
	VALUE(PGT_RECORD_CONTEXT, context.kind, PGT_CONTEXT_OPTIONS + 1, false);
	VALUE(PGT_RECORD_CURSOR, cursor.total_len, PGT_TEXT_MAX, true);
	VALUE(PGT_RECORD_BIND, bind.total_len, PGT_TEXT_MAX + 1, false);

	memset(&r, 0, sizeof(r));
	r.stat.ndetails = 1;
	r.stat.details[0].name = PGT_DETAIL_NAMES;
	soundness(PGT_RECORD_STAT, &r.header, sizeof(r), false,
			  "a detail that there isn't");
	memset(&r, 0, sizeof(r));
	memset(r.cursor.traceparent, 'x', PGT_TRACEPARENT_LEN);
	soundness(PGT_RECORD_CURSOR, &r.header, sizeof(r), false,
			  "a traceparent that doesn't end");
	memset(&r, 0, sizeof(r));
	memset(NameStr(r.bind.type_name), 'x', NAMEDATALEN);
	soundness(PGT_RECORD_BIND, &r.header, sizeof(r), false,
			  "a type's name that doesn't end");
}

static void
test_limits(void)
{
	bool		held;
	int			nitems;

	/* waits that there is no memory for */
	restart();
	test_allocations_left = 0;
	add_wait(1);
	ok(merge.dropped == 1, "a wait is dropped");
	test_allocations_left = TEST_NO_LIMIT;
	for (size_t i = 0;
		 i < 64 * 1024 * 1024 / sizeof(struct pgt_wait_event) + 10; i++)
		add_wait(i);
	ok(merge.dropped == 11, "64 MB of waits: " UINT64_FORMAT, merge.dropped);

	/* one run is bounded */
	nitems = pgt_merge_run(&merge, &reader, head(), UINT64_MAX, &sink, &held);
	ok(nitems == 65536 && held, "a run hands over %d waits", nitems);
	add_wait(1);
	ok(merge.dropped == 11 && merge.first == 0,
	   "there is room again after a run");
	order[0] = '\0';

	/* sums of many nodes, and texts, take the time of many records */
	restart();
	nrecords = 0;
	for (int i = 0; i < 20; i++)
	{
		PgtStatRecord stat = {.id = 1, .last_id = 4 * 1024 * 1024};

		send(PGT_RECORD_STAT, &stat.header, sizeof(stat), 0);
	}
	(void) pgt_merge_run(&merge, &reader, head(), 0, &sink, &held);
	ok(nrecords == 4 && held, "a run sums up the nodes of %d lines", nrecords);
	restart();
	nrecords = 0;
	for (int i = 0; i < 10; i++)
		send_cursor(1, 0, PGT_TEXT_MAX);
	(void) pgt_merge_run(&merge, &reader, head(), 0, &sink, &held);
	ok(nrecords == 2 && held, "a run fills one text with dots");
	order[0] = '\0';
	restart();
	nrecords = 0;
	for (int i = 0; i < 10; i++)
	{
		send_cursor(1, 0, PGT_TEXT_MAX);
		send_record(UINT64_MAX);
	}
	(void) pgt_merge_run(&merge, &reader, head(), 0, &sink, &held);
	ok(nrecords == 1 && held, "also if what comes then isn't sound");
	order[0] = '\0';
}

/* Waits are moved to the beginning of their memory before that grows. */
static void
test_room(void)
{
	char		expected[sizeof(order)] = "";
	bool		held;

	restart();
	for (int i = 0; i < 200; i++)
		add_wait(i);
	(void) pgt_merge_run(&merge, &reader, head(), 149, &sink, &held);
	order[0] = '\0';
	for (int i = 200; i < 240; i++)
		add_target(i);
	for (int i = 150; i < 240; i++)
		snprintf(expected + strlen(expected), 8, "%c%d ", i < 200 ? 'w' : 't',
				 i);
	ok(merge.capacity == 16 * 1024, "no more memory than needed: %zu",
	   merge.capacity);
	run(head(), 1000, expected, false, "all in order");

	/* and are copied when it does */
	for (int i = 0; i < 300; i++)
		add_wait(1000 + i);
	ok(merge.capacity > 16 * 1024, "more memory: %zu", merge.capacity);
	(void) pgt_merge_run(&merge, &reader, head(), 1002, &sink, &held);
	is(order, "w1000 w1001 w1002 ", "the first ones are still there");
	order[0] = '\0';
}

int
main(void)
{
	pgt_queue_init(&queue);
	pgt_merge_init(&merge);
	test_order();
	test_texts();
	test_corrupt();
	test_soundness();
	test_limits();
	test_room();
	pgt_merge_free(&merge);
	return done();
}
