/*
 * convert_records.c
 *		The entries of a trace as JSON, one object a line: for convert.c.
 *
 * An object has the entry's kind, its file and line, and all fields of the entry
 * by their names: also those that this version doesn't know.
 */
#include "postgres_fe.h"

#include "cli/commands/convert.h"
#include "cli/output.h"
#include "cli/parse/fields.h"
#include "bgworker/trace/grammar.h"

static void
put_member(const char *name, size_t name_len, PgtSpan value)
{
	int64_t		number;
	char	   *text;

	printf(", ");
	pgt_json_string(name, name_len);
	printf(": ");
	if (pgt_span_int64(value, &number) &&
		number > -(INT64CONST(1) << 53) && number < INT64CONST(1) << 53)
	{
		printf("%lld", (long long) number);
		return;
	}
	text = pg_malloc(value.len + 1);
	pgt_json_string(text, pgt_span_unescape(value, text));
	pg_free(text);
}

/* An SQL text, which has no escapes */
static void
put_text(PgtSpan text)
{
	printf(", \"text\": ");
	pgt_json_string(text.at, text.len);
}

/* The fields of a line, from behind its keyword on */
static void
put_fields(const PgtEntry *entry, const char *p, const char *end)
{
	char		separator = pgt_entry_is_call(entry) ? ',' : ' ';
	PgtField	field;

	while (pgt_field_next(&p, end, separator, &field))
	{
		if (field.value.at != NULL)
			put_member(field.name.at, field.name.len, field.value);
	}
}

static void
put_stat(const PgtEntry *entry)
{
	const PgtEntryStat *stat = &entry->of.stat;
	const char *op = memmem(entry->raw.at, entry->raw.len, " op='", 5);

	put_fields(entry, memchr(entry->raw.at, ' ', entry->raw.len),
			   op != NULL ? op : pgt_entry_first_end(entry));
	put_member("op", 2, stat->op);
	if (stat->more.at != NULL)
		put_fields(entry, stat->more.at, stat->more.at + stat->more.len);
}

static void
put_stars(const PgtEntry *entry)
{
	const PgtEntryStars *stars = &entry->of.stars;

	if (entry->kind == PGT_ENTRY_CONTEXT)
	{
		put_member("label", 5, stars->label);
		put_member("value", 5, stars->value);
	}
	else
		put_member("text", 4, stars->text);
	if (entry->kind == PGT_ENTRY_RUNNING || entry->kind == PGT_ENTRY_IN_PROGRESS)
		put_fields(entry, stars->text.at, stars->text.at + stars->text.len);
}

static void
put_bind(const PgtEntry *entry)
{
	const PgtEntryBind *bind = &entry->of.bind;

	printf(", \"number\": %lld, \"oacdty\": %lld, \"typoid\": %lld",
		   (long long) bind->number, (long long) bind->oacdty,
		   (long long) bind->typoid);
	if (bind->typ.at != NULL)
		put_member("typ", 3, bind->typ);
	if (bind->name.at != NULL)
		put_member("name", 4, bind->name);
	if (bind->kind == PGT_ENTRY_VALUE_NULL)
		printf(", \"value\": null");
	else if (bind->kind == PGT_ENTRY_VALUE_OMITTED)
		put_member("omitted", 7, bind->value);
	else if (bind->kind != PGT_ENTRY_VALUE_NONE)
		put_member("value", 5, bind->value);
}

void
pgt_convert_records(const PgtEntry *entry, const char *file)
{
	const char *end = pgt_entry_first_end(entry);
	const char *colon;

	if (entry->kind == PGT_ENTRY_EMPTY)
		return;
	printf("{\"kind\": \"%s\", \"file\": ", pgt_entry_kind_name(entry->kind));
	pgt_json_string(file, strlen(file));
	printf(", \"line\": %llu", (unsigned long long) entry->line);
	if (entry->has_cursor)
		printf(", \"cursor\": %llu", (unsigned long long) entry->cursor);
	if (pgt_entry_is_stars(entry))
	{
		if (entry->has_tim)
			printf(", \"tim\": %lld", (long long) entry->tim);
		put_stars(entry);
	}
	else if (entry->kind == PGT_ENTRY_STAT)
		put_stat(entry);
	else if (entry->kind == PGT_ENTRY_BIND)
		put_bind(entry);
	else if (entry->kind == PGT_ENTRY_HEAD || entry->kind == PGT_ENTRY_UNKNOWN)
		put_member("text", 4, pgt_span(entry->raw.at, end - entry->raw.at));
	else if (entry->kind == PGT_ENTRY_CURSOR)
	{
		/* a separator may be its first line */
		colon = memmem(entry->raw.at, entry->raw.len, PGT_LINE_CURSOR,
					   strlen(PGT_LINE_CURSOR));
		if (colon != NULL)
			end = memchr(colon, '\n', entry->raw.at + entry->raw.len - colon);
		if (colon != NULL && end != NULL)
			put_fields(entry, colon + strlen(PGT_LINE_CURSOR), end);
		put_text(entry->of.cursor_of.text);
	}
	else
	{
		colon = memchr(entry->raw.at, ':', end - entry->raw.at);
		if (entry->kind == PGT_ENTRY_XCTEND)
			colon = entry->raw.at + strlen(PGT_LINE_XCTEND);
		if (colon != NULL)
			put_fields(entry, colon + 1, end);
		if (entry->kind == PGT_ENTRY_PARSE_ERROR)
			put_text(entry->of.error.text);
	}
	printf("}\n");
}
