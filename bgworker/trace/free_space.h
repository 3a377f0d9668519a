/*
 * free_space.h
 *		Is there enough space on the disk to go on tracing?
 *
 * For the worker only.
 */
#ifndef PGT_TRACE_FREE_SPACE_H
#define PGT_TRACE_FREE_SPACE_H

#define PGT_FREE_SPACE_REASON "less than pg_trace.min_free_space is free"

/*
 * Is less than pg_trace.min_free_space free where the trace files or the data
 * directory are?  Then nothing is to be written.  It looks once a second, and
 * the log says when the answer changes.
 */
extern bool pgt_free_space_is_short(void);

#endif							/* PGT_TRACE_FREE_SPACE_H */
