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
extern bool pgt_take_int64(const char **p, const char *end, int64_t *number);
extern bool pgt_take_uint64(const char **p, const char *end, uint64_t *number);

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
