/*
 * probed.h
 *		The probes of one traced process.
 */
#ifndef PGT_TRACER_PROBED_H
#define PGT_TRACER_PROBED_H

#include "bgworker/probes/probes.h"
#include "bgworker/tracer/tracer.h"

/*
 * Have the process's waits traced, or the file say why they aren't.  probes is
 * NULL if that can't be, for the reason in probe_error.
 */
extern void pgt_tracer_attach(PgtTracer *tracer, PgtProbes *probes,
							  const char *probe_error);

/* The process has told which PGPROC it got. */
extern void pgt_tracer_settle(const PgtTracer *tracer, PgtProbes *probes);

/* The probes may have been exchanged for others: show that. */
extern void pgt_tracer_show_probe(PgtTracer *tracer, const PgtProbes *probes);

#endif							/* PGT_TRACER_PROBED_H */
