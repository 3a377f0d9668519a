/*
 * worker.c
 *		The background worker that observes waits and writes trace files.
 *
 * One loop: begin and end the traces that sessions ask for, drain the BPF
 * ring buffer and the sessions' queues in rounds (merge.c says why in which
 * order), write, sleep.  While there is work the worker naps between rounds,
 * so that it handles many events at a time; when there is none, it sleeps
 * until its latch is set, a wait event comes in or a traced process ends.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "bgworker/leftovers.h"
#include "bgworker/probes.h"
#include "bgworker/running.h"
#include "bgworker/sampling.h"
#include "bgworker/status.h"
#include "bgworker/tracer.h"
#include "bgworker/tracer_probes.h"
#include "bgworker/wakeup.h"
#include "bgworker/worker.h"
#include "extension/arrival.h"
#include "extension/clock.h"
#include "extension/compat.h"
#include "extension/guc.h"
#include "extension/privilege.h"
#include "extension/session.h"

#define RESTART_SECONDS		1

/* Between two rounds while there is work; a file is never older than this. */
#define NAP_MS				100

/* At shutdown, how long the traced processes have to end first. */
#define SHUTDOWN_MS			500

/* Among the ids of what wakes the worker, what isn't a slot */
#define RING_BUFFER_ID		(PGT_LOCKS_ID - 1)

#define NO_CAPABILITIES \
	"the worker lacks CAP_BPF and CAP_PERFMON"
#define NO_CAPABILITIES_HINT \
	"Start the server with both as ambient capabilities, e.g. with AmbientCapabilities=CAP_BPF CAP_PERFMON in a systemd drop-in."

static PgtTracer *tracers = NULL;	/* [pgt_shared->nsessions] */
static PgtProbes *probes = NULL;	/* NULL: waits aren't observed */
static char probe_error[PGT_ERROR_LEN] = "";	/* why not */
static bool has_capabilities = false;
static uint64 ended_hits = 0;	/* of traces that have ended */
static uint64 ended_lost = 0;
static uint64 drained_ns;		/* all events before are formatted */
static uint64 round_limit_ns;	/* events later than this end the drain */

void
pgt_worker_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker.bgw_start_time = BgWorkerStart_PostmasterStart;
	worker.bgw_restart_time = RESTART_SECONDS;
	strlcpy(worker.bgw_library_name, PGT_LIBRARY_NAME, BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, PGT_WORKER_MAIN, BGW_MAXLEN);
	strlcpy(worker.bgw_name, "pg_trace_bgw", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "pg_trace_bgw", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* ----------
 * Probes
 * ----------
 */

/* Who an event is about; NULL if that trace has ended. */
static PgtTracer *
tracer_of_event(uint32 slot, uint32 generation)
{
	if (slot >= (uint32) pgt_shared->nsessions || !tracers[slot].in_use ||
		tracers[slot].generation != generation)
		return NULL;
	return &tracers[slot];
}

/* libbpf is on the stack: no errors here. */
static int
handle_wait(void *arg pg_attribute_unused(),
			const struct pgt_wait_event *event)
{
	PgtTracer  *tracer = tracer_of_event(event->slot, event->generation);

	if (tracer != NULL)
		pgt_tracer_add_wait(tracer, event);
	return event->end_ns > round_limit_ns ? 1 : 0;
}

/* libbpf is on the stack: no errors here. */
static void
handle_lock_wait(void *arg pg_attribute_unused(),
				 const struct pgt_lock_event *event)
{
	PgtTracer  *tracer = tracer_of_event(event->slot, event->generation);

	if (tracer != NULL)
		tracer->lock_wait_ns = event->start_ns;
}

/* Who is in the way of those that have begun to wait for a lock? */
static void
look_for_blockers(void)
{
	if (probes == NULL)
		return;
	pgt_probes_drain_locks(probes);
	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		if (tracers[i].in_use && tracers[i].lock_wait_ns != 0)
			pgt_tracer_look_for_blockers(&tracers[i], probes);
	}
}

static void
report_probe_error(const char *hint)
{
	ereport(LOG,
			(errmsg("waits are not traced: %s", probe_error),
			 hint != NULL ? errhint("%s", hint) : 0));
	if (hint != NULL)
	{
		strlcat(probe_error, ". ", sizeof(probe_error));
		strlcat(probe_error, hint, sizeof(probe_error));
	}
}

/* Load the BPF program if waits are to be observed and it isn't loaded. */
static void
open_probes(void)
{
	const char *hint = NULL;

	if (probes != NULL)
		return;
	if (pgt_wait_probe == PGT_WAIT_PROBE_OFF)
		strlcpy(probe_error, "pg_trace.wait_probe is off",
				sizeof(probe_error));
	else if (!has_capabilities)
	{
		strlcpy(probe_error, NO_CAPABILITIES, sizeof(probe_error));
		report_probe_error(NO_CAPABILITIES_HINT);
	}
	else
	{
		probe_error[0] = '\0';
		probes = pgt_probes_open(pgt_wait_probe, pgt_shared->nsessions,
								 (Size) pgt_ring_buffer_size * 1024,
								 handle_wait, handle_lock_wait, NULL,
								 probe_error, sizeof(probe_error), &hint);
		if (probes != NULL)
		{
			pgt_wakeup_watch(pgt_probes_fd(probes), RING_BUFFER_ID);
			pgt_wakeup_watch_locks(pgt_probes_lock_fd(probes));
		}
		else
			report_probe_error(hint);
	}
	pgt_status_set_probes(probes, probe_error);
}

/* No session may be attached. */
static void
close_probes(void)
{
	pgt_probes_close(probes);
	probes = NULL;
	probe_error[0] = '\0';
	pgt_status_set_probes(probes, probe_error);
}

static int	drain(void);

/* ----------
 * Traces
 * ----------
 */

/* A trace that can't begin: tell whoever waits for it. */
static void
refuse(int slot, const char *error)
{
	PgtSession *session = &pgt_shared->sessions[slot];

	LWLockAcquire(pgt_shared->lock, LW_EXCLUSIVE);
	strlcpy(session->last_error, error, PGT_ERROR_LEN);
	session->failed_generation = session->generation;
	session->state = PGT_SESSION_FREE;
	LWLockRelease(pgt_shared->lock);
	ConditionVariableBroadcast(&session->state_cv);
}

/* If it is a parallel worker, connect its file with its leader's. */
static void
link_to_leader(PgtTracer *tracer)
{
	if (tracer->session->leader_cursor == 0 || tracer->linked)
		return;
	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		if (tracers[i].in_use && tracers[i].pid == tracer->session->leader_pid)
		{
			/* so that the leader's file is where the leader is */
			(void) drain();
			pgt_tracer_link(&tracers[i], tracer);
			break;
		}
	}
	tracer->linked = true;
}

static void
begin_trace(int slot, bool resume)
{
	PgtTracer  *tracer = &tracers[slot];
	MemoryContext caller = CurrentMemoryContext;
	char		error[PGT_ERROR_LEN];

	PG_TRY();
	{
		if (!pgt_tracer_begin(tracer, slot, resume, probes, probe_error,
							  error, sizeof(error)))
			refuse(slot, error);
		else
		{
			pgt_wakeup_watch(tracer->pidfd, slot);
			link_to_leader(tracer);
		}
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		EmitErrorReport();
		FlushErrorState();
		if (tracer->in_use)
			tracer->stopping = true;
		else
			refuse(slot, "an error occurred; see the server log");
	}
	PG_END_TRY();
}

static PgtSessionState
state_of(const PgtSession *session)
{
	PgtSessionState state;

	LWLockAcquire(pgt_shared->lock, LW_SHARED);
	state = session->state;
	LWLockRelease(pgt_shared->lock);
	return state;
}

/* Look what the sessions ask for. */
static void
handle_requests(void)
{
	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		PgtSession *session = &pgt_shared->sessions[i];

		switch (state_of(session))
		{
			case PGT_SESSION_STARTING:
				if (tracers[i].in_use)
					break;
				if (pgt_enabled)
					begin_trace(i, false);
				else
				{
					session->refused_disabled = true;
					refuse(i, "tracing is disabled");
				}
				break;
			case PGT_SESSION_STOPPING:
				if (tracers[i].in_use)
					tracers[i].stopping = true;
				else
					refuse(i, "the trace was stopped before it began");
				break;
			case PGT_SESSION_ACTIVE:
				if (!tracers[i].in_use)
					break;
				if (session->leader_cursor != 0 && !tracers[i].linked)
				{
					pgt_tracer_settle(&tracers[i], probes);
					link_to_leader(&tracers[i]);
				}
				if (pgt_tracer_wants_libraries(&tracers[i]))
				{
					(void) drain();
					pgt_tracer_libraries(&tracers[i], probes);
				}
				break;
			default:
				break;
		}
	}
}

/* A parallel worker that was just forked waits to be traced. */
static void
begin_arrival(int slot)
{
	begin_trace(slot, false);
}

/* Continue what an earlier worker process has left active. */
static void
resume_traces(void)
{
	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		PgtSession *session = &pgt_shared->sessions[i];
		PgtSessionState state = state_of(session);

		if (state == PGT_SESSION_ACTIVE ||
			(state == PGT_SESSION_STOPPING && session->trace_file[0] != '\0'))
			begin_trace(i, true);
	}
}

/* ----------
 * Rounds
 * ----------
 */

/*
 * Drain the ring buffer and all queues once.  Returns the number of events;
 * *held is set if some are kept back until the next round.
 */
static int
drain_round(bool *held)
{
	uint64		safe_ns = pgt_clock_now();
	int			nevents = 0;

	drained_ns = safe_ns;
	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		if (tracers[i].in_use)
			pgt_tracer_note(&tracers[i]);
	}

	/* events after this time aren't needed to order what was noted */
	round_limit_ns = pgt_clock_now();
	if (probes != NULL)
		pgt_probes_drain(probes);

	*held = false;
	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		bool		session_held;

		if (!tracers[i].in_use)
			continue;
		nevents += pgt_tracer_drain(&tracers[i], probes, safe_ns,
									&session_held);
		*held |= session_held;
	}
	return nevents;
}

/* Exchange probes.  Returns when to do so again, in ms; -1 if there is no need. */
static long
maintain_probes(void)
{
	long		again_ms;

	if (probes == NULL)
		return -1;
	again_ms = pgt_probes_maintain(probes);
	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		if (tracers[i].in_use)
			pgt_tracer_show_probe(&tracers[i], probes);
	}
	return again_ms;
}

static void
show_counters(void)
{
	uint64		hits = ended_hits;
	uint64		lost = ended_lost;
	int			nsessions = 0;

	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		if (!tracers[i].in_use)
			continue;
		nsessions++;
		hits += tracers[i].hits;
		lost += pgt_tracer_lost(&tracers[i]);
	}
	pgt_status_set_counters(probes, hits, lost, nsessions);
}

/* Drain until nothing is kept back, then write. */
static int
drain(void)
{
	int			nevents = 0;
	int			nrounds = 0;
	bool		held;

	do
	{
		nevents += drain_round(&held);
		/* a text whose end isn't there yet may hold waits for longer */
	} while (held && ++nrounds < 3);

	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		if (tracers[i].in_use)
			pgt_tracer_flush(&tracers[i]);
	}
	return nevents + (held ? 1 : 0);
}

/* End the traces that are over; returns how many still have to wait. */
static int
end_traces(void)
{
	int			nwaiting = 0;

	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		PgtTracer  *tracer = &tracers[i];
		struct pgt_wait_state last;

		if (!tracer->in_use || !(tracer->gone || tracer->stopping))
			continue;
		if (!pgt_tracer_can_end(tracer))
		{
			nwaiting++;
			continue;
		}
		last = pgt_tracer_detach(tracer, probes);
		(void) drain();
		ended_hits += tracer->hits;
		ended_lost += pgt_tracer_lost(tracer);
		pgt_tracer_end(tracer, &last, tracer->gone ?
					   "TRACE ENDED: THE PROCESS HAS ENDED" :
					   "TRACE ENDED");
	}
	return nwaiting;
}

static void
stop_all(void)
{
	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		if (tracers[i].in_use)
			tracers[i].stopping = true;
	}
	while (end_traces() > 0)
	{
		(void) drain();
		(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1,
						 PG_WAIT_EXTENSION);
	}
}

/* ----------
 * Sleeping
 * ----------
 */

/* Which traced processes have ended? */
static void
look_for_ended_processes(void)
{
	uint32		ids[64];
	int			nids = pgt_wakeup_ready(ids, lengthof(ids));

	for (int i = 0; i < nids; i++)
	{
		uint32		slot = ids[i];

		if (slot < (uint32) pgt_shared->nsessions &&
			tracers[slot].in_use)
			tracers[slot].gone = true;
	}
}

/* The earlier one of two times from now, of which -1 is never. */
static long
earlier(long a, long b)
{
	if (a < 0 || b < 0)
		return Max(a, b);
	return Min(a, b);
}

/*
 * Write the RUNNING lines that are due, and sample the processes for which it
 * is time.  Returns when to look again, in ms; -1 if there is no need.  All
 * that bears the time of the last round: a record that was published since is
 * still to come, and must not be older.
 */
static long
follow_calls(void)
{
	long		due_ms = -1;

	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		PgtTracer  *tracer = &tracers[i];

		if (!tracer->in_use)
			continue;
		due_ms = earlier(due_ms,
						 pgt_running_follow(tracer, probes, drained_ns));
		due_ms = earlier(due_ms,
						 pgt_sampling_follow(tracer, probes, drained_ns));
	}
	return due_ms;
}

static bool
queues_are_empty(void)
{
	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		PgtQueue   *queue = &pgt_shared->sessions[i].queue;

		if (tracers[i].in_use &&
			pgt_queue_head(queue) != pg_atomic_read_u64(&queue->tail))
			return false;
	}
	return true;
}

static void
sleep_until_needed(long timeout_ms)
{
	/*
	 * A backend that publishes a record after this looks at the flag, and
	 * one that has published before it is seen below.
	 */
	pg_atomic_exchange_u32(&pgt_shared->worker_asleep, 1);
	if (queues_are_empty())
		pgt_wakeup_sleep(timeout_ms);
	pg_atomic_write_u32(&pgt_shared->worker_asleep, 0);
}

/* Who blocks a process can only be found out at once, also during a nap. */
static void
nap(long ms)
{
	pgt_wakeup_nap(ms, look_for_blockers);
}

/* ----------
 * Main
 * ----------
 */

static void
worker_exit(int code pg_attribute_unused(),
			Datum arg pg_attribute_unused())
{
	pgt_status_stopped();
}

static void
initialize(void)
{
	char		capabilities[64];

	has_capabilities = pgt_privilege_raise(capabilities,
										   sizeof(capabilities));

	tracers = MemoryContextAllocHuge(TopMemoryContext,
									 sizeof(PgtTracer) *
									 pgt_shared->nsessions);
	for (int i = 0; i < pgt_shared->nsessions; i++)
		tracers[i].in_use = false;

	pgt_wakeup_init();
	pgt_status_started(capabilities);
	before_shmem_exit(worker_exit, (Datum) 0);
}

/* Follow pg_trace.enabled and pg_trace.wait_probe. */
static void
follow_settings(void)
{
	static int	opened_as = -1;

	if (!pgt_enabled || (opened_as >= 0 && opened_as != pgt_wait_probe))
	{
		stop_all();
		close_probes();
		opened_as = -1;
	}
	if (pgt_enabled && opened_as < 0)
	{
		open_probes();
		opened_as = pgt_wait_probe;
		pgt_leftovers_complete();
	}
	pgt_status_set_state(pgt_enabled ? "enabled" : "disabled");
}

/* The last rounds, while the traced sessions end with the server. */
static void
shut_down(void)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													   SHUTDOWN_MS);
	int			nleft;

	pgt_status_set_state("stopping");
	do
	{
		nleft = 0;
		ResetLatch(MyLatch);
		(void) drain();
		look_for_ended_processes();
		(void) end_traces();
		for (int i = 0; i < pgt_shared->nsessions; i++)
			nleft += tracers[i].in_use;
		if (nleft > 0)
			nap(10);
	} while (nleft > 0 && GetCurrentTimestamp() < deadline);

	/* the others go on when the worker is started again */
	for (int i = 0; i < pgt_shared->nsessions; i++)
	{
		if (!tracers[i].in_use)
			continue;
		pgt_format_note(&tracers[i].format, "THE WORKER STOPS");
		pgt_tracer_flush(&tracers[i]);
	}
}

void
pgt_worker_main(Datum arg pg_attribute_unused())
{
	bool		busy = false;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();

	initialize();
	follow_settings();
	resume_traces();

	while (!ShutdownRequestPending)
	{
		int			nwaiting;
		long		due_ms;

		ResetLatch(MyLatch);
		look_for_blockers();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			follow_settings();
		}
		pgt_arrivals_handle(pgt_enabled && pgt_probes_follow_pointers(probes) ?
							begin_arrival : NULL);
		handle_requests();
		look_for_ended_processes();
		nwaiting = end_traces();
		busy = drain() > 0;
		due_ms = earlier(maintain_probes(), follow_calls());
		show_counters();

		if (nwaiting > 0)
			nap(1);
		else if (busy)
			nap(earlier(due_ms, NAP_MS));
		else
			sleep_until_needed(due_ms);
	}

	shut_down();
	/* any other code would mean that the worker isn't to be restarted */
	proc_exit(1);
}
