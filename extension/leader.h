/*
 * leader.h
 *		The utility statement that parallel workers work for.
 */
#ifndef PGT_LEADER_H
#define PGT_LEADER_H

#include "extension/cursor.h"

/* In a leader: this is what parallel workers work for now; NULL: nothing. */
extern void pgt_leader_show(const PgtCursor *cursor);

/*
 * In a parallel worker that has its leader's settings: the statement's cursor in
 * this process's trace, or NULL if it is no utility statement's.
 */
extern PgtCursor *pgt_leader_statement(void);

#endif							/* PGT_LEADER_H */
