/*
 * line.h
 *		Pieces of a trace file's lines.
 *
 * For the files that format lines and for nobody else.
 */
#ifndef PGT_TRACE_LINE_H
#define PGT_TRACE_LINE_H

#include "utils/builtins.h"

#include "bgworker/trace/format.h"

#define NS_IN_US	1000

/* Stands before PARSING IN CURSOR */
#define SEPARATOR	"=====================\n"

/*
 * Room for len bytes and a terminator at the end.  What appends them is inline,
 * since a line consists of many short pieces.
 */
static inline char *
put_room(StringInfo out, Size len)
{
	if (unlikely((Size) (out->maxlen - out->len) <= len))
		enlargeStringInfo(out, len);
	return out->data + out->len;
}

static inline void
put_bytes(PgtFormat *format, const char *bytes, Size len)
{
	StringInfo	out = format->out;

	memcpy(put_room(out, len), bytes, len);
	out->len += len;
	out->data[out->len] = '\0';
}

static inline void
put_string(PgtFormat *format, const char *string)
{
	put_bytes(format, string, strlen(string));
}

/* label followed by value */
static inline void
put_number(PgtFormat *format, const char *label, uint64 value)
{
	StringInfo	out = format->out;

	put_string(format, label);
	out->len += pg_ulltoa_n(value, put_room(out, MAXINT8LEN));
	out->data[out->len] = '\0';
}

static inline void
put_time(PgtFormat *format, const char *label, uint64 ns)
{
	put_number(format, label, ns / NS_IN_US);
}

/* Does a character mean itself in text that ends with quote? */
static inline bool
is_plain(unsigned char c, char quote)
{
	return c >= ' ' && c != 0x7F && c != '\\' && c != (unsigned char) quote;
}

/* Text on one line: quote, backslash and control bytes are escaped. */
static inline void
put_escaped(PgtFormat *format, const char *text, Size len, char quote)
{
	Size		done = 0;

	while (done < len)
	{
		Size		end = done;
		unsigned char c;

		while (end < len && is_plain(text[end], quote))
			end++;
		put_bytes(format, text + done, end - done);
		if (end == len)
			break;

		c = text[end];
		done = end + 1;
		if (c == '\n')
			put_string(format, "\\n");
		else if (c == '\r')
			put_string(format, "\\r");
		else if (c == '\t')
			put_string(format, "\\t");
		else if (c < ' ' || c == 0x7F)
			appendStringInfo(format->out, "\\x%02x", c);
		else
		{
			put_string(format, "\\");
			put_bytes(format, text + end, 1);
		}
	}
}

#endif							/* PGT_TRACE_LINE_H */
