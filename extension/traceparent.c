/*
 * traceparent.c
 *		The W3C trace context that an application leaves in SQL comments.
 *
 * Libraries that follow the sqlcommenter convention append a comment like
 * traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' to
 * each statement.  It ties a cursor of the trace to a span of a distributed
 * trace.  The value's form (https://www.w3.org/TR/trace-context) is strict
 * enough to be recognized without parsing SQL.
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
		if (is_value(p, end))
		{
			memcpy(result, p, PGT_TRACEPARENT_LEN - 1);
			result[PGT_TRACEPARENT_LEN - 1] = '\0';
			return;
		}
	}
}
