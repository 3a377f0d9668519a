/*
 * line.h
 *		Pieces of a trace file's lines.
 *
 * For the files that format lines and for nobody else.
 */
#ifndef PGT_TRACE_LINE_H
#define PGT_TRACE_LINE_H

#include "utils/builtins.h"

#include "bgworker/trace/attribution.h"
#include "bgworker/trace/escape.h"
#include "bgworker/trace/grammar.h"
#include "bgworker/trace/sql_id.h"

/* A field's name as it stands in most lines, in those of calls, and quoted */
#define FIELD(name)	" " name "="
#define NEXT(name)	"," name "="
#define QUOTED(name) " " name "='"

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

/* What is left, if anything */
static inline uint64
less(uint64 from, uint64 ns)
{
	return from > ns ? from - ns : 0;
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

/* Text on one line: what means something in it is escaped. */
static inline void
put_escaped(PgtFormat *format, const char *text, Size len, char quote)
{
	while (len > 0)
	{
		Size		plain = pgt_plain_len(text, len, quote);
		char		escape[PGT_ESCAPE_LEN];
		Size		escape_len;

		put_bytes(format, text, plain);
		if (plain == len)
			break;
		escape_len = pgt_escape(text[plain], quote, escape);
		put_bytes(format, escape, escape_len);
		text += plain + 1;
		len -= plain + 1;
	}
}

/* A value that ends with a quote; the label has the first one. */
static inline void
put_quoted(PgtFormat *format, const char *label, const char *value, Size len)
{
	put_string(format, label);
	put_escaped(format, value, len, '\'');
	put_string(format, "'");
}

/* A value without quotes around it */
static inline void
put_bare(PgtFormat *format, const char *label, const char *value, Size len)
{
	put_string(format, label);
	put_escaped(format, value, len, PGT_BARE);
}

/* A query identifier as Oracle's files have one; the label has the quote. */
static inline void
put_sql_id(PgtFormat *format, const char *label, uint64 id)
{
	char		text[PGT_SQL_ID_LEN];

	pgt_sql_id(id, text);
	put_string(format, label);
	put_bytes(format, text, sizeof(text));
}

static inline void
put_signed(PgtFormat *format, const char *label, int64 value)
{
	char		number[MAXINT8LEN + 1];

	pg_lltoa(value, number);
	put_string(format, label);
	put_string(format, number);
}

/* What a statement is known by, without an identifier by its text */
static inline void
put_statement_id(PgtFormat *format, uint64 queryid, uint64 hash)
{
	uint64		id = queryid != 0 ? queryid : hash;

	put_number(format, FIELD(PGT_FIELD_HV), (uint32) id);
	put_sql_id(format, FIELD(PGT_FIELD_AD) "'0'" QUOTED(PGT_FIELD_SQLID), id);
	put_signed(format, "'" FIELD(PGT_FIELD_QUERYID), (int64) queryid);
}

#endif							/* PGT_TRACE_LINE_H */
