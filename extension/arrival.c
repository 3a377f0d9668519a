/*
 * arrival.c
 *		Parallel workers that are traced from their first instruction on.
 *
 * No hook of PostgreSQL runs in a parallel worker before it has connected to
 * the database, and that may take long: think of a lock on the database, or of
 * many workers that start at once.  But a fork handler (fork.c) runs in each
 * child of the postmaster before anything else, and knows what the child is
 * going to be, and who asked for it.  If that leader is traced, the child leaves its pid
 * in shared memory, wakes our worker, and stands still until that has attached
 * the probes.  It has no PGPROC yet, so no latch and no locks: an atomic is
 * what both sides look at.
 *
 * Such a session has no PGPROC's number until the process itself, at its first
 * hook with the leader's settings, says which it got (activation.c).  Until
 * then, the BPF program finds its wait_event_info through the pointer
 * my_wait_event_info in the process's memory.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <unistd.h>

#include "miscadmin.h"

#include "extension/arrival.h"
#include "extension/clock.h"
#include "extension/compat.h"
#include "extension/guc.h"
#include "extension/session.h"

/* How often a child that stands still looks */
#define LOOK_US			50

/*
 * The server's variable my_wait_event_info, which must not be named here: the
 * worker would take what uses it for a place that reports waits.
 */
static const void *const *pointer = NULL;
static const void *local_word = NULL;

/* When this process was forked, if it is a parallel worker */
static uint64 forked_ns = 0;

/* ----------
 * In the child, right after the fork
 * ----------
 */

static bool
is_parallel_worker(const BackgroundWorker *worker)
{
	return strcmp(worker->bgw_library_name, "postgres") == 0 &&
		strcmp(worker->bgw_function_name, "ParallelWorkerMain") == 0;
}

/* Without a lock: the worker looks again, with one. */
static bool
is_traced(pid_t pid)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		volatile const PgtSession *session = &pgt_sessions[i];

		if (session->pid == pid && session->state == PGT_SESSION_ACTIVE)
			return true;
	}
	return false;
}

static PgtArrival *
take_arrival(void)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		uint32		state = PGT_ARRIVAL_FREE;

		if (pg_atomic_compare_exchange_u32(&pgt_arrivals[i].state,
										   &state, PGT_ARRIVAL_TAKEN))
			return &pgt_arrivals[i];
	}
	return NULL;
}

/*
 * Signals are blocked here, and nothing may be called that needs MyProc or
 * more than the postmaster has.
 */
void
pgt_arrival_hold(const BackgroundWorker *starting)
{
	PgtArrival *arrival;
	uint64		deadline_ns;

	if (!is_parallel_worker(starting))
		return;
	forked_ns = pgt_clock_now();
	if (pointer == NULL || pgt_shared == NULL ||
		pgt_shared->worker.pid == 0 ||
		!is_traced(starting->bgw_notify_pid))
		return;
	arrival = take_arrival();
	if (arrival == NULL)
		return;

	arrival->pid = getpid();
	arrival->leader_pid = starting->bgw_notify_pid;
	arrival->since_ns = forked_ns;
	pg_atomic_exchange_u32(&arrival->state, PGT_ARRIVAL_WAITING);
	pgt_session_wake_worker();
	deadline_ns = forked_ns + PGT_ARRIVAL_HOLD_NS;
	while (pg_atomic_read_u32(&arrival->state) == PGT_ARRIVAL_WAITING &&
		   pgt_clock_now() < deadline_ns)
		pg_usleep(LOOK_US);
	/* if it was too late, the worker finds nothing, or a process to trace */
	pg_atomic_exchange_u32(&arrival->state, PGT_ARRIVAL_FREE);
}

void
pgt_arrival_install(void)
{
	pointer = dlsym(RTLD_DEFAULT, "my_wait_event_info");
	if (pointer != NULL)
		local_word = *pointer;
}

const void *
pgt_arrival_pointer(void)
{
	return pointer;
}

const void *
pgt_arrival_local_word(void)
{
	return local_word;
}

/* ----------
 * In the parallel worker, once it is one
 * ----------
 */

uint64
pgt_arrival_fork_time(void)
{
	return forked_ns;
}

bool
pgt_arrival_complete(void)
{
	PgtSession *session;
	bool		found;

	LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
	session = pgt_session_find(MyProcPid);
	found = session != NULL && session->proc_number < 0 &&
		session->state == PGT_SESSION_ACTIVE;
	if (found)
	{
		session->leader_cursor = pgt_leader_cursor;
		session->proc_number = PGT_PROC_NUMBER(MyProc);
		/* with the lock, since whoever ends the trace clears the flag then */
		pg_atomic_exchange_u32(&pgt_flags[session->proc_number],
							   session - pgt_sessions + 1);
	}
	LWLockRelease(pgt_lock);
	if (found)
		pgt_session_wake_worker();
	return found;
}
