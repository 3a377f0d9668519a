/*
 * arrival.h
 *		Parallel workers that are traced from their first instruction on.
 */
#ifndef PGT_ARRIVAL_H
#define PGT_ARRIVAL_H

#include "postmaster/bgworker.h"

/* Where a process is that waits to be traced: PgtArrival.state */
enum
{
	PGT_ARRIVAL_FREE,
	PGT_ARRIVAL_TAKEN,			/* being filled in */
	PGT_ARRIVAL_WAITING,		/* the worker's turn */
	PGT_ARRIVAL_ANSWERED,		/* the process's turn */
};

/* The longest that a child stands still */
#define PGT_ARRIVAL_HOLD_NS	UINT64CONST(500000000)

/* Postmaster, at load. */
extern void pgt_arrival_install(void);

/*
 * In a child that the postmaster has just forked to be that background worker:
 * if it is a parallel worker of a traced session, wait until it is traced, for
 * half a second at the most.
 */
extern void pgt_arrival_hold(const BackgroundWorker *starting);

/*
 * The address of a process's my_wait_event_info, and where that leads as long as
 * the process has no PGPROC; the same in all children of the postmaster.
 */
extern const void *pgt_arrival_pointer(void);
extern const void *pgt_arrival_local_word(void);

/* In a parallel worker: when it was forked, by the clock of the trace */
extern uint64 pgt_arrival_fork_time(void);

/*
 * In a parallel worker that has its leader's settings: if it is being traced
 * since it was forked, say which PGPROC it has and which query it is for, and
 * have its hooks take part.  Returns false if it isn't.
 */
extern bool pgt_arrival_complete(void);

#endif							/* PGT_ARRIVAL_H */
