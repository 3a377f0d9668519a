/*
 * sampling.h
 *		When a traced process is sampled.
 */
#ifndef PGT_TRACER_SAMPLING_H
#define PGT_TRACER_SAMPLING_H

#include "bgworker/probes/probes.h"
#include "bgworker/tracer/tracer.h"

/*
 * A trace begins, and the probes are attached: will it be possible to sample
 * the process?  If not, the file says so.
 */
extern void pgt_sampling_try(PgtTracer *tracer, PgtProbes *probes);

/*
 * Begin or end to sample the process, by what is known of it at now_ns, the
 * time of the last round.  Returns in how many ms it is to be looked at again
 * at the latest, or -1.
 */
extern long pgt_sampling_follow(PgtTracer *tracer, PgtProbes *probes,
								uint64 now_ns);

#endif							/* PGT_TRACER_SAMPLING_H */
