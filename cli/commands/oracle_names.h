/*
 * oracle_names.h
 *		What Oracle calls things: for convert_oracle.c.
 */
#ifndef PGT_COMMANDS_ORACLE_NAMES_H
#define PGT_COMMANDS_ORACLE_NAMES_H

#include "cli/parse/entry.h"

#define PGT_ORACLE_NAME_LEN	96

/* The nearest of Oracle's wait events; PostgreSQL's own name if there is none */
extern void pgt_oracle_event(const PgtEntryWait *wait,
							 char name[PGT_ORACLE_NAME_LEN]);

/*
 * The number of the nearest of Oracle's errors; the packed SQLSTATE if there
 * is none.
 */
extern int64_t pgt_oracle_error(const PgtEntryError *error);

/*
 * Make $1 in an SQL text :1, where it is a parameter: not in literals, quoted
 * names, and comments.  The length stays.
 */
extern void pgt_oracle_placeholders(char *text, size_t len);

#endif							/* PGT_COMMANDS_ORACLE_NAMES_H */
