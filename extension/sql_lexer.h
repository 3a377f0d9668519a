/*
 * sql_lexer.h
 *		The tokens of SQL text.
 *
 * Needs nothing of the server, so that it can be tested outside one.
 */
#ifndef PGT_SQL_LEXER_H
#define PGT_SQL_LEXER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum PgtTokenType
{
	PGT_TOKEN_END,
	PGT_TOKEN_COMMENT,
	PGT_TOKEN_NAME,				/* an identifier or a keyword */
	PGT_TOKEN_QUOTED_NAME,		/* "..." or U&"..." */
	PGT_TOKEN_STRING,			/* in quotes of any kind, or in dollars */
	PGT_TOKEN_NUMBER,
	PGT_TOKEN_PARAM,			/* $1 */
	PGT_TOKEN_OTHER				/* a byte of an operator, or punctuation */
} PgtTokenType;

/* How the content of a string or name stands for its value */
typedef enum PgtQuoting
{
	PGT_QUOTING_NONE,			/* as it is */
	PGT_QUOTING_DOUBLED,		/* the quote is written twice */
	PGT_QUOTING_ESCAPES,		/* E'...': the same, and backslashes */
	PGT_QUOTING_UNICODE			/* U&'...': the same, and \0041, \+000041 */
} PgtQuoting;

typedef struct PgtToken
{
	PgtTokenType type;
	PgtQuoting	quoting;
	const char *start;
	const char *end;
	const char *content;		/* of comments, names and strings: what the */
	const char *content_end;	/* quotes enclose */
} PgtToken;

typedef struct PgtLexer
{
	const char *p;
	const char *end;
	bool		standard_strings;	/* standard_conforming_strings */
	bool		ambiguous;		/* a string would end elsewhere if that were
								 * the other way round */
	bool		cut_ambiguous;	/* such a string goes on to the end */
} PgtLexer;

/* Begin to read a text of len bytes. */
extern void pgt_lexer_init(PgtLexer *lexer, const char *text, size_t len,
						   bool standard_strings);

/*
 * The next token; white space isn't one.  What is open at the text's end, such
 * as a string, ends there.  All of a text takes time that is linear in its
 * length.
 */
extern void pgt_lexer_next(PgtLexer *lexer, PgtToken *token);

/*
 * The value of a token that has content, and its length: the content itself, or
 * what it stands for, in scratch, which must have as many bytes as the content.
 * Characters that aren't ASCII may come as another such byte.
 */
extern const char *pgt_token_value(const PgtToken *token, char *scratch,
								   size_t *len);

/* Is it this name, in lower case, not in quotes? */
extern bool pgt_token_is(const PgtToken *token, const char *name);

#endif							/* PGT_SQL_LEXER_H */
