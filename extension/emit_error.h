/*
 * emit_error.h
 *		Sends errors: PARSE ERROR and ERROR.
 */
#ifndef PGT_EMIT_ERROR_H
#define PGT_EMIT_ERROR_H

#include "postgres.h"

/*
 * An error of a cursor's call, or of none if that is 0.  sqlstate is 0 if it
 * isn't known.  False if it can't be sent.
 */
extern bool pgt_emit_error(uint32 cursor, int depth, int sqlstate,
						   bool hide);

/*
 * A text that was not understood, at the current depth.  position is that of
 * what is wrong with it, in characters from 1, or 0.
 */
extern void pgt_emit_parse_error(const char *text, int position, int sqlstate);

#endif							/* PGT_EMIT_ERROR_H */
