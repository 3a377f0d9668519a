/*
 * libraries.h
 *		What changes about a traced process's probes.
 */
#ifndef PGT_TRACER_LIBRARIES_H
#define PGT_TRACER_LIBRARIES_H

#include "bgworker/tracer/tracer.h"

/* The process has told which PGPROC it got. */
extern void pgt_tracer_settle(const PgtTracer *tracer, PgtProbes *probes);

/* Has the process asked to look for libraries that it has loaded? */
extern bool pgt_tracer_wants_libraries(const PgtTracer *tracer);

/*
 * Do so, and tell the process.  It must have been drained, so that the file
 * says it where the process is.
 */
extern void pgt_tracer_libraries(PgtTracer *tracer, PgtProbes *probes);

/* The probes may have been exchanged for others: show that. */
extern void pgt_tracer_show_probe(PgtTracer *tracer, const PgtProbes *probes);

/*
 * Has the process waited without any probe seeing it?  Then say so, once.
 * Returns when to look again, in ms, or -1.
 */
extern long pgt_tracer_look_for_silence(PgtTracer *tracer);

#endif							/* PGT_TRACER_LIBRARIES_H */
