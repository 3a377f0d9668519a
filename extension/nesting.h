/*
 * nesting.h
 *		How deep the process is in the calls of the trace, for all that emits
 *		records; calls.c, which is above that, keeps it.
 */
#ifndef PGT_NESTING_H
#define PGT_NESTING_H

/* How many calls this process is in, that is dep= of the next one. */
extern int	pgt_call_depth;

/* Is one of the calls that are entered of a statement that hides its values? */
extern bool pgt_values_hidden;

#endif							/* PGT_NESTING_H */
