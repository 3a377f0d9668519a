/*
 * sampler.h
 *		Where a traced process uses its CPU time.
 */
#ifndef PGT_PROBES_SAMPLER_H
#define PGT_PROBES_SAMPLER_H

#include "bgworker/probes/kinds.h"

/*
 * Have events of this slot, which is attached, tell where the process is,
 * about every millisecond of its CPU time, until pgt_probes_sample_end() or
 * detached.  The first ones stand for before_ns more.  Returns false with a
 * reason in error.
 */
extern bool pgt_probes_sample(PgtProbes *probes, int slot, int pid,
							  uint64 before_ns,
							  char *error, size_t error_len);
extern void pgt_probes_sample_end(PgtProbes *probes, int slot);

#endif							/* PGT_PROBES_SAMPLER_H */
