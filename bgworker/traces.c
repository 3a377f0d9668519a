/*
 * traces.c
 *		The traces that are being written, from their begin to their end.
 *
 * The worker's loop (worker.c) calls these in turn: look what sessions ask for
 * in shared memory; drain the BPF ring buffer and the sessions' queues in
 * rounds (merge.c says why in which order), and write; end what is over.  One
 * trace is tracer.c's; here is what concerns all of them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "bgworker/running.h"
#include "bgworker/sampling.h"
#include "bgworker/status.h"
#include "bgworker/tracer.h"
#include "bgworker/tracer_probes.h"
#include "bgworker/traces.h"
#include "bgworker/wakeup.h"
#include "extension/arrival.h"
#include "extension/clock.h"
#include "extension/guc.h"
#include "extension/session.h"

static PgtTracer *tracers = NULL;	/* [pgt_nsessions] */
static PgtProbes *probes = NULL;	/* NULL: waits aren't observed */
static const char *probe_error = "";	/* why not */
static uint64 ended_hits = 0;	/* of traces that have ended */
static uint64 ended_lost = 0;
static uint64 drained_ns;		/* all events before are formatted */
static uint64 round_limit_ns;	/* events later than this end the drain */

void
pgt_traces_init(void)
{
	tracers = MemoryContextAllocHuge(TopMemoryContext,
									 sizeof(PgtTracer) *
									 pgt_nsessions);
	for (int i = 0; i < pgt_nsessions; i++)
		tracers[i].in_use = false;
}

void
pgt_traces_use(PgtProbes *new_probes, const char *error)
{
	probes = new_probes;
	probe_error = error;
}

/* ----------
 * Events
 * ----------
 */

/* Who an event is about; NULL if that trace has ended. */
static PgtTracer *
tracer_of_event(uint32 slot, uint32 generation)
{
	if (slot >= (uint32) pgt_nsessions || !tracers[slot].in_use ||
		tracers[slot].generation != generation)
		return NULL;
	return &tracers[slot];
}

int
pgt_traces_wait(void *arg pg_attribute_unused(),
				const struct pgt_wait_event *event)
{
	PgtTracer  *tracer = tracer_of_event(event->slot, event->generation);

	if (tracer != NULL)
		pgt_tracer_add_wait(tracer, event);
	return event->end_ns > round_limit_ns ? 1 : 0;
}

void
pgt_traces_lock_wait(void *arg pg_attribute_unused(),
					 const struct pgt_lock_event *event)
{
	PgtTracer  *tracer = tracer_of_event(event->slot, event->generation);

	if (tracer != NULL)
		tracer->lock_wait_ns = event->start_ns;
}

void
pgt_traces_look_for_blockers(void)
{
	if (probes == NULL)
		return;
	pgt_probes_drain_locks(probes);
	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (tracers[i].in_use && tracers[i].lock_wait_ns != 0)
			pgt_tracer_look_for_blockers(&tracers[i], probes);
	}
}

/* ----------
 * Beginning
 * ----------
 */

/* A trace that can't begin: tell whoever waits for it. */
static void
refuse(int slot, const char *error)
{
	PgtSession *session = &pgt_sessions[slot];

	LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
	strlcpy(session->last_error, error, PGT_ERROR_LEN);
	session->failed_generation = session->generation;
	session->state = PGT_SESSION_FREE;
	LWLockRelease(pgt_lock);
	ConditionVariableBroadcast(&session->state_cv);
}

/* If it is a parallel worker, connect its file with its leader's. */
static void
link_to_leader(PgtTracer *tracer)
{
	if (tracer->session->leader_cursor == 0 || tracer->linked)
		return;
	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (tracers[i].in_use && tracers[i].pid == tracer->session->leader_pid)
		{
			/* so that the leader's file is where the leader is */
			(void) pgt_traces_drain();
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

	LWLockAcquire(pgt_lock, LW_SHARED);
	state = session->state;
	LWLockRelease(pgt_lock);
	return state;
}

/* A parallel worker that was just forked waits to be traced. */
static void
begin_arrival(int slot)
{
	begin_trace(slot, false);
}

void
pgt_traces_handle_requests(void)
{
	pgt_arrivals_handle(pgt_enabled && pgt_probes_follow_pointers(probes) ?
						begin_arrival : NULL);
	for (int i = 0; i < pgt_nsessions; i++)
	{
		PgtSession *session = &pgt_sessions[i];

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
					(void) pgt_traces_drain();
					pgt_tracer_libraries(&tracers[i], probes);
				}
				break;
			default:
				break;
		}
	}
}

void
pgt_traces_resume(void)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		PgtSession *session = &pgt_sessions[i];
		PgtSessionState state = state_of(session);

		if (state == PGT_SESSION_ACTIVE ||
			(state == PGT_SESSION_STOPPING && session->trace_file[0] != '\0'))
			begin_trace(i, true);
	}
}

/* ----------
 * Draining
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
	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (tracers[i].in_use)
			pgt_tracer_note(&tracers[i]);
	}

	/* events after this time aren't needed to order what was noted */
	round_limit_ns = pgt_clock_now();
	if (probes != NULL)
		pgt_probes_drain(probes);

	*held = false;
	for (int i = 0; i < pgt_nsessions; i++)
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

void
pgt_traces_show_counters(void)
{
	uint64		hits = ended_hits;
	uint64		lost = ended_lost;
	int			nsessions = 0;

	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (!tracers[i].in_use)
			continue;
		nsessions++;
		hits += tracers[i].hits;
		lost += pgt_tracer_lost(&tracers[i]);
	}
	pgt_status_set_counters(probes, hits, lost, nsessions);
}

int
pgt_traces_drain(void)
{
	int			nevents = 0;
	int			nrounds = 0;
	bool		held;

	do
	{
		nevents += drain_round(&held);
		/* a text whose end isn't there yet may hold waits for longer */
	} while (held && ++nrounds < 3);

	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (tracers[i].in_use)
			pgt_tracer_flush(&tracers[i]);
	}
	return nevents + (held ? 1 : 0);
}

int
pgt_traces_end(void)
{
	int			nwaiting = 0;

	for (int i = 0; i < pgt_nsessions; i++)
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
		(void) pgt_traces_drain();
		ended_hits += tracer->hits;
		ended_lost += pgt_tracer_lost(tracer);
		pgt_tracer_end(tracer, &last, tracer->gone ?
					   "TRACE ENDED: THE PROCESS HAS ENDED" :
					   "TRACE ENDED");
	}
	return nwaiting;
}

void
pgt_traces_stop(void)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (tracers[i].in_use)
			tracers[i].stopping = true;
	}
	while (pgt_traces_end() > 0)
	{
		(void) pgt_traces_drain();
		(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1,
						 PG_WAIT_EXTENSION);
	}
}

void
pgt_traces_look_for_ended(void)
{
	uint32		ids[64];
	int			nids = pgt_wakeup_ready(ids, lengthof(ids));

	for (int i = 0; i < nids; i++)
	{
		uint32		slot = ids[i];

		if (slot < (uint32) pgt_nsessions &&
			tracers[slot].in_use)
			tracers[slot].gone = true;
	}
}

/* ----------
 * What goes on
 * ----------
 */

/* The earlier one of two times from now, of which -1 is never. */
static long
earlier(long a, long b)
{
	if (a < 0 || b < 0)
		return Max(a, b);
	return Min(a, b);
}

/* Exchange probes.  Returns when to do so again, in ms; -1 if there is no need. */
static long
maintain_probes(void)
{
	long		again_ms;

	if (probes == NULL)
		return -1;
	again_ms = pgt_probes_maintain(probes);
	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (!tracers[i].in_use)
			continue;
		pgt_tracer_show_probe(&tracers[i], probes);
		again_ms = earlier(again_ms, pgt_tracer_look_for_silence(&tracers[i]));
	}
	return again_ms;
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

	for (int i = 0; i < pgt_nsessions; i++)
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

long
pgt_traces_follow(void)
{
	return earlier(maintain_probes(), follow_calls());
}

bool
pgt_traces_are_drained(void)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		PgtQueue   *queue = &pgt_sessions[i].queue;

		if (tracers[i].in_use &&
			pgt_queue_head(queue) != pg_atomic_read_u64(&queue->tail))
			return false;
	}
	return true;
}

bool
pgt_traces_any(void)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (tracers[i].in_use)
			return true;
	}
	return false;
}

void
pgt_traces_leave(void)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (!tracers[i].in_use)
			continue;
		pgt_format_note(&tracers[i].format, "THE WORKER STOPS");
		pgt_tracer_flush(&tracers[i]);
	}
}
