/*
 * next_part.h
 *		The further parts of a trace that is too long for one file.
 */
#ifndef PGT_TRACER_NEXT_PART_H
#define PGT_TRACER_NEXT_PART_H

#include "bgworker/tracer/tracer.h"

/*
 * Before the next line, which is of time_ns and has so many bytes at the most:
 * begin another part if this one is full.
 */
extern void pgt_next_part_if_full(PgtTracer *tracer, uint64 bytes,
								  uint64 time_ns);

#endif							/* PGT_TRACER_NEXT_PART_H */
