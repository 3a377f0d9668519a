/*
 * activity.h
 *		What a traced process is doing that its trace has no line of yet.
 */
#ifndef PGT_TRACER_ACTIVITY_H
#define PGT_TRACER_ACTIVITY_H

#include "bgworker/probes/probes.h"
#include "bgworker/tracer/tracer.h"

/*
 * Look what a process is doing.  Returns false if it is idle, or not known.
 * If a statement is running, the process learns that its calls are nested in
 * it; so this comes before its hooks send anything.
 */
extern bool pgt_activity_look(PgtTracer *tracer, PgtActivity *activity);

/* Once its waits are observed: write what was found, if it is still true. */
extern void pgt_activity_show(PgtTracer *tracer, const PgtActivity *activity,
							  uint64 begin_ns);

/* What it waits for while tracing begins */
extern void pgt_activity_show_wait(PgtTracer *tracer);

/*
 * Write the RUNNING line if it is due at now_ns; all before is written.
 * Returns when the next one will be, in ms; -1 if none will.
 */
extern long pgt_activity_follow(PgtTracer *tracer, const PgtProbes *probes,
								uint64 now_ns);

/* If the statement that pgt_activity_show() has written is over, note that. */
extern void pgt_activity_check(PgtTracer *tracer);

#endif							/* PGT_TRACER_ACTIVITY_H */
