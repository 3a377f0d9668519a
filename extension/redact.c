/*
 * redact.c
 *		Keeps passwords in SQL text out of the trace.
 *
 * Works on the text of any statement, not on parse trees: a password can
 * stand in CREATE ROLE and in a user mapping, but as well inside the string
 * that a DO block executes, in a connection string, in JSON, in a statement
 * that doesn't parse, or be set as a custom setting.  Whatever value follows
 * a word with "password" in it is taken for one, and so is the middle part of
 * scheme://user:password@host.  To hide too much does no harm.
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/memutils.h"

#include "extension/redact.h"

#define WORD		"password"
#define REPLACEMENT	"<redacted>"

/* A text that is read from p to end, which belongs to no byte */
typedef struct Scan
{
	const char *p;
	const char *end;
} Scan;

static bool
at(const Scan *scan, const char *string)
{
	size_t		len = strlen(string);

	return scan->end - scan->p >= (ptrdiff_t) len &&
		pg_strncasecmp(scan->p, string, len) == 0;
}

static bool
at_any(const Scan *scan, const char *chars)
{
	return scan->p < scan->end && *scan->p != '\0' &&
		strchr(chars, *scan->p) != NULL;
}

static bool
at_identifier(const Scan *scan)
{
	return scan->p < scan->end &&
		(IS_HIGHBIT_SET(*scan->p) || *scan->p == '_' ||
		 isalnum((unsigned char) *scan->p));
}

static void
skip_any(Scan *scan, const char *chars)
{
	while (at_any(scan, chars))
		scan->p++;
}

/* White space and comments.  Returns whether there was a line's end. */
static bool
skip_space(Scan *scan)
{
	const char *start = scan->p;

	for (;;)
	{
		if (at_any(scan, " \t\r\n\f\v"))
			scan->p++;
		else if (at(scan, "--"))
		{
			while (scan->p < scan->end && *scan->p != '\n')
				scan->p++;
		}
		else if (at(scan, "/*"))
		{
			scan->p += 2;
			while (scan->p < scan->end && !at(scan, "*/"))
				scan->p++;
			scan->p += at(scan, "*/") ? 2 : 0;
		}
		else
			break;
	}
	return memchr(start, '\n', scan->p - start) != NULL;
}

/*
 * What stands between a word and its value.  Returns whether there is an
 * assignment, after which a value needs no quotes.
 */
static bool
skip_separator(Scan *scan)
{
	const char *start = scan->p;
	bool		quoted = at_any(scan, "'\"\\");
	bool		assigned = false;

	/* the end of a name in quotes, doubled or escaped inside a literal */
	skip_any(scan, "'\"\\");
	if (!quoted)
		while (at_identifier(scan))
			scan->p++;
	skip_space(scan);
	if (*start == '\'' && quoted && !at_any(scan, ":=,"))
	{
		scan->p = start;		/* it is the beginning of the value */
		return false;
	}
	if (at_any(scan, ":="))
	{
		skip_any(scan, ":=");
		assigned = true;
	}
	else if (at(scan, "to") && scan->end - scan->p > 2 &&
			 strchr(" \t\r\n\f\v'", scan->p[2]) != NULL)
	{
		scan->p += 2;
		assigned = true;
	}
	else if (quoted)
		skip_any(scan, ",");
	skip_space(scan);
	skip_any(scan, "(");
	skip_space(scan);
	return assigned;
}

/*
 * Past a literal in single quotes.  Inside another literal its quotes are
 * doubled, or more, and so are those in it.
 */
static void
skip_single_quoted(Scan *scan, bool escapes)
{
	int			quotes = 0;

	while (at_any(scan, "'"))
	{
		scan->p++;
		quotes++;
	}
	if (quotes > 1 && (scan->p == scan->end || at_any(scan, " \t\r\n;,)")))
		return;					/* an empty one */

	while (scan->p < scan->end)
	{
		int			run = 0;

		if ((escapes || quotes > 1) && *scan->p == '\\')
		{
			scan->p++;
			for (int i = 0; i < quotes && at_any(scan, "'"); i++)
				run++, scan->p++;
			if (run == 0 && scan->p < scan->end)
				scan->p++;
			continue;
		}
		while (at_any(scan, "'"))
		{
			scan->p++;
			run++;
		}
		if (run == 0)
			scan->p++;
		else if (run % (2 * quotes) != 0)
			return;
	}
}

/* Past a string in double quotes, as in JSON; perhaps escaped itself. */
static void
skip_double_quoted(Scan *scan)
{
	scan->p++;
	while (scan->p < scan->end && *scan->p != '"')
		scan->p += *scan->p == '\\' && scan->end - scan->p > 1 ? 2 : 1;
	if (scan->p < scan->end)
		scan->p++;
}

/* Past a dollar-quoted literal, or not at all if there is none. */
static void
skip_dollar_quoted(Scan *scan)
{
	Scan		tag = {scan->p + 1, scan->end};
	size_t		tag_len;

	while (at_identifier(&tag))
		tag.p++;
	if (!at_any(&tag, "$"))
		return;
	tag_len = tag.p + 1 - scan->p;
	for (const char *q = tag.p + 1; scan->end - q >= (ptrdiff_t) tag_len; q++)
	{
		if (memcmp(q, scan->p, tag_len) == 0)
		{
			scan->p = q + tag_len;
			return;
		}
	}
	scan->p = scan->end;
}

/* Past a bare word, and its arguments if it is a function's name. */
static void
skip_bare(Scan *scan)
{
	int			depth = 0;

	while (scan->p < scan->end)
	{
		if (*scan->p == '(')
			depth++;
		else if (*scan->p == ')' && depth > 0)
			depth--;
		else if (depth == 0 && at_any(scan, " \t\r\n;,)'\"&}"))
			return;
		scan->p++;
	}
}

/* Past the value at scan->p, or not at all if what stands there isn't one. */
static void
skip_value(Scan *scan, bool assigned)
{
	const char *start = scan->p;
	bool		escapes = false;

	if (at(scan, "e'") || at(scan, "n'") || at(scan, "b'") || at(scan, "x'"))
	{
		escapes = at(scan, "e'");
		scan->p++;
	}
	else if (at(scan, "u&'"))
		scan->p += 2;

	if (at_any(scan, "'"))
	{
		for (;;)
		{
			Scan		next;

			skip_single_quoted(scan, escapes);
			/* SQL joins literals that a line's end separates */
			next = *scan;
			if (!skip_space(&next) || !at_any(&next, "'"))
				return;
			*scan = next;
		}
	}
	scan->p = start;
	if (at(scan, "\\\"") || at_any(scan, "\""))
	{
		skip_any(scan, "\\");
		skip_double_quoted(scan);
	}
	else if (at_any(scan, "$"))
		skip_dollar_quoted(scan);
	else if (assigned)
		skip_bare(scan);
}

/*
 * Past the password of scheme://user:password@, if that is where scan is, with
 * its beginning in *value.
 */
static bool
skip_uri(Scan *scan, const char **value)
{
	const char *colon = NULL;
	const char *last_at = NULL;
	Scan		authority = *scan;

	if (!at(scan, "://"))
		return false;
	for (authority.p += 3;
		 authority.p < authority.end && !at_any(&authority, " \t\r\n/?#'\"");
		 authority.p++)
	{
		if (*authority.p == ':' && colon == NULL)
			colon = authority.p;
		else if (*authority.p == '@')
			last_at = authority.p;
	}
	if (colon == NULL || last_at == NULL || last_at <= colon + 1)
		return false;
	*value = colon + 1;
	scan->p = last_at;
	return true;
}

/*
 * The next secret at or behind scan->p: its beginning in *value, and scan is
 * behind it.  Returns false at the end of the text.
 */
static bool
next_secret(Scan *scan, const char **value)
{
	while (scan->p < scan->end)
	{
		if (skip_uri(scan, value))
			return true;
		if (at(scan, WORD))
		{
			Scan		found = *scan;
			bool		assigned;

			found.p += strlen(WORD);
			assigned = skip_separator(&found);
			*value = found.p;
			skip_value(&found, assigned);
			scan->p += strlen(WORD);
			if (found.p > *value)
			{
				scan->p = found.p;
				return true;
			}
		}
		else
			scan->p++;
	}
	return false;
}

char *
pgt_redact(const char *text, Size *len)
{
	Scan		scan = {text, text + *len};
	const char *value;
	char	   *result;
	char	   *out;

	if (!next_secret(&scan, &value))
		return NULL;

	/* each secret has at least one byte, and three before it */
	result = MemoryContextAllocExtended(CurrentMemoryContext, *len * 4 + 1,
										MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	if (result == NULL)
	{
		*len = 0;
		return MemoryContextAllocExtended(CurrentMemoryContext, 1,
										  MCXT_ALLOC_NO_OOM);
	}

	out = result;
	do
	{
		memcpy(out, text, value - text);
		out += value - text;
		memcpy(out, REPLACEMENT, strlen(REPLACEMENT));
		out += strlen(REPLACEMENT);
		text = scan.p;
	} while (next_secret(&scan, &value));
	memcpy(out, text, scan.end - text);
	out += scan.end - text;
	*len = out - result;
	return result;
}
