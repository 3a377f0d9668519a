/*
 * span.h
 *		A piece of a trace file's text, where it is in the reader's buffer.
 *
 * It ends by its length, and is as it is in the file, with its escapes.
 */
#ifndef PGT_PARSE_SPAN_H
#define PGT_PARSE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct PgtSpan
{
	const char *at;				/* NULL: the line doesn't have it */
	size_t		len;
} PgtSpan;

static inline PgtSpan
pgt_span(const char *at, size_t len)
{
	PgtSpan		span;

	span.at = at;
	span.len = len;
	return span;
}

static inline bool
pgt_span_is(PgtSpan span, const char *text)
{
	size_t		len = strlen(text);

	return span.len == len && memcmp(span.at, text, len) == 0;
}

static inline bool
pgt_span_begins(PgtSpan span, const char *text)
{
	size_t		len = strlen(text);

	return span.len >= len && memcmp(span.at, text, len) == 0;
}

/* What is behind the first n bytes; n is at most its length. */
static inline PgtSpan
pgt_span_from(PgtSpan span, size_t n)
{
	return pgt_span(span.at + n, span.len - n);
}

/*
 * A decimal number at *p, which moves behind it.  False if there is none, or
 * if it doesn't fit.
 */
static inline bool
pgt_take_uint64(const char **p, const char *end, uint64_t *number)
{
	const char *digit = *p;
	uint64_t	result = 0;

	while (digit < end && (unsigned char) (*digit - '0') <= 9)
	{
		unsigned	value = *digit - '0';

		/* more than 19 digits may not fit */
		if (digit - *p >= 19 &&
			(result > UINT64_MAX / 10 || result * 10 > UINT64_MAX - value))
			return false;
		result = result * 10 + value;
		digit++;
	}
	if (digit == *p)
		return false;
	*p = digit;
	*number = result;
	return true;
}

static inline bool
pgt_take_int64(const char **p, const char *end, int64_t *number)
{
	const char *digits = *p;
	bool		negative = digits < end && *digits == '-';
	uint64_t	magnitude;

	digits += negative;
	if (!pgt_take_uint64(&digits, end, &magnitude) || magnitude > INT64_MAX)
		return false;
	*p = digits;
	*number = negative ? -(int64_t) magnitude : (int64_t) magnitude;
	return true;
}

/* Is all of the span a number? */
extern bool pgt_span_int64(PgtSpan span, int64_t *number);

/*
 * Undo the escapes of escape.h into out, which has room for span.len bytes;
 * returns how many there are.  What is no escape stays as it is.
 */
extern size_t pgt_span_unescape(PgtSpan span, char *out);

/* The number that an sqlid= is; false if it is none. */
extern bool pgt_span_sql_id(PgtSpan span, uint64_t *id);

#endif							/* PGT_PARSE_SPAN_H */
