/*
 * parse.h
 *		Reads an entry, once its lines are known: for reader.c.
 */
#ifndef PGT_PARSE_PARSE_H
#define PGT_PARSE_PARSE_H

#include "cli/parse/entry.h"

/* Fill in an entry of which raw is set, and the rest as by pgt_entry_init(). */
extern void pgt_entry_parse(PgtEntry *entry);

/*
 * Is that the first line of an entry with a text below?  *len is that of the
 * text; *has_end: END OF STMT is to follow.
 */
extern bool pgt_entry_text_len(PgtSpan line, uint64_t *len, bool *has_end);

#endif							/* PGT_PARSE_PARSE_H */
