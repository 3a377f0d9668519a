/*
 * worker.h
 *		The background worker that observes waits and writes trace files.
 */
#ifndef PGT_WORKER_H
#define PGT_WORKER_H

#define PGT_LIBRARY_NAME	"pg_trace_bgw"
#define PGT_WORKER_MAIN		"pgt_worker_main"

/* Postmaster, at load: have the worker started with the server. */
extern void pgt_worker_register(void);

/* The worker's entry point. */
extern PGDLLEXPORT void pgt_worker_main(Datum arg);

#endif							/* PGT_WORKER_H */
