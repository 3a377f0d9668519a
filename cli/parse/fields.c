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

	while (p < end && *p != quote)
		p += *p == '\\' && end - p > 1 ? 2 : 1;
	field->value = pgt_span(begin, p - begin);
	if (p == end)
		return p;
	field->quote = quote;
	return p + 1;
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
		if (p < end && (*p == '\'' || *p == '"'))
			p = take_quoted(p, end, field);
		else
		{
			begin = p;
			while (p < end && *p != separator && *p != '\n')
				p++;
			field->value = pgt_span(begin, p - begin);
		}
	}
	*position = p;
	return true;
}

static inline bool
is_name(const PgtFieldRule *rule, PgtSpan name)
{
	return rule->len == name.len && memcmp(rule->name, name.at, name.len) == 0;
}

void
pgt_fields_take(PgtEntry *entry, const char *p, const char *end,
				char separator, const PgtFieldRule *rules, int nrules)
{
	int			expected = 0;
	PgtField	field;

	while (pgt_field_next(&p, end, separator, &field))
	{
		int			i = expected;
		void	   *target;

		/* all rules once, beginning with the one that comes next */
		while (i < nrules && !is_name(&rules[i], field.name))
			i++;
		if (i == nrules)
		{
			for (i = 0; i < expected && !is_name(&rules[i], field.name); i++)
				;
			if (i == expected)
			{
				entry->unknown_fields++;
				continue;
			}
		}
		expected = i + 1;
		target = (char *) entry + rules[i].offset;
		if (rules[i].type == PGT_FIELD_SPAN)
			*(PgtSpan *) target = field.value;
		else if (rules[i].type == PGT_FIELD_INT64 &&
				 !pgt_span_int64(field.value, target))
			entry->problem = "a field isn't the number that it should be";
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
