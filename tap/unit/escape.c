/*
 * escape.c
 *		Tests how text becomes part of a line, with every byte.
 */
#include <stdlib.h>

#include "bgworker/trace/escape.h"
#include "bgworker/trace/grammar.h"
#include "tap/unit/tap.h"

/* What a reader does; returns the length, or -1 if text isn't well-formed. */
static int
undo(const char *text, size_t len, char quote, unsigned char *result)
{
	int			n = 0;

	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = text[i];

		if (c < ' ' || c == 0x7F || (c == (unsigned char) quote && c != 0))
			return -1;
		if (c != '\\')
		{
			result[n++] = c;
			continue;
		}
		if (++i == len)
			return -1;
		c = text[i];
		if (c == 'x')
		{
			char		digits[3] = {text[i + 1], text[i + 2], '\0'};

			result[n++] = strtol(digits, NULL, 16);
			i += 2;
		}
		else
			result[n++] = c == 'n' ? '\n' : c == 'r' ? '\r' :
				c == 't' ? '\t' : c;
	}
	return n;
}

static void
test_bytes(char quote)
{
	bool		same = true;
	int			plain = 0;
	int			escaped = 32 + 2 + (quote != '\0');

	/* quotes of both kinds, and blank and "=" */
	if (quote == PGT_BARE)
		escaped = 32 + 2 + 4;
	else if (quote == PGT_QUOTELESS)
		escaped = 32 + 2 + 2;
	for (int c = 0; c < 256; c++)
	{
		char		escape[PGT_ESCAPE_LEN];
		unsigned char back[PGT_ESCAPE_LEN];
		size_t		len = 1;

		escape[0] = (char) c;
		if (pgt_is_plain(c, quote))
			plain++;
		else
			len = pgt_escape(c, quote, escape);
		same &= undo(escape, len, quote, back) == 1 && back[0] == c;
	}
	ok(same, "each byte comes back, with %d as the quote", quote);
	ok(plain == 256 - escaped, "no others are escaped: %d", plain);
}

static void
escape_is(unsigned char c, char quote, const char *expected)
{
	char		escape[PGT_ESCAPE_LEN + 1];

	escape[pgt_escape(c, quote, escape)] = '\0';
	is(escape, expected, expected);
}

int
main(void)
{
	test_bytes('\'');
	test_bytes('"');
	test_bytes('>');
	test_bytes('\0');
	test_bytes(PGT_BARE);
	test_bytes(PGT_QUOTELESS);
	escape_is('\'', PGT_BARE, "\\x27");
	escape_is('"', PGT_QUOTELESS, "\\x22");
	escape_is(' ', PGT_BARE, "\\x20");
	escape_is('=', PGT_BARE, "\\x3d");
	escape_is('\n', PGT_BARE, "\\n");
	escape_is('\\', PGT_QUOTELESS, "\\\\");
	ok(pgt_is_plain(' ', PGT_QUOTELESS), "a blank between quotes");
	escape_is('\n', '\'', "\\n");
	escape_is('\r', '\'', "\\r");
	escape_is('\t', '\'', "\\t");
	escape_is('\\', '\'', "\\\\");
	escape_is('\'', '\'', "\\'");
	escape_is('\0', '\'', "\\x00");
	escape_is(0x1F, '\'', "\\x1f");
	escape_is(0x7F, '\'', "\\x7f");
	ok(pgt_plain_len("ab'c", 4, '\'') == 2, "plain up to a quote");
	ok(pgt_plain_len("ab'c", 4, '"') == 4, "another quote is plain");
	ok(pgt_plain_len("abc", 2, '"') == 2, "no further than the length");
	ok(pgt_plain_len("\xc3\xa4", 2, '"') == 2, "bytes of UTF-8 are plain");
	is(PGT_FORMAT_VERSION, "2", "the version of the format");
	return done();
}
