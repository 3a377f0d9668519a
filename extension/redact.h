/*
 * redact.h
 *		Keeps passwords and the like out of the trace.
 *
 * The functions that return a text return it without what is secret, palloc'd,
 * with its length in *len; or NULL if there is nothing to hide, which is the
 * usual case.  None raises an error; where memory is short, the result is
 * empty.  Their time is linear in the text's length.
 */
#ifndef PGT_REDACT_H
#define PGT_REDACT_H

#include "nodes/nodes.h"

/* standard_conforming_strings of this session */
extern bool pgt_strings_are_standard(void);

/* The setting's value, which has been checked */
extern void pgt_redact_set_names(const char *list);

/*
 * A statement of this session: its text, and its parse tree if it is a utility
 * statement.  Its constants are hidden, too, if it is nested in a statement
 * whose constants are.  *hides_values is set if it is by itself one whose binds
 * have to be hidden.
 */
extern char *pgt_redact(const char *text, Size *len, const Node *utility,
						bool nested_in_secret, bool *hides_values);

/* The text of a statement that failed before it was executed */
extern char *pgt_redact_failed(const char *text, Size *len, bool parsed,
							   bool nested_in_secret);

/* The text of what another session executes */
extern char *pgt_redact_foreign(const char *text, Size *len);

/* Has this value, a bind or a session's identifier, to be hidden? */
extern bool pgt_redact_value(const char *value, Size len);

#endif							/* PGT_REDACT_H */
