/*
 * strategy.h
 *		Which probes a traced process gets.
 *
 * Slots are those of the BPF program's array of states.
 */
#ifndef PGT_PROBES_STRATEGY_H
#define PGT_PROBES_STRATEGY_H

#include "bgworker/probes/kinds.h"

/*
 * Observe the waits of a process.  generation is not 0 and comes back in the
 * events.  Returns false with a reason in error; if it returns true and error
 * isn't "", it says why other probes had to do.
 */
extern bool pgt_probes_attach(PgtProbes *probes, int slot, uint32 generation,
							  const PgtProbedProcess *process,
							  char *error, size_t error_len);

/* So many processes are going to be attached to now. */
extern void pgt_probes_expect(PgtProbes *probes, int nprocesses);

/* Can processes be probed that have no address yet?  probes may be NULL. */
extern bool pgt_probes_follow_pointers(const PgtProbes *probes);

/* The process that is attached to has its address and latch by now. */
extern void pgt_probes_settle(PgtProbes *probes, int slot,
							  const PgtProbedProcess *process);

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

/* What a session has at present. */
extern enum pgt_probe pgt_probes_of(const PgtProbes *probes, int slot);

/* Why these don't show all waits of the server's own code, NULL if they do. */
extern const char *pgt_probes_problem(const PgtProbes *probes, int slot);

/* ----------
 * For probes.c
 * ----------
 */

/*
 * The program is loaded: find out which probes the setting allows and the
 * kernel grants.  Returns false if there are none.  In error is why those that
 * would have been preferred are not used, or "".
 */
extern bool pgt_strategy_open(PgtProbes *probes,
							  char *error, size_t error_len);

/* Detach everything.  Legal if it isn't open. */
extern void pgt_strategy_close(PgtProbes *probes);

/* What new sessions get at present */
extern enum pgt_probe pgt_strategy_default(const PgtProbes *probes);

#endif							/* PGT_PROBES_STRATEGY_H */
