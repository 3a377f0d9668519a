/*
 * redact_sql.h
 *		What is hidden of a statement's text.
 *
 * Needs nothing of the server, so that it can be tested outside one.
 */
#ifndef PGT_REDACT_SQL_H
#define PGT_REDACT_SQL_H

#include "extension/secret_names.h"

/* What is known of a text, from much to little */
typedef enum PgtRedactMode
{
	PGT_REDACT_STATEMENT,		/* a statement that this session has parsed */
	PGT_REDACT_FOREIGN,			/* what another session runs */
	PGT_REDACT_FAILED,			/* it was parsed, but its analysis failed */
	PGT_REDACT_UNPARSED			/* its quotes may be anywhere */
} PgtRedactMode;

typedef struct PgtSqlRedaction
{
	/* from the caller */
	const PgtSecretNames *names;
	PgtRedactMode mode;
	bool		standard_strings;	/* standard_conforming_strings */
	bool		harmless;		/* the parse tree has no secret */
	char	   *scratch;		/* as many bytes as the text */

	/* true already if the parse tree has one; from pgt_redact_sql_look() */
	bool		sensitive;		/* its constants are to be hidden */
	bool		comments;		/* some comments are */

	/* not the caller's */
	bool		ambiguous;
	bool		other_language;
} PgtSqlRedaction;

/*
 * Find out what is to be hidden; returns whether anything is.  Takes time that
 * is linear in the text's length.
 */
extern bool pgt_redact_sql_look(PgtSqlRedaction *redaction,
								const char *text, size_t len);

/*
 * Write the text without what is to be hidden.  Returns its length, of at most
 * four times the text's and some bytes; out may be NULL.
 */
extern size_t pgt_redact_sql_write(const PgtSqlRedaction *redaction,
								   const char *text, size_t len, char *out);

#endif							/* PGT_REDACT_SQL_H */
