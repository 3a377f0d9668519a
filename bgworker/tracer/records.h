/*
 * records.h
 *		The records of one traced process: from the queue to lines.
 */
#ifndef PGT_TRACER_RECORDS_H
#define PGT_TRACER_RECORDS_H

#include "bgworker/tracer/tracer.h"

/*
 * What the merge calls for a tracer: write a record in its place among all
 * lines; the text that is being written ends left bytes short; what the queue
 * held is no record.
 */
extern void pgt_tracer_put_record(void *arg, const PgtRecord *record);
extern void pgt_tracer_text_missing(void *arg, uint64 left);
extern void pgt_tracer_queue_corrupt(void *arg);

/* The text that is being written ends here, left bytes short. */
extern void pgt_tracer_break_text(PgtTracer *tracer, uint64 left);

/* The rest of the text that is being sent won't come any more. */
extern void pgt_tracer_give_up_text(PgtTracer *tracer);

#endif							/* PGT_TRACER_RECORDS_H */
