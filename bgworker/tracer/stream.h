/*
 * stream.h
 *		The two streams of one traced process, drained into its file.
 */
#ifndef PGT_TRACER_STREAM_H
#define PGT_TRACER_STREAM_H

#include "bgworker/probes/probes.h"
#include "bgworker/tracer/tracer.h"

/* Note how far the queue is filled; before the ring buffer is drained. */
extern void pgt_tracer_note(PgtTracer *tracer);

/* Waits that come before the records noted aren't there in this round. */
extern void pgt_tracer_misses_waits(PgtTracer *tracer);

/*
 * Format what can be put in order now; see pgt_merge_run().  Returns the
 * number of events, and sets *held if there are more to come soon.
 */
extern int	pgt_tracer_drain(PgtTracer *tracer, PgtProbes *probes,
							 uint64 safe_ns, bool *held);

/* Is nothing left to be formatted of what was there at the last round? */
extern bool pgt_tracer_is_drained(const PgtTracer *tracer);

/* Keep the BPF program's counters. */
extern void pgt_tracer_note_counters(PgtTracer *tracer,
									 struct pgt_wait_state state);

#endif							/* PGT_TRACER_STREAM_H */
