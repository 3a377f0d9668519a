/*
 * probes.h
 *		Wait events by eBPF.
 */
#ifndef PGT_PROBES_H
#define PGT_PROBES_H

#include "bpf/pg_trace.h"

typedef struct PgtProbes PgtProbes;

/* What the views show. */
typedef struct PgtProbesInfo
{
	int			nsites;
	int			nexpensive;		/* sites that the kernel single-steps */
	uint64		ring_size;		/* bytes */
	uint64		ring_max_used;	/* most bytes read in one drain */
	uint64		drained;		/* events read */
} PgtProbesInfo;

/*
 * Receives each wait event, in the order in which the kernel has them; if it
 * has a target, it is the beginning of a pgt_target_event.  A result other
 * than 0 ends the drain after this event.  Must not raise an error: libbpf is
 * on the stack.
 */
typedef int (*PgtWaitCallback) (void *arg,
								const struct pgt_wait_event *event);

/* Receives the starts of waits for locks.  No errors either. */
typedef void (*PgtLockCallback) (void *arg,
								 const struct pgt_lock_event *event);

/*
 * Find the probe sites of the running server and load the BPF program, for
 * sessions 0 to nslots - 1.  ring_size is in bytes, a power of two.  Returns
 * NULL on failure, with a reason in error, and a hint or NULL in *hint.
 */
extern PgtProbes *pgt_probes_open(int nslots, Size ring_size,
								  PgtWaitCallback callback,
								  PgtLockCallback lock_callback, void *arg,
								  char *error, size_t error_len,
								  const char **hint);

/* Detach everything and free it.  NULL is legal. */
extern void pgt_probes_close(PgtProbes *probes);

/* Becomes readable when there are events.  Owned by probes. */
extern int	pgt_probes_fd(const PgtProbes *probes);

/* Becomes readable when a wait for a lock starts.  Owned by probes. */
extern int	pgt_probes_lock_fd(const PgtProbes *probes);

/*
 * Observe the waits of process pid, whose wait_event_info word is at address
 * in its memory.  generation is not 0 and comes back in the events.  Returns
 * false with a reason in error.
 */
extern bool pgt_probes_attach(PgtProbes *probes, int slot, uint32 generation,
							  int pid, const void *address,
							  char *error, size_t error_len);

/*
 * Have the events of this slot say how long the process has waited for a CPU.
 * To be called when it is attached.  Returns false with a reason in error.
 */
extern bool pgt_probes_watch_run_queue(PgtProbes *probes, int slot,
									   char *error, size_t error_len);

/*
 * No events of this slot any more.  The kernel takes some 20 ms to remove
 * the probes; that happens behind the caller's back.
 */
extern void pgt_probes_detach(PgtProbes *probes, int slot);

/* A session's counters and current wait; valid until it is detached. */
extern struct pgt_wait_state pgt_probes_state(const PgtProbes *probes,
											  int slot);

/* Hand all events that are there to the callback, unless it ends that. */
extern void pgt_probes_drain(PgtProbes *probes);

/* Hand all starts of waits for locks to their callback. */
extern void pgt_probes_drain_locks(PgtProbes *probes);

extern void pgt_probes_info(const PgtProbes *probes, PgtProbesInfo *info);

/* libbpf's version, e.g. "1.1". */
extern void pgt_probes_libbpf_version(char *buffer, size_t len);

#endif							/* PGT_PROBES_H */
