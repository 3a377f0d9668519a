/*
 * traceparent.c
 *		The W3C trace context that an application leaves in SQL comments.
 *
 * Libraries that follow the sqlcommenter convention append a comment like
 * traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' to
 * each statement.  It ties a cursor of the trace to a span of a distributed
 * trace.  The value's form is that of https://www.w3.org/TR/trace-context.
 */
#include <ctype.h>
#include <string.h>

#include "extension/sql_lexer.h"
#include "extension/traceparent.h"

#define KEY		"traceparent"

/* Is there a value of the right form at p?  h stands for a hex digit. */
static bool
is_value(const char *p, const char *end)
{
	static const char form[] =
		"hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";

	_Static_assert(sizeof(form) == PGT_TRACEPARENT_LEN, "length of form");

	if (end - p < (ptrdiff_t) sizeof(form) - 1)
		return false;
	for (int i = 0; form[i] != '\0'; i++)
	{
		if (form[i] == 'h' ? !isxdigit((unsigned char) p[i]) : p[i] != '-')
			return false;
	}
	return true;
}

/* Copy the first value in a comment, if there is one. */
static bool
find_value(const char *p, const char *end, char *result)
{
	while ((p = memmem(p, end - p, KEY, strlen(KEY))) != NULL)
	{
		p += strlen(KEY);
		while (p < end && strchr(" =:'\"", *p) != NULL && *p != '\0')
			p++;
		if (is_value(p, end))
		{
			memcpy(result, p, PGT_TRACEPARENT_LEN - 1);
			result[PGT_TRACEPARENT_LEN - 1] = '\0';
			return true;
		}
	}
	return false;
}

bool
pgt_traceparent_find(const char *text, size_t len, bool standard_strings,
					 char out[PGT_TRACEPARENT_LEN])
{
	PgtLexer	lexer;
	PgtToken	token;

	out[0] = '\0';
	if (memmem(text, len, KEY, strlen(KEY)) == NULL)
		return false;

	/* data could say anything, so strings are told from comments */
	pgt_lexer_init(&lexer, text, len, standard_strings);
	do
	{
		pgt_lexer_next(&lexer, &token);
		if (token.type == PGT_TOKEN_COMMENT &&
			find_value(token.content, token.content_end, out))
			return true;
	} while (token.type != PGT_TOKEN_END);
	return false;
}
