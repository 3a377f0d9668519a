/*
 * traces.h
 *		The traces that are being written, from their begin to their end.
 *
 * For the worker only.
 */
#ifndef PGT_TRACES_H
#define PGT_TRACES_H

#include "bgworker/probes/probes.h"

/* Once, before all else. */
extern void pgt_traces_init(void);

/* The probes for new traces, NULL if there are none, and why that is. */
extern void pgt_traces_use(PgtProbes *new_probes, const char *error);

/* Callbacks for the probes; see PgtWaitCallback and PgtLockCallback. */
extern void pgt_traces_wait(void *arg, const struct pgt_wait_event *event);
extern void pgt_traces_lock_wait(void *arg,
								 const struct pgt_lock_event *event);

/* Who is in the way of those that have begun to wait for a lock? */
extern void pgt_traces_look_for_blockers(void);

/* Begin the traces that sessions ask for, and note which are to end. */
extern void pgt_traces_handle_requests(void);

/* Continue what an earlier worker process has left active. */
extern void pgt_traces_resume(void);

/*
 * Drain the ring buffer and the queues until nothing is kept back, then write.
 * Returns the number of events, above 0 also if there are more to come.
 */
extern int	pgt_traces_drain(void);
extern bool pgt_traces_are_drained(void);

/* Note which traced processes have ended. */
extern void pgt_traces_look_for_ended(void);

/* End the traces that are over; returns how many still have to wait. */
extern int	pgt_traces_end(void);

/* End all. */
extern void pgt_traces_stop(void);

/*
 * Do what is due while traces go on: exchange probes, RUNNING lines, samples.
 * Returns when to do so again, in ms; -1 if there is no need.
 */
extern long pgt_traces_follow(void);

extern void pgt_traces_show_counters(void);

/* Is there any?  Leave them to the next worker. */
extern bool pgt_traces_any(void);
extern void pgt_traces_leave(void);

#endif							/* PGT_TRACES_H */
