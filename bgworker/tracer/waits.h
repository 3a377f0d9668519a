/*
 * waits.h
 *		The waits of one traced process: from events to lines.
 */
#ifndef PGT_TRACER_WAITS_H
#define PGT_TRACER_WAITS_H

#include "bgworker/probes/probes.h"
#include "bgworker/tracer/tracer.h"

/*
 * What the merge calls for a tracer: write what an event of the BPF program
 * tells, in its place among all lines.
 */
extern void pgt_tracer_put_event(void *arg,
								 const struct pgt_wait_event *event);

/*
 * If the process has begun to wait for a lock and still does, find out who is
 * in the way.
 */
extern void pgt_tracer_look_for_blockers(PgtTracer *tracer,
										 const PgtProbes *probes);

/* The probes have been attached: is the process waiting for a lock? */
extern void pgt_tracer_look_at_first_wait(PgtTracer *tracer,
										  const PgtProbes *probes);

/*
 * Note the lock that the process waits for at the edge of its trace, where
 * there is no event that tells.  Returns the state at that time.
 */
extern struct pgt_wait_state pgt_tracer_look_at_lock(PgtTracer *tracer,
													 const PgtProbes *probes);

/*
 * Write what the process has waited for the worker, if that isn't written yet.
 * To be called before whatever else is written, and when a round is over: what
 * is seen of it later is another wait then.
 */
extern void pgt_tracer_put_own_wait(PgtTracer *tracer);

/* The process has waited for its probes, and gone on without. */
extern void pgt_tracer_put_vain_wait(PgtTracer *tracer);

/* A process that has just been forked has stood still, and goes on now. */
extern void pgt_tracer_put_arrival(PgtTracer *tracer, uint64 since_ns);

/* Write the wait that is going on while tracing ends. */
extern void pgt_tracer_put_last_wait(PgtTracer *tracer,
									 const struct pgt_wait_state *last);

/* What the process has waited for the worker, in all and for each reason */
extern void pgt_tracer_note_own_waits(PgtTracer *tracer);

#endif							/* PGT_TRACER_WAITS_H */
