/*
 * bind_values.h
 *		Statements with their bind values filled in.
 *
 * One for each file that is read.  Memory is that of its cursors, with up to
 * PGT_BIND_VALUES values of each.
 */
#ifndef PGT_COMMANDS_BIND_VALUES_H
#define PGT_COMMANDS_BIND_VALUES_H

#include "cli/model/catalog.h"

#define PGT_BIND_VALUES		64

typedef struct PgtBindValues PgtBindValues;

extern PgtBindValues *pgt_bind_values_create(void);
extern void pgt_bind_values_free(PgtBindValues *values);

/* Take note of BINDS and Bind#. */
extern void pgt_bind_values_note(PgtBindValues *values, const PgtEntry *entry);

/*
 * The text of a call's statement, on one line of at most that many bytes, with
 * the values of its cursor for $1 and so on, and behind it those of variables
 * of PL/pgSQL.  Freed by pg_free().
 */
extern char *pgt_bind_values_fill(PgtBindValues *values, const PgtEntry *entry,
								  const PgtStatement *statement, size_t max);

#endif							/* PGT_COMMANDS_BIND_VALUES_H */
