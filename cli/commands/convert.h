/*
 * convert.h
 *		Forms that convert.c can give to a trace: one file each.
 */
#ifndef PGT_COMMANDS_CONVERT_H
#define PGT_COMMANDS_CONVERT_H

#include "cli/source.h"

/* Write an entry to stdout; it is of what the user wants. */
extern void pgt_convert_oracle(const PgtEntry *entry);
extern void pgt_convert_records(const PgtEntry *entry, const char *file);

/* What has no place in Oracle's grammar: lines that were left out */
extern uint64_t pgt_convert_left_out;

#endif							/* PGT_COMMANDS_CONVERT_H */
