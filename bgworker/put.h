/*
 * put.h
 *		Pieces of a trace file's lines.
 *
 * For the files that format lines and for nobody else.
 */
#ifndef PGT_PUT_H
#define PGT_PUT_H

#include "utils/builtins.h"

#include "bgworker/format.h"

#define NS_IN_US	1000

/* Stands before PARSING IN CURSOR */
#define SEPARATOR	"=====================\n"

static inline void
put_string(PgtFormat *format, const char *string)
{
	appendBinaryStringInfo(format->out, string, strlen(string));
}

/* label followed by value */
static inline void
put_number(PgtFormat *format, const char *label, uint64 value)
{
	StringInfo	out = format->out;

	put_string(format, label);
	enlargeStringInfo(out, MAXINT8LEN + 1);
	out->len += pg_ulltoa_n(value, out->data + out->len);
	out->data[out->len] = '\0';
}

static inline void
put_time(PgtFormat *format, const char *label, uint64 ns)
{
	put_number(format, label, ns / NS_IN_US);
}

/* Text on one line: quote, backslash and control bytes are escaped. */
static inline void
put_escaped(PgtFormat *format, const char *text, Size len, char quote)
{
	StringInfo	out = format->out;

	for (Size i = 0; i < len; i++)
	{
		unsigned char c = text[i];

		if (c == '\n')
			put_string(format, "\\n");
		else if (c == '\r')
			put_string(format, "\\r");
		else if (c == '\t')
			put_string(format, "\\t");
		else if (c < ' ' || c == 0x7F)
			appendStringInfo(out, "\\x%02x", c);
		else
		{
			if (c == '\\' || c == (unsigned char) quote)
				appendStringInfoCharMacro(out, '\\');
			appendStringInfoCharMacro(out, c);
		}
	}
}

#endif							/* PGT_PUT_H */
