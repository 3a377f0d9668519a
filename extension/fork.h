/*
 * fork.h
 *		What becomes of each process that is forked.
 */
#ifndef PGT_FORK_H
#define PGT_FORK_H

/* Postmaster, at load: look after each process that is forked from now on. */
extern void pgt_fork_install(void);

/* Whether this process was forked by the postmaster to be our worker. */
extern bool pgt_fork_is_worker(void);

#endif							/* PGT_FORK_H */
