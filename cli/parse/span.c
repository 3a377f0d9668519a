/*
 * span.c
 *		Numbers and escapes in a piece of a trace file's text.
 */
#include "cli/parse/span.h"

bool
pgt_span_int64(PgtSpan span, int64_t *number)
{
	const char *p = span.at;

	return span.len > 0 && pgt_take_int64(&p, span.at + span.len, number) &&
		p == span.at + span.len;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

size_t
pgt_span_unescape(PgtSpan span, char *out)
{
	const char *p = span.at;
	const char *end = p + span.len;
	size_t		n = 0;

	while (p < end)
	{
		if (*p != '\\' || end - p < 2)
			out[n++] = *p++;
		else if (p[1] == 'x')
		{
			if (end - p < 4 || hex_digit(p[2]) < 0 || hex_digit(p[3]) < 0)
			{
				out[n++] = *p++;
				continue;
			}
			out[n++] = (char) (hex_digit(p[2]) << 4 | hex_digit(p[3]));
			p += 4;
		}
		else
		{
			out[n++] = p[1] == 'n' ? '\n' : p[1] == 'r' ? '\r' :
				p[1] == 't' ? '\t' : p[1];
			p += 2;
		}
	}
	return n;
}

bool
pgt_span_sql_id(PgtSpan span, uint64_t *id)
{
	static const char digits[] = "0123456789abcdfghjkmnpqrstuvwxyz";
	uint64_t	result = 0;

	if (span.len == 0 || span.len > 13)
		return false;
	for (size_t i = 0; i < span.len; i++)
	{
		const char *digit = memchr(digits, span.at[i], sizeof(digits) - 1);

		if (digit == NULL)
			return false;
		result = result << 5 | (uint64_t) (digit - digits);
	}
	*id = result;
	return true;
}
