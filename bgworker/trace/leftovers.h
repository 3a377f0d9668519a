/*
 * leftovers.h
 *		Files that an earlier worker has left incomplete.
 */
#ifndef PGT_TRACE_LEFTOVERS_H
#define PGT_TRACE_LEFTOVERS_H

/*
 * Add a last line to each trace file that has none and whose process is gone.
 * Raises no error: what can't be done is logged.
 */
extern void pgt_leftovers_complete(void);

#endif							/* PGT_TRACE_LEFTOVERS_H */
