/*
 * traces.h
 *		The traces that are being written, from their begin to their end.
 *
 * For the worker only.
 */
#ifndef PGT_TRACES_H
#define PGT_TRACES_H

#include "bgworker/probes/probes.h"

/* The probes for new traces, NULL if there are none, and why that is. */
extern void pgt_traces_use(PgtProbes *new_probes, const char *error);

/* Begin the trace that is asked for in a slot, or refuse it. */
extern void pgt_traces_begin(int slot);

/* Begin the traces that sessions ask for, and note which are to end. */
extern void pgt_traces_handle_requests(void);

/* Continue what an earlier worker process has left active. */
extern void pgt_traces_resume(void);

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
