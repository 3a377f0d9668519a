/*
 * run_queue_line.h
 *		Lines that say how long a process was ready to run and had no CPU.
 */
#ifndef PGT_TRACE_RUN_QUEUE_LINE_H
#define PGT_TRACE_RUN_QUEUE_LINE_H

#include "bgworker/trace/attribution.h"

/*
 * Until time_ns, the process has spent run_delay_ns in the run queue in all;
 * 0 is unknown.  What isn't in the file of that gets a line,
 * unless it can't have been since the last wait.
 */
extern void pgt_format_run_queue(PgtFormat *format, uint64 run_delay_ns,
								 uint64 time_ns);

/*
 * The same, and a call may turn out to have begun at boundary_ns, before that:
 * two lines.
 */
extern void pgt_format_run_queue_around(PgtFormat *format, uint64 run_delay_ns,
										uint64 boundary_ns, uint64 time_ns);

/* The same, but it is contained in the last wait's ela. */
extern void pgt_format_run_queue_in_wait(PgtFormat *format,
										 uint64 run_delay_ns);

/*
 * The same at the boundary of a call, if the record tells; to be called before
 * pgt_format_begin_call() and pgt_format_end_call().
 */
extern void pgt_format_run_queue_before(PgtFormat *format,
										const PgtBeginRecord *record);
extern void pgt_format_run_queue_of(PgtFormat *format,
									const PgtEndRecord *record);

/* The CPU time of a call that ends: less than its process knows, perhaps */
extern uint64 pgt_format_cpu_of(const PgtFormat *format,
								const PgtEndRecord *record);

#endif							/* PGT_TRACE_RUN_QUEUE_LINE_H */
