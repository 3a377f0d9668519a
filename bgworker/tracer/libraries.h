/*
 * libraries.h
 *		The libraries that a traced process has loaded.
 */
#ifndef PGT_TRACER_LIBRARIES_H
#define PGT_TRACER_LIBRARIES_H

#include "bgworker/probes/probes.h"
#include "bgworker/tracer/tracer.h"

/* Has the process asked to look for libraries that it has loaded? */
extern bool pgt_tracer_wants_libraries(const PgtTracer *tracer);

/*
 * Do so, and tell the process.  It must have been drained, so that the file
 * says it where the process is.
 */
extern void pgt_tracer_libraries(PgtTracer *tracer, PgtProbes *probes);

#endif							/* PGT_TRACER_LIBRARIES_H */
