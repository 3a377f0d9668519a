/*
 * statement.h
 *		Which statement is it that a hook is called for?
 */
#ifndef PGT_STATEMENT_H
#define PGT_STATEMENT_H

#include "extension/cursor.h"

/* A statement of that string has been analyzed. */
extern void pgt_statement_note_analyzed(const char *string, const Query *query);

/*
 * The cursor of a statement at the current depth.  Parameters and result are
 * those of pgt_cursor_get(), as the hook has them.
 */
extern PgtCursor *pgt_statement_cursor(const char *string, int location,
									   int len, uint32 command,
									   uint64 queryid,
									   const PlannedStmt *plan,
									   const Node *utility);

#endif							/* PGT_STATEMENT_H */
