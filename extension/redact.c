/*
 * redact.c
 *		Keeps passwords in SQL text out of the trace.
 *
 * Works on the text of any statement, not on parse trees: a password can
 * stand in CREATE ROLE and in a user mapping, but as well inside the string
 * that a DO block executes, in a connection string, in a statement that
 * doesn't parse, or be set as a custom setting.  Whatever literal follows
 * the word "password" is taken for one; to hide too much does no harm.
 */
#include "postgres.h"

#include "common/string.h"
#include "utils/memutils.h"

#include "extension/redact.h"

#define WORD		"password"
#define REPLACEMENT	"<redacted>"

/* The next WORD in text, NULL if there is none. */
static const char *
find_word(const char *text, const char *end)
{
	for (; end - text >= (ptrdiff_t) strlen(WORD); text++)
	{
		if ((*text == 'p' || *text == 'P') &&
			pg_strncasecmp(text, WORD, strlen(WORD)) == 0)
			return text;
	}
	return NULL;
}

/* Past the white space, operators and quoting prefix between word and value */
static const char *
skip_to_value(const char *p, const char *end)
{
	bool		assigned = false;

	while (p < end)
	{
		if (strchr(" \t\r\n\f\v", *p) != NULL && *p != '\0')
			p++;
		else if (!assigned && (*p == '=' || *p == ':' || *p == '"'))
			p++;
		else if (!assigned && end - p > 3 &&
				 pg_strncasecmp(p, "to", 2) == 0 && strchr(" \t\r\n'", p[2]))
		{
			p += 2;
			assigned = true;
		}
		else if (end - p > 1 && strchr("eEnN", *p) != NULL && p[1] == '\'')
			p++;
		else if (end - p > 2 && (*p == 'u' || *p == 'U') && p[1] == '&' &&
				 p[2] == '\'')
			p += 2;
		else
			break;
	}
	return p;
}

/* The end of the literal in single quotes that begins at p. */
static const char *
end_of_quoted(const char *p, const char *end, bool backslashes)
{
	/* inside another literal, quotes come doubled (or more) */
	int			quotes = 0;

	while (p + quotes < end && p[quotes] == '\'')
		quotes++;
	p += quotes;
	if (quotes > 1 && (p == end || strchr(" \t\r\n;,)", *p) != NULL))
		return p;				/* an empty literal */

	while (p < end)
	{
		if (backslashes && *p == '\\' && end - p > 1)
			p += 2;
		else if (*p == '\'')
		{
			int			run = 0;

			while (p + run < end && p[run] == '\'')
				run++;
			p += run;
			if (run % (2 * quotes) != 0)
				return p;
		}
		else
			p++;
	}
	return p;
}

/* The end of the dollar-quoted literal at p, or p if there is none. */
static const char *
end_of_dollar_quoted(const char *p, const char *end)
{
	const char *tag_end = p + 1;
	Size		tag_len;

	while (tag_end < end && *tag_end != '$' &&
		   (IS_HIGHBIT_SET(*tag_end) || *tag_end == '_' ||
			isalnum((unsigned char) *tag_end)))
		tag_end++;
	if (tag_end == end || *tag_end != '$')
		return p;
	tag_len = tag_end + 1 - p;

	for (const char *q = tag_end + 1; end - q >= (ptrdiff_t) tag_len; q++)
	{
		if (memcmp(q, p, tag_len) == 0)
			return q + tag_len;
	}
	return end;
}

/*
 * The end of the value that begins at p; p itself if what stands there can't
 * be one.  assigned: in "password=secret" no quotes are needed.
 */
static const char *
end_of_value(const char *p, const char *end, bool assigned)
{
	if (p == end)
		return p;
	if (*p == '\'')
		return end_of_quoted(p, end, strchr("eE", p[-1]) != NULL);
	if (*p == '$')
		return end_of_dollar_quoted(p, end);
	if (assigned)
	{
		while (p < end && strchr(" \t\r\n;,)'\"&", *p) == NULL)
			p++;
	}
	return p;
}

char *
pgt_redact(const char *text, Size *len)
{
	const char *end = text + *len;
	const char *word = find_word(text, end);
	char	   *result;
	char	   *out;

	if (word == NULL)
		return NULL;

	/* each replacement follows a WORD, so this is enough */
	result = MemoryContextAllocExtended(CurrentMemoryContext,
										*len * 3 + 1,
										MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	if (result == NULL)
	{
		*len = 0;
		return MemoryContextAllocExtended(CurrentMemoryContext, 1,
										  MCXT_ALLOC_NO_OOM);
	}

	out = result;
	while (word != NULL)
	{
		const char *after = word + strlen(WORD);
		const char *value = skip_to_value(after, end);
		const char *value_end =
			end_of_value(value, end, value > after && value[-1] == '=');

		memcpy(out, text, value - text);
		out += value - text;
		if (value_end > value)
		{
			memcpy(out, REPLACEMENT, strlen(REPLACEMENT));
			out += strlen(REPLACEMENT);
		}
		text = value_end;
		word = find_word(text, end);
	}
	memcpy(out, text, end - text);
	out += end - text;
	*len = out - result;
	return result;
}
