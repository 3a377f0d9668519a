/*
 * stars.c
 *		Reads the lines that begin with "*** ": context and remarks.
 */
#include "cli/parse/fields.h"
#include "cli/parse/lines.h"
#include "cli/parse/time.h"
#include "bgworker/trace/grammar.h"

/* "2026-11-25T13:43:25.696597+00:00 (tim=18711507261)" */
static bool
take_stamp(PgtEntry *entry, const char *p, const char *end)
{
	PgtEntryStars *stars = &entry->of.stars;

	if (!pgt_take_time(&p, end, &stars->time_us, &stars->offset_s))
		return false;
	stars->has_time = true;
	entry->kind = PGT_ENTRY_STAMP;
	if (TAKE(&p, end, " (" PGT_FIELD_TIM "=") &&
		!pgt_take_int64(&p, end, &entry->tim))
		entry->problem = "a time without its tim=";
	return true;
}

/* "MODULE NAME:(shop) 2026-11-25T13:43:25.696577+00:00", the time may be missing */
static bool
take_context(PgtEntry *entry, const char *p, const char *end)
{
	PgtEntryStars *stars = &entry->of.stars;
	const char *begin = p;
	const char *value;
	const char *close;

	while (p < end && ((*p >= 'A' && *p <= 'Z') || *p == ' '))
		p++;
	if (p == begin || end - p < 3 || p[0] != ':' || p[1] != '(')
		return false;
	stars->label = pgt_span(begin, p - begin);
	value = p + 2;
	close = memrchr(value, ')', end - value);
	if (close == NULL)
		close = end;
	stars->value = pgt_span(value, close - value);
	p = close + 2;
	if (p < end &&
		pgt_take_time(&p, end, &stars->time_us, &stars->offset_s))
		stars->has_time = true;
	entry->kind = PGT_ENTRY_CONTEXT;
	return true;
}

/* cursor=... e=... event=... type=... ela=... partial=... */
static void
take_activity(PgtEntry *entry, const char *p, const char *end)
{
	static const PgtFieldRule rules[] = {
		PGT_RULE_INT64(PGT_FIELD_CURSOR, of.stars.cursor),
		PGT_RULE_INT64(PGT_FIELD_E, of.stars.e),
		PGT_RULE_SPAN(PGT_FIELD_EVENT, of.stars.event),
		PGT_RULE_SPAN(PGT_FIELD_TYPE, of.stars.type),
		PGT_RULE_INT64(PGT_FIELD_ELA, of.stars.ela),
		PGT_RULE_INT64(PGT_FIELD_PARTIAL, of.stars.partial),
	};

	pgt_fields_take(entry, p, end, ' ', rules, sizeof(rules) / sizeof(rules[0]));
	entry->has_cursor = true;
	entry->cursor = entry->of.stars.cursor;
}

static void
take_file(PgtEntry *entry, const char *p, const char *end)
{
	const char *file = memmem(p, end - p, "FILE ", 5);

	if (file != NULL)
		entry->of.stars.value = pgt_span(file + 5, end - (file + 5));
}

/* "PARALLEL WORKER OF CURSOR 10: PROCESS 24785, FILE ..." */
static void
take_parallel(PgtEntry *entry, const char *p, const char *end)
{
	PgtEntryStars *stars = &entry->of.stars;

	if (TAKE(&p, end, "WORKER OF CURSOR "))
	{
		entry->kind = PGT_ENTRY_PARALLEL_WORKER;
		entry->has_cursor = pgt_take_uint64(&p, end, &stars->cursor) &&
			TAKE(&p, end, ": PROCESS ") &&
			pgt_take_int64(&p, end, &stars->number);
	}
	else if (TAKE(&p, end, "LEADER: PROCESS "))
	{
		entry->kind = PGT_ENTRY_PARALLEL_LEADER;
		entry->has_cursor = pgt_take_int64(&p, end, &stars->number) &&
			TAKE(&p, end, ", CURSOR ") &&
			pgt_take_uint64(&p, end, &stars->cursor);
	}
	else
		return;
	entry->cursor = stars->cursor;
	take_file(entry, p, end);
}

/* A time at the end of a remark */
static void
take_last_time(PgtEntry *entry, const char *p, const char *end)
{
	PgtEntryStars *stars = &entry->of.stars;

	stars->has_time = pgt_take_time(&p, end, &stars->time_us,
									&stars->offset_s);
}

static void
take_number(PgtEntry *entry, PgtEntryKind kind, const char *p, const char *end)
{
	entry->kind = kind;
	if (!pgt_take_int64(&p, end, &entry->of.stars.number))
		entry->of.stars.number = -1;
}

/* "LOST 5 EVENTS...", "LOST AN UNKNOWN...", "LOST EVENTS, 5 SO FAR..." */
static void
take_lost(PgtEntry *entry, const char *p, const char *end)
{
	(void) TAKE(&p, end, "EVENTS, ");
	take_number(entry, PGT_ENTRY_LOST, p, end);
}

void
pgt_parse_stars(PgtEntry *entry, const char *p, const char *end)
{
	entry->of.stars.text = pgt_span(p, end - p);
	entry->kind = PGT_ENTRY_NOTE;
	if (take_stamp(entry, p, end) || take_context(entry, p, end))
		return;
	if (TAKE(&p, end, PGT_NOTE_RUNNING " "))
	{
		entry->kind = PGT_ENTRY_RUNNING;
		take_activity(entry, p, end);
	}
	else if (TAKE(&p, end, PGT_NOTE_BUSY " "))
	{
		entry->kind = PGT_ENTRY_IN_PROGRESS;
		take_activity(entry, p, end);
	}
	else if (TAKE(&p, end, PGT_NOTE_LOST))
		take_lost(entry, p, end);
	else if (TAKE(&p, end, PGT_NOTE_EXIT))
		take_number(entry, PGT_ENTRY_EXIT, p, end);
	else if (TAKE(&p, end, PGT_NOTE_TRACER))
		take_number(entry, PGT_ENTRY_HELD, p, end);
	else if (TAKE(&p, end, "DUMP FILE SIZE IS LIMITED TO "))
		take_number(entry, PGT_ENTRY_LIMITED, p, end);
	else if (TAKE(&p, end, PGT_NOTE_ENDED))
		entry->kind = PGT_ENTRY_ENDED;
	else if (TAKE(&p, end, "PARALLEL "))
		take_parallel(entry, p, end);
	else if (TAKE(&p, end, "TRACING STARTED IN THE MIDDLE OF A CALL THAT BEGAN AT "))
	{
		entry->kind = PGT_ENTRY_STARTED_MIDWAY;
		take_last_time(entry, p, end);
	}
	else if (TAKE(&p, end, "TRACING STARTED IN A TRANSACTION THAT BEGAN AT ") ||
			 TAKE(&p, end, "IDLE, AFTER THIS STATEMENT, SINCE "))
		take_last_time(entry, p, end);
}
