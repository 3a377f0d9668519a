/*
 * patience.h
 *		Bounds the time that PostgreSQL's own code takes in the worker.
 */
#ifndef PGT_TRACER_PATIENCE_H
#define PGT_TRACER_PATIENCE_H

/*
 * Code between these two that checks for interrupts raises an error when it
 * has taken longer than a moment.  Call pgt_patience_end() in any case.
 */
extern void pgt_patience_begin(void);
extern void pgt_patience_end(void);

#endif							/* PGT_TRACER_PATIENCE_H */
