/*
 * traceparent.c
 *		The W3C trace context that an application leaves in SQL comments.
 *
 * Libraries that follow the sqlcommenter convention append a comment like
 * traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' to
 * each statement.  It ties a cursor of the trace to a span of a distributed
 * trace.  The value's form is that of https://www.w3.org/TR/trace-context.
 */
#include "postgres.h"

#include <ctype.h>

#include "extension/traceparent.h"

#define KEY		"traceparent"

/* Is there a value of the right form at p?  h stands for a hex digit. */
static bool
is_value(const char *p, const char *end)
{
	static const char form[] =
		"hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";

	StaticAssertStmt(sizeof(form) == PGT_TRACEPARENT_LEN, "length of form");

	if (end - p < (ptrdiff_t) sizeof(form) - 1)
		return false;
	for (int i = 0; form[i] != '\0'; i++)
	{
		if (form[i] == 'h' ? !isxdigit((unsigned char) p[i]) : p[i] != '-')
			return false;
	}
	return true;
}

/* Past a part of the text from p on that the string ends */
static const char *
skip_to(const char *p, const char *end, const char *string)
{
	Size		len = strlen(string);

	for (; end - p >= (ptrdiff_t) len; p++)
	{
		if (memcmp(p, string, len) == 0)
			return p + len;
	}
	return end;
}

/*
 * Is the place at p in a comment?  Data could say anything, so quoted text
 * before it is told from comments.
 */
static bool
in_comment(const char *text, const char *p, const char *end)
{
	const char *q = text;

	while (q < p)
	{
		const char *start = q;
		bool		comment = false;

		if (*q == '\'' || *q == '"')
			q = skip_to(q + 1, end, *q == '"' ? "\"" : "'");
		else if (*q == '-' && q + 1 < end && q[1] == '-')
		{
			q = skip_to(q, end, "\n");
			comment = true;
		}
		else if (*q == '/' && q + 1 < end && q[1] == '*')
		{
			q = skip_to(q + 2, end, "*/");
			comment = true;
		}
		else
			q++;
		if (start < p && p < q)
			return comment;
	}
	return false;
}

void
pgt_traceparent_find(const char *text, Size len, char *result)
{
	const char *end = text + len;
	const char *p = text;

	result[0] = '\0';
	while ((p = memchr(p, 't', end - p)) != NULL)
	{
		if (end - p < (ptrdiff_t) strlen(KEY))
			return;
		if (memcmp(p, KEY, strlen(KEY)) != 0)
		{
			p++;
			continue;
		}
		p += strlen(KEY);
		while (p < end && strchr(" =:'\"", *p) != NULL && *p != '\0')
			p++;
		if (is_value(p, end) && in_comment(text, p, end))
		{
			memcpy(result, p, PGT_TRACEPARENT_LEN - 1);
			result[PGT_TRACEPARENT_LEN - 1] = '\0';
			return;
		}
	}
}
