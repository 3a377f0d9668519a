/*
 * tracers.h
 *		All traced processes, by slot.
 */
#ifndef PGT_TRACERS_H
#define PGT_TRACERS_H

#include "bgworker/tracer/tracer.h"

/* [pgt_nsessions]; those that are in use are traced. */
extern PgtTracer *pgt_tracers;

/* Once, before all else. */
extern void pgt_tracers_init(void);

/* The next one in use, or the first one after NULL; NULL if there is none. */
extern PgtTracer *pgt_tracers_next(const PgtTracer *tracer);

/* Is one of them writing the file of that name, without its directory? */
extern bool pgt_tracers_write(const char *name);

/* Callbacks for the probes; see PgtWaitCallback and PgtLockCallback. */
extern void pgt_tracers_wait(void *arg, const struct pgt_wait_event *event);
extern void pgt_tracers_lock_wait(void *arg,
								  const struct pgt_lock_event *event);

/*
 * One that has begun to wait for a lock, to be looked at at once; NULL if
 * there is none left.
 */
extern PgtTracer *pgt_tracers_take_lock_wait(void);

#endif							/* PGT_TRACERS_H */
