/*
 * sql_lexer.c
 *		The tokens of SQL text.
 *
 * Follows PostgreSQL's scanner (scan.l) in what belongs together: strings and
 * what continues them on another line, names, comments that are nested, dollar
 * quotes.  Never looks back, and ahead only over what separates two parts of a
 * string, so that the time is linear in the text's length.  All server
 * encodings have nothing but ASCII characters in the bytes below 0x80, so
 * bytes are as good as characters.
 */
#include <string.h>

#include "extension/sql_lexer.h"

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_newline(char c)
{
	return c == '\n' || c == '\r';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name_start(char c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
		(unsigned char) c >= 0x80;
}

static bool
is_tag(char c)
{
	return is_name_start(c) || is_digit(c);
}

static bool
is_name(char c)
{
	return is_tag(c) || c == '$';
}

/* The byte at p, or one that is in no token */
static char
peek(const PgtLexer *lexer, size_t ahead)
{
	return (size_t) (lexer->end - lexer->p) > ahead ? lexer->p[ahead] : '\0';
}

/* ----------
 * Strings and names in quotes
 * ----------
 */

static const char *
line_end(const char *p, const char *end)
{
	while (p < end && !is_newline(*p))
		p++;
	return p;
}

/*
 * Behind the quote that continues the string which seems to end at p, or
 * NULL: there must be a line's end in between, and nothing but white space and
 * comments up to a line's end.
 */
static const char *
continuation(const char *p, const char *end)
{
	bool		newline = false;

	for (;;)
	{
		while (p < end && is_space(*p))
		{
			newline |= is_newline(*p);
			p++;
		}
		if (end - p < 2 || p[0] != '-' || p[1] != '-')
			break;
		p = line_end(p, end);
		if (p == end)
			return NULL;
	}
	return newline && p < end && *p == '\'' ? p + 1 : NULL;
}

/*
 * The quoted content at lexer->p and what closes it.  bits: 'B' and X'' have
 * no doubled quotes.
 */
static void
read_quoted(PgtLexer *lexer, PgtToken *token, char quote, bool bits)
{
	const char *p = lexer->p;

	token->content = p;
	for (;;)
	{
		const char *more;

		if (token->quoting != PGT_QUOTING_ESCAPES)
		{
			p = memchr(p, quote, lexer->end - p);
			if (p == NULL)
				p = lexer->end;
		}
		while (p < lexer->end && *p != quote)
			p += *p == '\\' && lexer->end - p > 1 ? 2 : 1;
		if (p == lexer->end)
		{
			token->content_end = p;
			break;
		}
		if (!bits && lexer->end - p > 1 && p[1] == quote)
		{
			p += 2;
			continue;
		}
		more = quote == '\'' ? continuation(p + 1, lexer->end) : NULL;
		if (more == NULL)
		{
			token->content_end = p;
			p++;
			break;
		}
		p = more;
	}
	lexer->p = p;
}

/* A string that has no letters in front of it */
static void
read_plain_string(PgtLexer *lexer, PgtToken *token)
{
	token->type = PGT_TOKEN_STRING;
	token->quoting = lexer->standard_strings ?
		PGT_QUOTING_DOUBLED : PGT_QUOTING_ESCAPES;
	lexer->p++;
	read_quoted(lexer, token, '\'', false);
	if (memmem(token->content, lexer->p - token->content, "\\'", 2) != NULL)
	{
		lexer->ambiguous = true;
		if (lexer->cut_ambiguous)
			lexer->p = token->content_end = lexer->end;
	}
}

/* "...", or '...' with skip letters in front of it */
static void
read_prefixed(PgtLexer *lexer, PgtToken *token, PgtQuoting quoting,
			  size_t skip, bool bits)
{
	char		quote = lexer->p[skip];

	token->type = quote == '"' ? PGT_TOKEN_QUOTED_NAME : PGT_TOKEN_STRING;
	token->quoting = quoting;
	lexer->p += skip + 1;
	read_quoted(lexer, token, quote, bits);
}

/* The next place of a tag, which has dollars only at its ends, or NULL */
static const char *
find_tag(const char *p, const char *end, const char *tag, size_t tag_len)
{
	while ((p = memchr(p, '$', end - p)) != NULL &&
		   (size_t) (end - p) >= tag_len)
	{
		if (memcmp(p, tag, tag_len) == 0)
			return p;
		p++;
	}
	return NULL;
}

/*
 * A string in dollar quotes, or a parameter.  Returns false if the dollar is
 * neither.
 */
static bool
read_dollar(PgtLexer *lexer, PgtToken *token)
{
	const char *start = lexer->p;
	const char *p = start + 1;
	const char *close;
	size_t		tag_len;

	if (is_digit(peek(lexer, 1)))
	{
		while (p < lexer->end && is_digit(*p))
			p++;
		token->type = PGT_TOKEN_PARAM;
		lexer->p = p;
		return true;
	}
	while (p < lexer->end && is_tag(*p))
		p++;
	if (p == lexer->end || *p != '$')
		return false;

	tag_len = p + 1 - start;
	token->type = PGT_TOKEN_STRING;
	token->content = p + 1;
	close = find_tag(p + 1, lexer->end, start, tag_len);
	token->content_end = close != NULL ? close : lexer->end;
	lexer->p = close != NULL ? close + tag_len : lexer->end;
	return true;
}

/* ----------
 * Comments, numbers, names
 * ----------
 */

static void
read_line_comment(PgtLexer *lexer, PgtToken *token)
{
	token->type = PGT_TOKEN_COMMENT;
	token->content = lexer->p + 2;
	token->content_end = lexer->p = line_end(lexer->p, lexer->end);
}

static void
read_comment(PgtLexer *lexer, PgtToken *token)
{
	const char *p = lexer->p + 2;
	int			depth = 1;

	token->type = PGT_TOKEN_COMMENT;
	token->content = p;
	token->content_end = lexer->end;
	while (lexer->end - p > 1 && depth > 0)
	{
		if (p[0] == '/' && p[1] == '*')
		{
			depth++;
			p += 2;
		}
		else if (p[0] == '*' && p[1] == '/')
		{
			token->content_end = p;
			depth--;
			p += 2;
		}
		else
			p++;
	}
	if (depth > 0)
		p = token->content_end = lexer->end;
	lexer->p = p;
}

/* Decimal, hexadecimal, with an exponent; not the dots of 1..10 */
static void
read_number(PgtLexer *lexer, PgtToken *token)
{
	bool		decimal = peek(lexer, 0) != '0' || (peek(lexer, 1) | 0x20) != 'x';

	token->type = PGT_TOKEN_NUMBER;
	for (;;)
	{
		char		c = peek(lexer, 0);
		char		next = peek(lexer, 1);

		if (c == '.' && next == '.')
			break;
		if (decimal && (c | 0x20) == 'e' && (next == '+' || next == '-') &&
			is_digit(peek(lexer, 2)))
			lexer->p++;
		else if (c != '.' && !is_tag(c))
			break;
		lexer->p++;
	}
}

/* A name, unless it only leads to a quote: then the string or name in quotes */
static void
read_name(PgtLexer *lexer, PgtToken *token)
{
	char		next = peek(lexer, 1);

	switch (next == '\'' || next == '&' ? lexer->p[0] | 0x20 : 0)
	{
		case 'e':
			if (next == '\'')
			{
				read_prefixed(lexer, token, PGT_QUOTING_ESCAPES, 1, false);
				return;
			}
			break;
		case 'b':
		case 'x':
			if (next == '\'')
			{
				read_prefixed(lexer, token, PGT_QUOTING_NONE, 1, true);
				return;
			}
			break;
		case 'n':
			if (next == '\'')
			{
				lexer->p++;
				read_plain_string(lexer, token);
				return;
			}
			break;
		case 'u':
			if (next == '&' &&
				(peek(lexer, 2) == '\'' || peek(lexer, 2) == '"'))
			{
				read_prefixed(lexer, token, PGT_QUOTING_UNICODE, 2, false);
				return;
			}
			break;
	}
	token->type = PGT_TOKEN_NAME;
	token->content = lexer->p;
	while (lexer->p < lexer->end && is_name(*lexer->p))
		lexer->p++;
	token->content_end = lexer->p;
}

/* ----------
 * Tokens
 * ----------
 */

void
pgt_lexer_init(PgtLexer *lexer, const char *text, size_t len,
			   bool standard_strings)
{
	lexer->p = text;
	lexer->end = text + len;
	lexer->standard_strings = standard_strings;
	lexer->ambiguous = false;
	lexer->cut_ambiguous = false;
}

void
pgt_lexer_next(PgtLexer *lexer, PgtToken *token)
{
	char		c;

	while (lexer->p < lexer->end && is_space(*lexer->p))
		lexer->p++;
	token->start = token->content = token->content_end = lexer->p;
	token->quoting = PGT_QUOTING_NONE;
	c = peek(lexer, 0);

	if (lexer->p == lexer->end)
		token->type = PGT_TOKEN_END;
	else if (is_name_start(c))
		read_name(lexer, token);
	else if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1))))
		read_number(lexer, token);
	else if (c == '\'')
		read_plain_string(lexer, token);
	else if (c == '"')
		read_prefixed(lexer, token, PGT_QUOTING_DOUBLED, 0, false);
	else if (c == '-' && peek(lexer, 1) == '-')
		read_line_comment(lexer, token);
	else if (c == '/' && peek(lexer, 1) == '*')
		read_comment(lexer, token);
	else if (c != '$' || !read_dollar(lexer, token))
	{
		token->type = PGT_TOKEN_OTHER;
		lexer->p++;
	}
	token->end = lexer->p;
}

bool
pgt_token_is(const PgtToken *token, const char *name)
{
	size_t		len = strlen(name);

	if (token->type != PGT_TOKEN_NAME ||
		(size_t) (token->end - token->start) != len)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		char		c = token->start[i];

		if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != name[i])
			return false;
	}
	return true;
}

/* ----------
 * Values
 * ----------
 */

/*
 * The number that up to max digits of this base at *p are; *p is behind them.
 * Returns it as one byte, in which all but ASCII characters are the same.
 */
static char
read_code(const char **p, const char *end, int base, int max)
{
	unsigned int code = 0;

	for (; max > 0 && *p < end; max--, (*p)++)
	{
		char		c = **p;
		int			digit = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;

		if (digit < 0 || digit >= base || (!is_digit(c) && digit < 10))
			break;
		code = code * base + digit;
	}
	return code < 0x80 ? (char) code : (char) 0xff;
}

/* What the escape sequence at *p, behind the backslash, stands for */
static char
read_escape(const char **p, const char *end, PgtQuoting quoting)
{
	char		c = *(*p)++;

	if (quoting == PGT_QUOTING_UNICODE)
	{
		if (c == '+')
			return read_code(p, end, 16, 6);
		(*p)--;
		if (c == '\\')
			return *(*p)++;
		return read_code(p, end, 16, 4);
	}
	switch (c)
	{
		case 'x':
			return read_code(p, end, 16, 2);
		case 'u':
			return read_code(p, end, 16, 4);
		case 'U':
			return read_code(p, end, 16, 8);
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		case 'b':
			return '\b';
		case 'f':
			return '\f';
	}
	if (c < '0' || c > '7')
		return c;
	(*p)--;
	return read_code(p, end, 8, 3);
}

const char *
pgt_token_value(const PgtToken *token, char *scratch, size_t *len)
{
	char		quote = token->type == PGT_TOKEN_QUOTED_NAME ? '"' : '\'';
	size_t		content_len = token->content_end - token->content;
	const char *p = token->content;
	const char *end = token->content_end;
	char	   *out = scratch;

	*len = content_len;
	if (token->quoting == PGT_QUOTING_NONE ||
		(memchr(p, quote, content_len) == NULL &&
		 (token->quoting == PGT_QUOTING_DOUBLED ||
		  memchr(p, '\\', content_len) == NULL)))
		return p;

	while (p < end)
	{
		char		c = *p++;

		if (c == quote)
		{
			if (p < end && *p == quote)
				p++;
			else
			{
				/* the string goes on behind another quote */
				p = continuation(p, end);
				if (p == NULL)
					break;
				continue;
			}
		}
		else if (c == '\\' && token->quoting != PGT_QUOTING_DOUBLED && p < end)
			c = read_escape(&p, end, token->quoting);
		*out++ = c;
	}
	*len = out - scratch;
	return scratch;
}
