/*
 * traces.c
 *		The traces that are being written, from their begin to their end.
 *
 * The worker's loop (worker.c) calls these in turn: look what sessions ask for
 * in shared memory; drain the BPF ring buffer and the sessions' queues in
 * rounds (merge.c says why in which order), and write; end what is over.  One
 * trace is lifecycle.c's; here is what concerns all of them.
 */
#include "postgres.h"

#include <sched.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "bgworker/status.h"
#include "bgworker/tracer/activity.h"
#include "bgworker/tracer/entry.h"
#include "bgworker/tracer/libraries.h"
#include "bgworker/tracer/lifecycle.h"
#include "bgworker/tracer/records.h"
#include "bgworker/tracer/sampling.h"
#include "bgworker/tracer/silence.h"
#include "bgworker/tracer/stream.h"
#include "bgworker/tracer/waits.h"
#include "bgworker/traces.h"
#include "bgworker/wakeup.h"
#include "extension/arrival.h"
#include "extension/clock.h"
#include "extension/guc.h"
#include "extension/session.h"

/* Rounds after which a trace that has ended is over, whatever it still sends */
#define MAX_LAST_ROUNDS		100

/* How long a round waits for an event that is just being sent */
#define RING_PATIENCE_NS	UINT64CONST(200000000)

static PgtTracer *tracers = NULL;	/* [pgt_nsessions] */
static PgtProbes *probes = NULL;	/* NULL: waits aren't observed */
static const char *probe_error = "";	/* why not */
static uint64 ended_hits = 0;	/* of traces that have ended */
static uint64 ended_lost = 0;
static uint64 drained_ns;		/* all events before are formatted */

void
pgt_traces_init(void)
{
	tracers = MemoryContextAllocExtended(TopMemoryContext,
										 sizeof(PgtTracer) * pgt_nsessions,
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
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

void
pgt_traces_wait(void *arg pg_attribute_unused(),
				const struct pgt_wait_event *event)
{
	PgtTracer  *tracer = tracer_of_event(event->slot, event->generation);

	if (tracer != NULL)
		pgt_merge_add_wait(&tracer->merge, event);
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
	bool		locked = pgt_entry_lock(LW_EXCLUSIVE);

	strlcpy(session->last_error, error, PGT_ERROR_LEN);
	session->failed_generation = session->generation;
	session->state = PGT_SESSION_FREE;
	pgt_entry_unlock(locked);
	pgt_entry_changed(slot);
}

/* If it is a parallel worker, connect its file with its leader's. */
static void
link_to_leader(PgtTracer *tracer)
{
	if (tracer->own.leader_cursor == 0 || tracer->linked)
		return;
	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (tracers[i].in_use && tracers[i].pid == tracer->own.leader_pid)
		{
			/* so that the leader's file is where the leader is */
			(void) pgt_traces_drain();
			pgt_tracer_link(&tracers[i], tracer);
			break;
		}
	}
	tracer->linked = true;
}

/* Returns false with a reason in error (PGT_ERROR_LEN bytes). */
static bool
try_begin(int slot, bool resume, char *error)
{
	PgtTracer  *tracer = &tracers[slot];
	MemoryContext caller = CurrentMemoryContext;
	bool		begun;

	PG_TRY();
	{
		begun = pgt_tracer_begin(tracer, slot, resume, probes, probe_error,
								 error, PGT_ERROR_LEN);
		if (begun)
		{
			if (!tracer->gone)
				pgt_wakeup_watch(tracer->pidfd, slot);
			link_to_leader(tracer);
		}
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		EmitErrorReport();
		FlushErrorState();
		strlcpy(error, "an error occurred; see the server log",
				PGT_ERROR_LEN);
		begun = tracer->in_use;
		tracer->stopping = true;
	}
	PG_END_TRY();
	return begun;
}

static void
begin_trace(int slot)
{
	char		error[PGT_ERROR_LEN];

	if (!try_begin(slot, false, error))
		refuse(slot, error);
}

/*
 * A process is in the middle of a record of a trace that has ended, maybe with
 * the last worker.
 */
static void
hold_slot(int slot)
{
	pgt_tracer_hold(&tracers[slot], slot);
	if (tracers[slot].abandoned)
		pgt_wakeup_watch(tracers[slot].pidfd, slot);
}

static PgtSessionState
state_of(int slot)
{
	bool		locked = pgt_entry_lock(LW_SHARED);
	PgtSessionState state =
		*(volatile PgtSessionState *) &pgt_sessions[slot].state;

	pgt_entry_unlock(locked);
	return state;
}

/* A trace that goes on: what does its session ask for? */
static void
follow_session(PgtTracer *tracer)
{
	pgt_tracer_check_entry(tracer);
	if (tracer->stopping)
		return;
	if (tracer->own.leader_cursor != 0 && !tracer->linked)
	{
		pgt_tracer_settle(tracer, probes);
		link_to_leader(tracer);
	}
	if (pgt_tracer_wants_libraries(tracer))
	{
		(void) pgt_traces_drain();
		pgt_tracer_libraries(tracer, probes);
	}
}

/* A slot that no trace has */
static void
look_at_slot(int slot)
{
	switch (state_of(slot))
	{
		case PGT_SESSION_FREE:
			if (pg_atomic_read_u32(&pgt_sessions[slot].writing) != 0 &&
				!tracers[slot].abandoned)
				hold_slot(slot);
			break;
		case PGT_SESSION_STARTING:
			if (pgt_enabled)
				begin_trace(slot);
			else
			{
				pgt_sessions[slot].refused_disabled = true;
				refuse(slot, "tracing is disabled");
			}
			break;
		case PGT_SESSION_STOPPING:
			refuse(slot, "the trace was stopped before it began");
			break;
		default:
			refuse(slot, "its entry in shared memory is corrupt");
			break;
	}
}

void
pgt_traces_handle_requests(void)
{
	pgt_arrivals_handle(pgt_enabled && pgt_probes_follow_pointers(probes) ?
						begin_trace : NULL);
	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (tracers[i].in_use)
			follow_session(&tracers[i]);
		else
			look_at_slot(i);
	}
}

/*
 * The trace that was active in a slot can't be continued in its file: in its
 * place another one begins, in a file of its own, which says why.  That is in
 * another use of the slot, or another slot, so that the process, which knows
 * nothing of it yet, sends anew what the file needs, such as the statements
 * that its cursors stand for.
 */
static void
begin_another_file(int slot, const char *reason)
{
	PgtSession *session = &pgt_sessions[slot];
	PgtSession	description;
	char		note[PGT_ERROR_LEN + 64];
	bool		locked;

	ereport(LOG,
			(errmsg("the trace of process %d can't be continued in its file: %s",
					tracers[slot].pid, reason)));

	/* first the flag, then the look at the writer: see emit.c */
	pgt_tracer_clear_flag(&tracers[slot]);
	locked = pgt_entry_lock(LW_EXCLUSIVE);
	pgt_session_copy(&description, session);
	/* the process may be in the middle of a statement */
	description.remote = true;
	session->state = PGT_SESSION_FREE;
	session = locked ? pgt_session_allocate(&description) : NULL;
	pgt_entry_unlock(locked);
	pgt_entry_changed(slot);
	if (session == NULL)
		return;

	slot = session - pgt_sessions;
	begin_trace(slot);
	if (!tracers[slot].in_use)
		return;
	snprintf(note, sizeof(note), "CONTINUED IN A NEW FILE: %s", reason);
	pgt_format_note(&tracers[slot].format, note);
	pgt_tracer_set_error(&tracers[slot], note);
}

void
pgt_traces_resume(void)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		PgtSessionState state = state_of(i);
		char		error[PGT_ERROR_LEN];

		/* one in the place of another may have begun already */
		if (tracers[i].in_use ||
			(state != PGT_SESSION_ACTIVE &&
			 (state != PGT_SESSION_STOPPING ||
			  pgt_sessions[i].trace_file[0] == '\0')))
			continue;
		if (try_begin(i, true, error))
			continue;
		if (state == PGT_SESSION_ACTIVE)
			begin_another_file(i, error);
		else
			refuse(i, error);
	}
	/* what processes sent before they ended has been written now */
	(void) pgt_traces_end();
	if (!pgt_enabled)
		pgt_traces_stop();
}

/* ----------
 * Draining
 * ----------
 */

/*
 * Read what has been sent of waits by now, which includes all that belong
 * before the records below the heads just noted.  Another process may be about
 * to send one, which hides those behind it: that takes a microsecond, unless
 * the process has lost its CPU meanwhile.  Who never gets on is not waited for
 * for ever, and the files say so.
 */
static void
read_waits(void)
{
	uint64		end = pgt_probes_ring_end(probes);
	uint64		deadline_ns = 0;

	while (!pgt_probes_drain(probes, end))
	{
		uint64		now_ns = pgt_clock_now();

		if (deadline_ns == 0)
			deadline_ns = now_ns + RING_PATIENCE_NS;
		if (now_ns > deadline_ns)
		{
			for (int i = 0; i < pgt_nsessions; i++)
			{
				if (tracers[i].in_use)
					pgt_tracer_misses_waits(&tracers[i]);
			}
			break;
		}
		pgt_traces_look_for_blockers();
		sched_yield();
	}
}

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

	if (probes != NULL)
		read_waits();

	*held = false;
	for (int i = 0; i < pgt_nsessions; i++)
	{
		bool		session_held;

		if (!tracers[i].in_use)
			continue;
		nevents += pgt_tracer_drain(&tracers[i], probes, safe_ns,
									&session_held);
		*held |= session_held;
		/* one with much to write must not keep others from being looked at */
		pgt_traces_look_for_blockers();
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

/*
 * Write what there is of a trace whose probes are detached; one round may not
 * get through all, or a text that is never completed keeps waits back.
 */
static void
drain_last(PgtTracer *tracer)
{
	for (int i = 0; i < MAX_LAST_ROUNDS; i++)
	{
		(void) pgt_traces_drain();
		if (pgt_tracer_is_drained(tracer))
			break;
		pgt_tracer_give_up_text(tracer);
	}
}

static const char *
last_line(const PgtTracer *tracer)
{
	if (tracer->spoilt)
		return "TRACE ENDED: ITS ENTRY IN SHARED MEMORY IS CORRUPT";
	return tracer->gone ? "TRACE ENDED: THE PROCESS HAS ENDED" : "TRACE ENDED";
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
		drain_last(tracer);
		ended_hits += tracer->hits;
		ended_lost += pgt_tracer_lost(tracer);
		pgt_tracer_end(tracer, &last, last_line(tracer));
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

		if (slot >= (uint32) pgt_nsessions ||
			!(tracers[slot].in_use || tracers[slot].abandoned))
			continue;
		tracers[slot].gone = true;
		pgt_tracer_release(&tracers[slot]);
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
		if (tracers[i].in_use &&
			pgt_queue_head(&tracers[i].queue) != tracers[i].queue.tail)
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
		if (tracers[i].in_use)
			pgt_tracer_leave(&tracers[i]);
	}
}
