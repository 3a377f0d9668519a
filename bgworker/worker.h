/*
 * worker.h
 *		The background worker that observes waits and writes trace files.
 */
#ifndef PGT_WORKER_H
#define PGT_WORKER_H

#include "postmaster/bgworker.h"

/* Postmaster, at load: have the worker started with the server. */
extern void pgt_worker_register(void);

/*
 * Whether that entry of the postmaster's list of background workers is the one
 * that the function above made.
 */
extern bool pgt_worker_is_own(const BackgroundWorker *entry);

/* The worker's entry point. */
extern PGDLLEXPORT void pgt_worker_main(Datum arg);

#endif							/* PGT_WORKER_H */
