/*
 * rounds.h
 *		Drains what has come of all traces into their files, in rounds.
 */
#ifndef PGT_ROUNDS_H
#define PGT_ROUNDS_H

#include "bgworker/probes/probes.h"
#include "bgworker/tracer/tracer.h"

/* The probes that send waits, NULL if there are none */
extern void pgt_rounds_use(PgtProbes *new_probes);

/* Who is in the way of those that have begun to wait for a lock? */
extern void pgt_rounds_look_for_blockers(void);

/*
 * Drain the ring buffer and the queues until nothing is kept back, then write.
 * Returns the number of events, above 0 also if there are more to come.
 */
extern int	pgt_rounds_drain(void);

/*
 * Write what there is of the traces whose probes are detached, and with it what
 * there is of all others.
 */
extern void pgt_rounds_drain_last(void);

/* A time before which all is in the traces' files */
extern uint64 pgt_rounds_drained_ns(void);

/* Is there nothing in any queue? */
extern bool pgt_rounds_are_done(void);

#endif							/* PGT_ROUNDS_H */
