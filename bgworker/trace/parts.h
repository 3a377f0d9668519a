/*
 * parts.h
 *		What a further part of a long trace has to repeat, and to sum up.
 *
 * For the worker only.
 */
#ifndef PGT_TRACE_PARTS_H
#define PGT_TRACE_PARTS_H

#include "bgworker/trace/attribution.h"

typedef struct PgtParts PgtParts;

/* Memory comes from the current context; errors may be raised for want of it. */
extern PgtParts *pgt_parts_create(void);
extern void pgt_parts_free(PgtParts *parts);

/* Another worker has written the trace up to now, in that part. */
extern void pgt_parts_resume(PgtParts *parts, unsigned part);

/* A record, or a wait, that has got its lines in the current part. */
extern void pgt_parts_record(PgtParts *parts, const PgtRecord *record);
extern void pgt_parts_wait(PgtParts *parts, uint32 cursor, uint64 elapsed_ns);

/* May a part end here?  Not between a line and those that belong to it. */
extern bool pgt_parts_may_end(const PgtParts *parts);

/* The current part has ended, and the one before it is gone. */
extern void pgt_parts_next(PgtParts *parts);

/*
 * Behind the head of a part that begins at time_ns: the sums of what is in
 * parts that are gone, and what the lines that follow rest upon.
 */
extern void pgt_parts_format(PgtParts *parts, PgtFormat *format,
							 uint64 time_ns);

#endif							/* PGT_TRACE_PARTS_H */
