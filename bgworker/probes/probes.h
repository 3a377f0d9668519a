/*
 * probes.h
 *		Wait events by eBPF.
 *
 * What the rest of the worker includes: it brings along what can be done with
 * the probes of one process (strategy.h, sampler.h).
 */
#ifndef PGT_PROBES_PROBES_H
#define PGT_PROBES_PROBES_H

#include "bgworker/probes/kinds.h"
#include "bgworker/probes/sampler.h"
#include "bgworker/probes/strategy.h"
#include "extension/guc.h"

/* What the views show. */
typedef struct PgtProbesInfo
{
	enum pgt_probe probe;		/* what a new session would get */
	int			nsites;
	int			nexpensive;		/* sites that the kernel single-steps */
	uint64		ring_size;		/* bytes */
	uint64		ring_max_used;	/* most bytes found in it */
	uint64		drained;		/* events read that aren't samples */
} PgtProbesInfo;

typedef struct PgtProbesOptions
{
	PgtWaitProbe setting;		/* which probes may be used; not off */
	int			nslots;
	Size		ring_size;		/* bytes, a power of two */
	PgtWaitCallback callback;
	PgtLockCallback lock_callback;
	void	   *arg;			/* of both */
} PgtProbesOptions;

/*
 * Load the BPF program for sessions 0 to nslots - 1 and find out by which
 * probes it can be made to run, of those that the setting allows.  Returns
 * NULL on failure, with a reason in error, and a hint or NULL in *hint.
 * Otherwise error tells why better probes can't be used, or is "".
 */
extern PgtProbes *pgt_probes_open(const PgtProbesOptions *options,
								  char *error, size_t error_len,
								  const char **hint);

/* Detach everything and free it.  NULL is legal. */
extern void pgt_probes_close(PgtProbes *probes);

/* Becomes readable when there are events.  Owned by probes. */
extern int	pgt_probes_fd(const PgtProbes *probes);

/* Becomes readable when a wait for a lock starts.  Owned by probes. */
extern int	pgt_probes_lock_fd(const PgtProbes *probes);

/*
 * Have the events of this slot say how long the process has waited for a CPU,
 * if the kernel tells.  To be called when it is attached.
 */
extern void pgt_probes_watch_cpu(PgtProbes *probes, int slot);

/*
 * Exchange sessions' probes, if there have become many sessions or few.  To be
 * called in each round; returns when at the latest, in ms, or -1.
 */
extern long pgt_probes_maintain(PgtProbes *probes);

/* A session's counters and current wait; valid until it is detached. */
extern struct pgt_wait_state pgt_probes_state(const PgtProbes *probes,
											  int slot);

/* The end of the events for which room has been reserved by now */
extern uint64 pgt_probes_ring_end(const PgtProbes *probes);

/*
 * Hand the events before end, which pgt_probes_ring_end() has returned, to the
 * callback; none behind it, even if there are.  Returns false if that ended
 * earlier, at an event that is still being written: those behind it, whosever
 * they are, come when the caller tries again.
 */
extern bool pgt_probes_drain(PgtProbes *probes, uint64 end);

/*
 * Hand the starts of waits for locks to their callback.  Those from one on
 * that is still being written are left; when it has been, pgt_probes_lock_fd()
 * becomes readable.
 */
extern void pgt_probes_drain_locks(PgtProbes *probes);

extern void pgt_probes_info(const PgtProbes *probes, PgtProbesInfo *info);

/* libbpf's version, e.g. "1.1". */
extern void pgt_probes_libbpf_version(char *buffer, size_t len);

#endif							/* PGT_PROBES_PROBES_H */
