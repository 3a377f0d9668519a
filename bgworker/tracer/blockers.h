/*
 * blockers.h
 *		Who is in the way of a process that waits for a lock.
 */
#ifndef PGT_TRACER_BLOCKERS_H
#define PGT_TRACER_BLOCKERS_H

#include "storage/proc.h"

#include "bgworker/trace/wait.h"

/*
 * Find the processes that block pid now, as pg_blocking_pids() does, and what
 * they execute; the latter only of processes of that role.  False if there
 * are none, or if this has been asked for too often.
 */
extern bool pgt_blockers_find(int pid, Oid role, PgtBlockers *blockers);

/*
 * The lock that a process waits for, which has to be reporting such a wait;
 * for waits whose start the probes didn't see.
 */
extern bool pgt_blockers_lock(const PGPROC *proc, struct pgt_lock *lock,
							  uint8 *mode);

#endif							/* PGT_TRACER_BLOCKERS_H */
