/*
 * time.h
 *		Times of a wall clock, as trace files have them.
 */
#ifndef PGT_PARSE_TIME_H
#define PGT_PARSE_TIME_H

#include "cli/parse/span.h"

/*
 * A time at *p, which moves behind it: "2026-11-25T13:43:25.696597+00:00", as
 * well with a blank instead of the T, fewer digits, and Z or nothing instead of
 * the zone.  In us since 1970, UTC; *offset_s is what its zone is ahead of it.
 */
extern bool pgt_take_time(const char **p, const char *end, int64_t *time_us,
						  int *offset_s);

#endif							/* PGT_PARSE_TIME_H */
