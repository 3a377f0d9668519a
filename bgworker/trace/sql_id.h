/*
 * sql_id.h
 *		A query identifier as sqlid= has it.
 *
 * As in Oracle's files: 64 bits in base 32, of which the lowest 32 are hv=.
 *
 * Needs nothing of PostgreSQL, since readers have to undo it.
 */
#ifndef PGT_TRACE_SQL_ID_H
#define PGT_TRACE_SQL_ID_H

#include <stdint.h>

/* Without a terminator */
#define PGT_SQL_ID_LEN	13

static inline void
pgt_sql_id(uint64_t id, char text[PGT_SQL_ID_LEN])
{
	/* no letters that look like digits, and no e */
	static const char digits[] = "0123456789abcdfghjkmnpqrstuvwxyz";

	for (int i = PGT_SQL_ID_LEN - 1; i >= 0; i--)
	{
		text[i] = digits[id & 31];
		id >>= 5;
	}
}

#endif							/* PGT_TRACE_SQL_ID_H */
