/*
 * keys.h
 *		What a profile can be by: --by.
 */
#ifndef PGT_COMMANDS_KEYS_H
#define PGT_COMMANDS_KEYS_H

#include "cli/model/catalog.h"
#include "cli/model/session.h"

/* Where the key of a time is to be found */
typedef enum PgtKeyLevel
{
	PGT_KEY_OF_EVENT,			/* the wait event: the plain profile */
	PGT_KEY_OF_WAIT,			/* in the WAIT line; what isn't waited for has
								 * none */
	PGT_KEY_OF_CALL,			/* in the call, or what is known of its
								 * execution */
	PGT_KEY_OF_SESSION			/* in what the session is called, and when */
} PgtKeyLevel;

typedef struct PgtKey
{
	const char *name;			/* as in --by */
	const char *title;			/* of the column */
	PgtKeyLevel level;

	/*
	 * Put the key of a WAIT, or of a line of a call, or of any line, into
	 * text; its length, or -1 if it has none.  statement is its statement.
	 */
	int			(*make) (const struct PgtKey *key, const PgtEntry *entry,
						 const PgtStatement *statement,
						 const PgtSession *session, char *text, int size);
	const char *field;			/* of a key that is any field */
	PgtSessionFact fact;		/* of a key that is one */
} PgtKey;

#define PGT_KEY_LEN		512

/* The key of that name; any field's if there is none.  NULL: no name at all */
extern const PgtKey *pgt_key_find(const char *name);

/* The names, for --help */
extern const char *pgt_key_names(void);

#endif							/* PGT_COMMANDS_KEYS_H */
