/*
 * probes.h
 *		Wait events by eBPF.
 */
#ifndef PGT_PROBES_PROBES_H
#define PGT_PROBES_PROBES_H

#include "bgworker/probes/kinds.h"
#include "extension/guc.h"

/* What the views show. */
typedef struct PgtProbesInfo
{
	enum pgt_probe probe;		/* what a new session would get */
	int			nsites;
	int			nexpensive;		/* sites that the kernel single-steps */
	uint64		ring_size;		/* bytes */
	uint64		ring_max_used;	/* most bytes found in it */
	uint64		drained;		/* events read */
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
 * probes it can be made to run, of those that the setting allows.  Returns NULL
 * on failure, with a reason in error, and a hint or NULL in *hint.  Otherwise
 * error tells why better probes can't be used, or is "".
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
 * Observe the waits of a process.  generation is not 0 and comes back in the
 * events.  Returns false with a reason in error; if it returns true and error
 * isn't "", it says why other probes had to do.
 */
extern bool pgt_probes_attach(PgtProbes *probes, int slot, uint32 generation,
							  const PgtProbedProcess *process,
							  char *error, size_t error_len);

/* Can processes be probed that have no address yet?  probes may be NULL. */
extern bool pgt_probes_follow_pointers(const PgtProbes *probes);

/* The process that is attached to has its address and latch by now. */
extern void pgt_probes_settle(PgtProbes *probes, int slot,
							  const PgtProbedProcess *process);

/*
 * Have the events of this slot say how long the process has waited for a CPU,
 * if the kernel tells.  To be called when it is attached.
 */
extern void pgt_probes_watch_run_queue(PgtProbes *probes, int slot);

/*
 * Have events of this slot tell where the process is, about every millisecond
 * of its CPU time, until pgt_probes_sample_end() or detached.  The first ones
 * stand for before_ns more.  Returns false with a reason in error.
 */
extern bool pgt_probes_sample(PgtProbes *probes, int slot, int pid,
							  uint64 before_ns,
							  char *error, size_t error_len);
extern void pgt_probes_sample_end(PgtProbes *probes, int slot);

/*
 * No events of this slot any more.  The kernel takes some 20 ms to remove
 * the probes; that happens behind the caller's back.
 */
extern void pgt_probes_detach(PgtProbes *probes, int slot);

/*
 * Look which libraries a session has loaded, and observe the waits in them as
 * well.  The callback is told of those that weren't there the last time.
 */
extern void pgt_probes_libraries(PgtProbes *probes, int slot,
								 PgtLibraryCallback callback, void *arg);

/*
 * Exchange sessions' probes, if there have become many sessions or few.  To be
 * called in each round; returns when at the latest, in ms, or -1.
 */
extern long pgt_probes_maintain(PgtProbes *probes);

/* What a session has at present. */
extern enum pgt_probe pgt_probes_of(const PgtProbes *probes, int slot);

/* Why these don't show all waits of the server's own code, NULL if they do. */
extern const char *pgt_probes_problem(const PgtProbes *probes, int slot);

/* A session's counters and current wait; valid until it is detached. */
extern struct pgt_wait_state pgt_probes_state(const PgtProbes *probes,
											  int slot);

/*
 * The end of the events that have begun to be sent by now; and hand those
 * before such an end to the callback.  The latter returns false if it had to
 * stop at one that isn't complete yet.
 */
extern uint64 pgt_probes_ring_end(const PgtProbes *probes);
extern bool pgt_probes_drain(PgtProbes *probes, uint64 end);

/* Hand all starts of waits for locks to their callback. */
extern void pgt_probes_drain_locks(PgtProbes *probes);

extern void pgt_probes_info(const PgtProbes *probes, PgtProbesInfo *info);

/* libbpf's version, e.g. "1.1". */
extern void pgt_probes_libbpf_version(char *buffer, size_t len);

#endif							/* PGT_PROBES_PROBES_H */
