/*
 * fields.c
 *		Takes the fields of a line, <name>=<value>, by their names.
 *
 * Most of the time of reading a file is spent here.
 */
#include "cli/parse/fields.h"
#include "bgworker/trace/grammar.h"

/* What is in quotes at p, where the first one is; returns what is behind. */
static const char *
take_quoted(const char *p, const char *end, PgtField *field)
{
	char		quote = *p++;
	const char *begin = p;

	for (;;)
	{
		const char *close = p < end ? memchr(p, quote, end - p) : NULL;
		const char *escape = close;

		if (close == NULL)
		{
			field->value = pgt_span(begin, end - begin);
			return end;
		}
		/* an odd number of backslashes before it: it is escaped */
		while (escape > begin && escape[-1] == '\\')
			escape--;
		if ((close - escape) % 2 == 0)
		{
			field->value = pgt_span(begin, close - begin);
			field->quote = quote;
			return close + 1;
		}
		p = close + 1;
	}
}

/* A value, behind the "="; returns what is behind it. */
static inline const char *
take_value(const char *p, const char *end, char separator, PgtField *field)
{
	const char *begin = p;

	field->quote = '\0';
	if (p < end && (*p == '\'' || *p == '"'))
		return take_quoted(p, end, field);
	while (p < end && *p != separator && *p != '\n')
		p++;
	field->value = pgt_span(begin, p - begin);
	return p;
}

bool
pgt_field_next(const char **position, const char *end, char separator,
			   PgtField *field)
{
	const char *p = *position;
	const char *begin;

	while (p < end && (*p == ' ' || *p == ',' || *p == '\n'))
		p++;
	if (p == end)
		return false;
	begin = p;
	while (p < end && *p != '=' && *p != ' ' && *p != '\n')
		p++;
	field->name = pgt_span(begin, p - begin);
	field->value = pgt_span(NULL, 0);
	field->quote = '\0';
	if (p < end && *p == '=')
	{
		p++;
		/* "ela= 5" */
		if (end - p > 1 && *p == ' ' && (unsigned char) (p[1] - '0') <= 9)
			p++;
		p = take_value(p, end, separator, field);
	}
	*position = p;
	return true;
}

/* Is that the field at p? */
static inline bool
is_at(const PgtFieldRule *rule, const char *p, const char *end)
{
	/* most names differ in their first letter, or in their length */
	if (end - p <= rule->len || p[0] != rule->name[0] || p[rule->len] != '=')
		return false;
	for (int i = 1; i < rule->len; i++)
	{
		if (p[i] != rule->name[i])
			return false;
	}
	return true;
}

/* All rules once, beginning with the one that comes next; nrules: none */
static inline int
find_rule(const PgtFieldRule *rules, int nrules, int expected, const char *p,
		  const char *end)
{
	for (int i = expected; i < nrules; i++)
	{
		if (is_at(&rules[i], p, end))
			return i;
	}
	for (int i = 0; i < expected; i++)
	{
		if (is_at(&rules[i], p, end))
			return i;
	}
	return nrules;
}

/* The number behind "="; returns what is behind it, or NULL if there is none. */
static inline const char *
take_number(const char *p, const char *end, char separator, int64_t *number)
{
	/* "ela= 5" */
	if (end - p > 1 && *p == ' ')
		p++;
	if (!pgt_take_int64(&p, end, number) ||
		(p < end && *p != separator && *p != '\n'))
		return NULL;
	return p;
}

void
pgt_fields_take(PgtEntry *entry, const char *p, const char *end,
				char separator, const PgtFieldRule *rules, int nrules)
{
	int			expected = 0;
	PgtField	field;

	for (;;)
	{
		int			i;
		const char *next = NULL;
		void	   *target;

		while (p < end && (*p == ' ' || *p == ',' || *p == '\n'))
			p++;
		if (p == end)
			return;
		i = find_rule(rules, nrules, expected, p, end);
		if (i == nrules)
		{
			/* not known, or a word that is no field */
			(void) pgt_field_next(&p, end, separator, &field);
			entry->unknown_fields += field.value.at != NULL;
			continue;
		}
		expected = i + 1;
		p += rules[i].len + 1;
		target = (char *) entry + rules[i].offset;
		if (rules[i].type == PGT_FIELD_INT64)
		{
			next = take_number(p, end, separator, target);
			if (next == NULL)
				entry->problem = "a field isn't the number that it should be";
		}
		if (next == NULL)
		{
			next = take_value(p, end, separator, &field);
			if (rules[i].type == PGT_FIELD_SPAN)
				*(PgtSpan *) target = field.value;
		}
		p = next;
	}
}

/* ----------
 * Any field
 * ----------
 */

/* Where the fields of an entry are, and what separates them */
static PgtSpan
field_text(const PgtEntry *entry, char *separator)
{
	const char *begin = entry->raw.at;
	const char *end = pgt_entry_first_end(entry);

	*separator = pgt_entry_is_call(entry) ||
		entry->kind == PGT_ENTRY_XCTEND ? ',' : ' ';
	if (entry->kind == PGT_ENTRY_BIND)
		end = entry->raw.at + entry->raw.len;
	else if (entry->has_cursor && !pgt_entry_is_stars(entry))
	{
		/* behind the cursor's number */
		begin = (const char *) memchr(begin, '#', end - begin) + 1;
		while (begin < end && *begin != ':' && *begin != ' ')
			begin++;
		if (begin < end)
			begin++;
	}
	else if (entry->kind == PGT_ENTRY_XCTEND)
		begin += sizeof(PGT_LINE_XCTEND) - 1;
	return pgt_span(begin, end - begin);
}

static bool
find_field(PgtSpan text, char separator, const char *name, PgtSpan *value)
{
	const char *p = text.at;
	PgtField	field;

	while (pgt_field_next(&p, text.at + text.len, separator, &field))
	{
		if (field.value.at != NULL && pgt_span_is(field.name, name))
		{
			*value = field.value;
			return true;
		}
	}
	return false;
}

bool
pgt_entry_field(const PgtEntry *entry, const char *name, PgtSpan *value)
{
	char		separator;
	PgtSpan		text = field_text(entry, &separator);

	if (find_field(text, separator, name, value))
		return true;
	return entry->kind == PGT_ENTRY_STAT && entry->of.stat.more.at != NULL &&
		find_field(entry->of.stat.more, ' ', name, value);
}
