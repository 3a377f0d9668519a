/*
 * fork.h
 *		What becomes of each process that is forked.
 */
#ifndef PGT_FORK_H
#define PGT_FORK_H

#include "postmaster/bgworker.h"

/*
 * Postmaster, at load: look after each process that is forked from now on.
 * is_own_worker tells which entry of the postmaster's list is our worker's.
 */
extern void pgt_fork_install(bool (*is_own_worker) (const BackgroundWorker *entry));

/* Whether this process was forked by the postmaster to be our worker. */
extern bool pgt_fork_is_worker(void);

#endif							/* PGT_FORK_H */
