/*
 * status.h
 *		What pg_trace_worker shows of the worker.
 */
#ifndef PGT_STATUS_H
#define PGT_STATUS_H

#include "bgworker/probes/probes.h"

/* The worker has started, with these capabilities; or it is about to end. */
extern void pgt_status_started(const char *capabilities);
extern void pgt_status_stopped(void);

/* What the worker is doing, in a word. */
extern void pgt_status_set_state(const char *state);

/* The probes in use, NULL if there are none, and why that is. */
extern void pgt_status_set_probes(const PgtProbes *probes, const char *error);

/* Counters since the worker started; nsessions processes are traced. */
extern void pgt_status_set_counters(const PgtProbes *probes, uint64 hits,
									uint64 lost, int nsessions);

#endif							/* PGT_STATUS_H */
