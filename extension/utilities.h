/*
 * utilities.h
 *		The utility statements that this process is in.
 */
#ifndef PGT_UTILITIES_H
#define PGT_UTILITIES_H

#include "nodes/plannodes.h"

#include "extension/calls.h"

/*
 * Begin the EXEC of a statement; its hook is at stack.  False if there is no
 * memory, and then there is nothing to be ended.
 */
extern bool pgt_utility_begin(PlannedStmt *statement, const char *string,
							  PgtCursor *cursor, const char *stack);

/*
 * End it, or have the end of the transaction do that if it asks for one.  The
 * statement is no longer looked at, and may be gone.
 */
extern void pgt_utility_end(const PlannedStmt *statement, uint64 rows);

/*
 * If the string is that of the innermost statement, tell which part of it that
 * is.  What runs on its behalf, like the query of CREATE TABLE AS, has the whole
 * string and doesn't know which part of it.
 */
extern bool pgt_utility_find_part(const char *string, int *location, int *len);

#endif							/* PGT_UTILITIES_H */
