/*
 * arrivals.h
 *		Begins the traces of parallel workers that have just been forked.
 */
#ifndef PGT_ARRIVALS_H
#define PGT_ARRIVALS_H

/*
 * Take a session's slot for each process that waits to be traced, and let it
 * go on when its trace has begun.  possible: can such processes be traced now?
 */
extern void pgt_arrivals_handle(bool possible);

#endif							/* PGT_ARRIVALS_H */
