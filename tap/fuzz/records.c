/*
 * records.c
 *		Fuzzes what a traced process sends, up to the lines of its file.
 *
 * The input is what a process that someone has taken over does: it writes
 * records, sound or not, to its queue, scribbles over that, and reports waits.
 * The worker's code reads the queue, puts all in order and writes lines, as
 * tracer/stream.c has it do; the lines are taken apart as a reader does.
 */
#include "postgres.h"

#include "bgworker/trace/format.h"
#include "bgworker/trace/grammar.h"
#include "bgworker/trace/merge.h"
#include "bgworker/trace/sound.h"
#include "extension/queue.h"
#include "tap/unit/support/without_server.h"

#define QUEUE_SIZE		(4 * PGT_RECORD_MAX)
/* A text that is longer has no room in the file. */
#define MAX_TEXT		100000
#define MAX_OUTPUT		(4 * 1024 * 1024)

typedef struct Input
{
	const uint8 *at;
	Size		left;
} Input;

static PgtQueue queue;
static char data[QUEUE_SIZE] pg_attribute_aligned(16);
static PgtQueuePlace place = {.queue = &queue, .data = data,
.size = QUEUE_SIZE};
static PgtQueueReader reader;
static PgtMerge merge;
static StringInfoData out;
static PgtFormat format;
static PgtRelations relations;

extern int	LLVMFuzzerTestOneInput(const uint8 *bytes, size_t len);

/* ----------
 * Input
 * ----------
 */

/* The next bytes; what isn't there is 0. */
static void
take(Input *input, void *bytes, Size len)
{
	Size		n = Min(len, input->left);

	memset(bytes, 0, len);
	memcpy(bytes, input->at, n);
	input->at += n;
	input->left -= n;
}

static uint32
take_number(Input *input, int len)
{
	uint32		number = 0;

	take(input, &number, len);
	return number;
}

/* ----------
 * What the process does
 * ----------
 */

/* Anything at the end of what is published, as if it were records */
static void
publish_bytes(Input *input)
{
	uint64		head = pg_atomic_read_u64(&queue.head);
	uint32		offset = head & (QUEUE_SIZE - 1) & ~7;
	uint32		len = take_number(input, 2) % PGT_RECORD_MAX;

	len = Min(len, QUEUE_SIZE - offset);
	take(input, data + offset, len);
	pg_atomic_write_u64(&queue.head, head + len);
}

/* A record whose head is right, with any content */
static void
publish_record(Input *input)
{
	static const Size fixed[] = {
		[PGT_RECORD_TEXT] = sizeof(PgtRecord),
		[PGT_RECORD_CURSOR] = sizeof(PgtCursorRecord),
		[PGT_RECORD_BEGIN] = sizeof(PgtBeginRecord),
		[PGT_RECORD_END] = sizeof(PgtEndRecord),
		[PGT_RECORD_BINDS] = sizeof(PgtBindsRecord),
		[PGT_RECORD_BIND] = sizeof(PgtBindRecord),
		[PGT_RECORD_STAT] = sizeof(PgtStatRecord),
		[PGT_RECORD_XACT] = sizeof(PgtXactRecord),
		[PGT_RECORD_ERROR] = sizeof(PgtErrorRecord),
		[PGT_RECORD_PARSE_ERROR] = sizeof(PgtParseErrorRecord),
		[PGT_RECORD_CONTEXT] = sizeof(PgtContextRecord),
		[PGT_RECORD_LOST] = sizeof(PgtLostRecord),
		[PGT_RECORD_EXIT] = sizeof(PgtExitRecord),
		[PGT_RECORD_BIND_NAME] = sizeof(PgtRecord),
		[PGT_RECORD_SAMPLED] = sizeof(PgtSampledRecord),
	};
	int			type = take_number(input, 1) % lengthof(fixed);
	uint32		text_len = take_number(input, 1);
	uint32		len = MAXALIGN(fixed[type] + text_len);
	uint64		head;
	PgtRecord  *record;
	uint64		used = pg_atomic_read_u64(&queue.head) -
		pg_atomic_read_u64(&queue.tail);

	/* pgt_queue_reserve() is for those that have left the positions alone */
	if (fixed[type] == 0 || used > QUEUE_SIZE ||
		(record = pgt_queue_reserve(&place, len, &head)) == NULL)
		return;
	take(input, record, fixed[type] + text_len);
	record->len = len;
	record->type = type;
	record->text_len = text_len;
	if (take_number(input, 1) != 0)
		record->time_ns %= test_now_ns;
	pgt_queue_publish(&place, head);
}

static void
report_wait(Input *input)
{
	struct pgt_target_event event;

	memset(&event, 0, sizeof(event));
	take(input, &event.wait, sizeof(event.wait));
	event.wait.target %= PGT_TARGET_RELATION + 1;
	if (event.wait.target != PGT_TARGET_NONE)
		take(input, &event.target, sizeof(event.target));
	/* the BPF program's clock can't be forged */
	event.wait.end_ns %= test_now_ns;
	event.wait.start_ns %= event.wait.end_ns + 1;
	pgt_merge_add_wait(&merge, &event.wait);
}

static void
scribble(Input *input)
{
	uint32		offset = take_number(input, 2);
	uint32		len = take_number(input, 1);

	take(input, data + offset, Min(len, QUEUE_SIZE - offset));
}

/* ----------
 * What the worker does
 * ----------
 */

static void
break_text(uint64 left)
{
	uint64		missing = Min(left, format.text_left);

	if (missing == 0)
		return;
	pgt_format_text_dots(&format, missing);
	pgt_format_text_missing(&format, missing);
}

static void
sink_record(void *arg pg_attribute_unused(), const PgtRecord *record)
{
	if (record->type == PGT_RECORD_TEXT ? format.text_left == 0 :
		out.len > MAX_OUTPUT || pgt_record_text_total(record) > MAX_TEXT)
		return;
	pgt_format_record(&format, record);
}

static void
sink_wait(void *arg pg_attribute_unused(), const struct pgt_wait_event *event)
{
	static const PgtWaitName names[] = {
		{.name = "DataFileRead", .type = "IO"},
		{.name = "ClientRead", .type = "Client", .for_client = true},
		{.name = "custom '\\\n", .type = "Extension"},
	};
	const struct pgt_target *target =
		&((const struct pgt_target_event *) event)->target;
	PgtBlockers blockers = {.start_ns = event->start_ns, .total = 20,
		.count = event->slot % (PGT_MAX_BLOCKERS + 1),
		.known = {false, true}, .query_ids = {0, event->plan_node},
		.states = {NULL, "active"}, .xact_starts = {0, event->plan_node}};
	PgtWait		wait = {
		.name = &names[event->wait_event_info % lengthof(names)],
		.start_ns = event->start_ns,
		.end_ns = event->end_ns,
		.partial = event->flags & PGT_WAIT_FIRST,
		.continued = event->flags & PGT_WAIT_CONTINUED,
		.cpu_is_known = event->cpu_start_ns != 0,
		.cpu_ns = Min(event->cpu_end_ns, event->end_ns - event->start_ns),
		.plan_node = event->plan_node,
		.mode = event->mode,
		.client_bytes = event->client_bytes,
		.target_kind = event->target,
		.target = target,
		.relations = &relations,
		.blockers = event->slot != 0 ? &blockers : NULL,
	};

	if (event->target == PGT_TARGET_RELATION)
		pgt_relations_learn(&relations, &target->relation);
	else if (event->flags & PGT_WAIT_SAMPLE)
		pgt_format_node_sample(&format, event->plan_node,
							   event->end_ns - event->start_ns);
	else
	{
		pgt_format_run_queue(&format, event->run_delay_start_ns,
							 event->start_ns);
		pgt_format_wait(&format, &wait);
		pgt_format_run_queue_in_wait(&format, event->run_delay_end_ns);
	}
}

static void
sink_text_missing(void *arg pg_attribute_unused(), uint64 left)
{
	break_text(left);
}

static void
sink_corrupt(void *arg pg_attribute_unused())
{
	pgt_format_note(&format, "LOST AN UNKNOWN NUMBER OF EVENTS");
}

static void
run(uint64 head, uint64 safe_ns)
{
	static const PgtMergeSink sink = {sink_record, sink_wait,
		sink_text_missing, sink_corrupt, NULL};
	bool		held;

	(void) pgt_merge_run(&merge, &reader, head, safe_ns, &sink, &held);
	if (pgt_merge_is_done(&merge, &reader, head) == held)
		abort();
	pgt_format_running(&format, safe_ns, NULL, 0, false);
}

/* ----------
 * What a reader does
 * ----------
 */

static const char *const beginnings[] = {
	PGT_LINE_SEPARATOR "\n", PGT_LINE_CURSOR " #", PGT_LINE_END_OF_STMT "\n",
	PGT_LINE_PARSE_ERROR " #",
	PGT_LINE_ERROR " #", PGT_LINE_PARSE " #", PGT_LINE_EXEC " #",
	PGT_LINE_FETCH " #", PGT_LINE_CLOSE " #", PGT_LINE_BINDS " #", "\n",
	PGT_LINE_BIND, "  oacdty=", "  kxsbbbfp=", "  value=",
	PGT_LINE_WAIT " #", PGT_LINE_STAT " #", PGT_LINE_XCTEND " ", PGT_STARS,
};

#define FIELD_TIM	" " PGT_FIELD_TIM "="

/* Does the rest begin with that? */
static bool
begins(const char *at, const char *beginning)
{
	return strncmp(at, beginning, strlen(beginning)) == 0;
}

static void
refuse(const char *why, const char *line)
{
	fprintf(stderr, "%s: %.300s\n", why, line);
	abort();
}

/* A field of a WAIT line; returns what follows, and the value if it is a number. */
static const char *
check_wait_field(const char *line, const char *at, const char *end,
				 bool *is_number)
{
	const char *value;

	if (*at != ' ')
		refuse("no blank", line);
	at++;
	while (at < end && *at != '=' && *at != ' ')
		at++;
	if (*at != '=')
		refuse("field without a value", line);
	at++;
	value = at;
	while (at < end && *at != ' ')
	{
		if (*at == '=' || *at == '\'' || *at == '"')
			refuse("a value that has to be escaped", line);
		at++;
	}
	value += *value == '-';
	*is_number = strspn(value, "0123456789") == (Size) (at - value) &&
		at > value;
	return at;
}

/* Three parameters, then what only PostgreSQL has, then obj# and tim */
static void
check_wait(const char *line, const char *end)
{
	const char *at = strchr(strchr(line, '\'') + 1, '\'') + 1;
	int			fields = 0;
	bool		is_number;

	if (!begins(at, " ela= "))
		refuse("no ela", line);
	at += strlen(" ela= ");
	at += strspn(at, "0123456789");
	while (at < end)
	{
		const char *field = at + 1;

		at = check_wait_field(line, at, end, &is_number);
		if (fields++ < PGT_PARAMETERS && !is_number)
			refuse("a parameter that is no number", line);
		if (begins(field, PGT_FIELD_OBJECT_NUMBER "=") &&
			!begins(at, FIELD_TIM))
			refuse("something behind obj#", line);
		if (begins(field, PGT_FIELD_TIM "=") && at != end)
			refuse("something behind tim", line);
	}
	if (fields < PGT_PARAMETERS + 3)
		refuse("fields are missing", line);
}

/* A line has no control bytes, and all quotes on it end. */
static const char *
check_line(const char *line)
{
	const char *end = strchr(line, '\n');
	bool		known = false;
	char		quote = '\0';

	for (int i = 0; i < (int) lengthof(beginnings); i++)
		known |= begins(line, beginnings[i]);
	if (!known || end == NULL)
		refuse("unknown line", line);
	for (const char *at = line; at < end; at++)
	{
		unsigned char c = *at;

		if (c < ' ' || c == 0x7F)
			refuse("control byte", line);
		/* elsewhere, what is hostile is in parentheses or at the end */
		if (begins(line, PGT_STARS) && !begins(line, PGT_STARS "RUNNING"))
			continue;
		if (c == '\\' && quote != '\0')
			at++;
		else if (quote == '\0' && (c == '\'' || c == '"'))
			quote = c;
		else if (quote == c)
			quote = '\0';
		else if (quote == '\0' && begins(line, "  value=<") &&
				 begins(at, "=<"))
		{
			quote = '>';
			at++;
		}
	}
	if (quote != '\0')
		refuse("quote without an end", line);
	if (begins(line, PGT_LINE_WAIT " #"))
		check_wait(line, end);
	return end + 1;
}

/* A text of that many bytes, and what follows it */
static const char *
check_text(const char *line, const char *at, const char *end_of_text)
{
	const char *len = strstr(line, PGT_FIELD_LEN "=");
	Size		n = strtoul(len + strlen(PGT_FIELD_LEN "="), NULL, 10);

	if (n >= (Size) (out.data + out.len - at) ||
		!begins(at + n, end_of_text))
		refuse("text without its end", line);
	return check_line(at + n + 1);
}

static void
check_output(void)
{
	const char *at = out.data;

	if (strlen(out.data) != (Size) out.len)
	{
		/* texts may have bytes 0; then all else is still checked */
		for (int i = 0; i < out.len; i++)
			out.data[i] = out.data[i] != '\0' ? out.data[i] : '.';
	}
	while (at < out.data + out.len)
	{
		const char *line = at;

		at = check_line(line);
		if (begins(line, PGT_LINE_CURSOR))
			at = check_text(line, at, "\n" PGT_LINE_END_OF_STMT "\n");
		else if (begins(line, PGT_LINE_PARSE_ERROR))
			at = check_text(line, at, "\n" PGT_LINE_CLOSE " #0:");
		else if (begins(line, PGT_LINE_SEPARATOR) &&
				 !begins(at, PGT_LINE_CURSOR))
			refuse("separator before another line", line);
	}
}

/* ----------
 * All of it
 * ----------
 */

static void
begin(Input *input)
{
	uint32		options = take_number(input, 1);

	memset(data, 0, sizeof(data));
	pgt_queue_init(&queue);
	pgt_queue_open(&reader, place);
	pgt_merge_init(&merge);
	if (out.data == NULL)
		initStringInfo(&out);
	resetStringInfo(&out);
	pgt_format_init(&format, &out);
	format.has_waits = options & 1;
	format.has_samples = options & 2;
	format.has_multi_nodes = options & 4;
	format.has_run_queue = options & 8;
}

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t len)
{
	Input		input = {bytes, len};

	begin(&input);
	while (input.left > 0)
	{
		switch (take_number(&input, 1) % 8)
		{
			case 0:
				publish_bytes(&input);
				break;
			case 1:
			case 2:
			case 3:
				publish_record(&input);
				break;
			case 4:
				report_wait(&input);
				break;
			case 5:
				scribble(&input);
				break;
			case 6:
				pg_atomic_write_u64(&queue.head, take_number(&input, 4));
				break;
			case 7:
				run(pgt_queue_head(&reader), (uint64) take_number(&input, 4)
					* 1000);
				break;
		}
	}
	for (int i = 0; i < 3; i++)
		run(pgt_queue_head(&reader), test_now_ns);
	break_text(format.text_left);
	check_output();

	pgt_merge_free(&merge);
	pgt_format_free(&format);
	pgt_relations_forget(&relations);
	return 0;
}
