/*
 * arrivals.c
 *		Begins the traces of parallel workers that have just been forked.
 *
 * Such a process has left its pid in shared memory and stands still
 * (extension/arrival.c).  If its leader is traced, it gets a slot that
 * describes it, as if it had asked for a trace itself, and goes on when that
 * has begun.
 */
#include "postgres.h"

#include <signal.h>

#include "utils/timestamp.h"

#include "bgworker/arrivals.h"
#include "bgworker/tracer/entry.h"
#include "bgworker/tracer/waits.h"
#include "bgworker/tracers.h"
#include "bgworker/traces.h"
#include "extension/arrival.h"
#include "extension/compat.h"
#include "extension/session.h"

/* A slot for the process, -1 if its leader isn't traced or there is none. */
static int
allocate(int pid, int leader_pid)
{
	PgtSession	description;
	PgtSession *session;
	bool		locked = pgt_entry_lock(LW_EXCLUSIVE);

	if (!locked)
		return -1;
	session = pgt_session_find(leader_pid);
	if (session != NULL && session->state == PGT_SESSION_ACTIVE)
	{
		/* the connection's names are the leader's */
		pgt_session_copy(&description, session);
		description.pid = pid;
		description.proc_number = -1;
		description.leader_pid = leader_pid;
		description.backend_type = B_BG_WORKER;
		strlcpy(description.image, "parallel worker", BGW_MAXLEN);
		description.leader_cursor = 0;
		description.remote = false;
		description.forked = true;
		description.backend_start = GetCurrentTimestamp();
		session = pgt_session_find(pid) == NULL ?
			pgt_session_allocate(&description) : NULL;
	}
	else
		session = NULL;
	pgt_entry_unlock(locked);
	return session != NULL ? (int) (session - pgt_sessions) : -1;
}

/* What the process has stood still for is no wait that the server knows. */
static void
begin(int slot, uint64 since_ns)
{
	pgt_traces_begin(slot);
	if (pgt_tracers[slot].in_use)
		pgt_tracer_put_arrival(&pgt_tracers[slot], since_ns);
}

void
pgt_arrivals_handle(bool possible)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		PgtArrival *arrival = &pgt_arrivals[i];
		int			pid;
		int			leader_pid;
		uint64		since_ns;
		uint32		state = PGT_ARRIVAL_WAITING;
		int			slot = -1;

		if (pg_atomic_read_u32(&arrival->state) > PGT_ARRIVAL_ANSWERED)
			pg_atomic_write_u32(&arrival->state, PGT_ARRIVAL_FREE);
		if (pg_atomic_read_u32(&arrival->state) != PGT_ARRIVAL_WAITING)
			continue;
		pg_read_barrier();

		/*
		 * read once; as the trace begins, it is seen whether it is one of
		 * ours
		 */
		pid = *(volatile int *) &arrival->pid;
		leader_pid = *(volatile int *) &arrival->leader_pid;
		since_ns = *(volatile uint64 *) &arrival->since_ns;
		if (possible)
			slot = allocate(pid, leader_pid);
		if (slot >= 0)
			begin(slot, since_ns);
		pg_atomic_compare_exchange_u32(&arrival->state, &state,
									   PGT_ARRIVAL_ANSWERED);
		/* whoever was killed meanwhile leaves the entry to others */
		state = PGT_ARRIVAL_ANSWERED;
		if (pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH))
			pg_atomic_compare_exchange_u32(&arrival->state, &state,
										   PGT_ARRIVAL_FREE);
	}
}
