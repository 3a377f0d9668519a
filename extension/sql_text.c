/*
 * sql_text.c
 *		The text of one statement, in what was sent with it.
 *
 * A client may send several in one string, with comments before and between
 * them.  What cursor.c looks for and sends is the one that a plan is of.
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"

#include "extension/compat.h"
#include "extension/guc.h"
#include "extension/sql_text.h"

/*
 * What stands for a statement without a text: one in a SQL function whose
 * body is stored parsed.
 */
static const char *
placeholder(uint32 command, uint64 queryid, int *len)
{
	static char text[96];

	*len = snprintf(text, sizeof(text),
					"/* statement without a text, command %u, query identifier "
					UINT64_FORMAT " */", command, queryid);
	return text;
}

/*
 * From PostgreSQL 18 on, comments before the first statement of a string
 * aren't part of it.  They may say more about it (traceparent.c).
 */
static void
include_comments(const char *query, int *location, int *len)
{
	const char *p = query;
	const char *end = query + Max(*location, 0);

	/* there is an end to what is shown anyhow */
	if (*location > pgt_max_sql_length)
		return;
	while (p < end)
	{
		const char *rest = NULL;

		if (strncmp(p, "--", 2) == 0)
			rest = strchr(p, '\n');
		else if (strncmp(p, "/*", 2) == 0 && (rest = strstr(p, "*/")) != NULL)
			rest++;
		else if (isspace((unsigned char) *p))
			rest = p;
		if (rest == NULL)
			return;
		p = rest + 1;
	}
	if (p > query && p == end)
	{
		*len += *len > 0 ? *location : 0;
		*location = 0;
	}
}

Size
pgt_clip(const char *text, Size len, Size limit)
{
	if (len <= limit)
		return len;
	if (GetDatabaseEncoding() != PG_UTF8)
		return pg_mbcliplen(text, len, limit);
	/* the same, without a look at all the characters before */
	while (limit > 0 && ((unsigned char) text[limit] & 0xC0) == 0x80)
		limit--;
	return limit;
}

void
pgt_sql_text_find(PgtSqlText *result, const char *query, int location, int len,
				  uint32 command, uint64 queryid)
{
	Size		limit = pgt_max_sql_length;
	const char *start;
	Size		rest;

	if (query == NULL)
	{
		query = "";
		location = -1;
		len = 0;
	}
	include_comments(query, &location, &len);

	start = query + Max(location, 0);
	rest = len > 0 && location >= 0 ? (Size) len : strnlen(start, limit + 1);
	result->cut = rest > limit;
	if (result->cut)
	{
		result->text = start;
		result->len = pgt_clip(start, rest, limit);
		result->full_len = len > 0 && location >= 0 ? len : 0;
	}
	else
	{
		result->text = CleanQuerytext(query, &location, &len);
		if (len == 0)
			result->text = placeholder(command, queryid, &len);
		result->len = result->full_len = len;
	}
	result->location = location;
}
