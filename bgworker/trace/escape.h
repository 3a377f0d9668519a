/*
 * escape.h
 *		How any text becomes part of a line.
 *
 * What would end the line or the text is escaped with a backslash: \n, \r, \t,
 * \x and two hexadecimal digits for other control bytes, \ and the character
 * for a backslash and the quote that ends the text.  All else means itself.
 * Where there must be no quote on a line, quotes are \x and two digits as well,
 * and in a value without quotes around it, so are what ends it and "=".
 *
 * Needs nothing of PostgreSQL, since readers have to undo it.
 */
#ifndef PGT_TRACE_ESCAPE_H
#define PGT_TRACE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* The longest escape */
#define PGT_ESCAPE_LEN	4

/*
 * Instead of the quote that ends a text: there is none around it; or there is
 * one, but readers take any other quote for it.
 */
#define PGT_BARE		' '
#define PGT_QUOTELESS	'\1'

/* Is that a character that only \x can escape there? */
static inline bool
pgt_is_hex(unsigned char c, char quote)
{
	if (quote != PGT_BARE && quote != PGT_QUOTELESS)
		return false;
	return c == '\'' || c == '"' ||
		(quote == PGT_BARE && (c == ' ' || c == '='));
}

/* Does a character mean itself in text that ends with quote? */
static inline bool
pgt_is_plain(unsigned char c, char quote)
{
	return c >= ' ' && c != 0x7F && c != '\\' &&
		c != (unsigned char) quote && !pgt_is_hex(c, quote);
}

/* How many bytes from the beginning on mean themselves */
static inline size_t
pgt_plain_len(const char *text, size_t len, char quote)
{
	size_t		plain = 0;

	while (plain < len && pgt_is_plain((unsigned char) text[plain], quote))
		plain++;
	return plain;
}

/* The escape of a character that doesn't mean itself; returns its length. */
static inline size_t
pgt_escape(unsigned char c, char quote, char escape[PGT_ESCAPE_LEN])
{
	static const char digits[] = "0123456789abcdef";

	escape[0] = '\\';
	switch (c)
	{
		case '\n':
			escape[1] = 'n';
			return 2;
		case '\r':
			escape[1] = 'r';
			return 2;
		case '\t':
			escape[1] = 't';
			return 2;
	}
	if (c >= ' ' && c != 0x7F && !pgt_is_hex(c, quote))
	{
		escape[1] = (char) c;
		return 2;
	}
	escape[1] = 'x';
	escape[2] = digits[c >> 4];
	escape[3] = digits[c & 0xF];
	return 4;
}

#endif							/* PGT_TRACE_ESCAPE_H */
