/*
 * kinds.h
 *		What all that deals with probes has in common.
 *
 * Kinds of probes are enum pgt_probe (bpf/pg_trace.h), what the BPF program
 * is made to run by.  Here are their names, what is said to the probes of a
 * process, and what they say to the worker.
 */
#ifndef PGT_PROBES_KINDS_H
#define PGT_PROBES_KINDS_H

#include "storage/latch.h"

#include "bpf/pg_trace.h"

/* The worker's probes, of which there is one set */
typedef struct PgtProbes PgtProbes;

/* A process whose waits are to be observed. */
typedef struct PgtProbedProcess
{
	int			pid;
	const void *address;		/* of its wait_event_info, in its memory */
	const void *pointer;		/* NULL; or of the pointer to that, which will
								 * lead to another place soon */
	Latch	   *latch;			/* to wake it by, if it has one */
	bool		bare;			/* has the postmaster's libraries only */
} PgtProbedProcess;

/*
 * Receives each wait event, in the order in which the kernel has them; if it
 * has a target, it is the beginning of a pgt_target_event.  Must not raise an
 * error.
 */
typedef void (*PgtWaitCallback) (void *arg,
								 const struct pgt_wait_event *event);

/* Receives the starts of waits for locks.  No errors either. */
typedef void (*PgtLockCallback) (void *arg,
								 const struct pgt_lock_event *event);

/*
 * Told of each library that is newly seen to report waits: they are traced
 * from now on, or else there is a problem.
 */
typedef void (*PgtLibraryCallback) (void *arg, const char *name,
									const char *problem);

/* What a kind is called in the views and in pg_trace.debug_failing_probes. */
extern const char *pgt_probe_name(enum pgt_probe probe);

/* Has this kind links that are for all processes? */
extern bool pgt_probe_is_common(enum pgt_probe probe);

#endif							/* PGT_PROBES_KINDS_H */
