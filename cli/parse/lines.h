/*
 * lines.h
 *		The kinds of lines, for parse.c only.
 *
 * Each function reads what stands between p, right behind the keyword, and end,
 * which is before the line end of the entry's first line.
 */
#ifndef PGT_PARSE_LINES_H
#define PGT_PARSE_LINES_H

#include "cli/parse/entry.h"

extern void pgt_parse_call(PgtEntry *entry, const char *p, const char *end);
extern void pgt_parse_lob(PgtEntry *entry, const char *p, const char *end);
extern void pgt_parse_wait(PgtEntry *entry, const char *p, const char *end);
extern void pgt_parse_cursor(PgtEntry *entry, const char *p, const char *end);
extern void pgt_parse_bind(PgtEntry *entry, const char *p, const char *end);
extern void pgt_parse_stat(PgtEntry *entry, const char *p, const char *end);
extern void pgt_parse_xctend(PgtEntry *entry, const char *p, const char *end);
extern void pgt_parse_error(PgtEntry *entry, const char *p, const char *end);

/* stars.c: finds out the kind as well */
extern void pgt_parse_stars(PgtEntry *entry, const char *p, const char *end);

/* Is there such a beginning at *p?  It moves behind it then. */
static inline bool
take_text_at(const char **p, const char *end, const char *text, size_t len)
{
	if ((size_t) (end - *p) < len || memcmp(*p, text, len) != 0)
		return false;
	*p += len;
	return true;
}

#define TAKE(p, end, literal) \
	take_text_at(p, end, literal, sizeof(literal) - 1)

#endif							/* PGT_PARSE_LINES_H */
