/*
 * silence.h
 *		Probes that don't fire.
 */
#ifndef PGT_TRACER_SILENCE_H
#define PGT_TRACER_SILENCE_H

#include "bgworker/tracer/tracer.h"

/*
 * Has the process waited without any probe seeing it?  Then say so, once.
 * Returns when to look again, in ms, or -1.
 */
extern long pgt_tracer_look_for_silence(PgtTracer *tracer);

#endif							/* PGT_TRACER_SILENCE_H */
