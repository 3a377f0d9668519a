/*
 * traces.c
 *		The traces that are being written, from their begin to their end.
 *
 * The worker's loop (worker.c) calls these in turn: begin what sessions ask
 * for in shared memory, end what is over, and, when all has been drained
 * (rounds.c), do what is due.  One trace is tracer/lifecycle.c's; here is what
 * concerns all of them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"

#include "bgworker/files.h"
#include "bgworker/housekeeping.h"
#include "bgworker/rounds.h"
#include "bgworker/status.h"
#include "bgworker/tracer/activity.h"
#include "bgworker/tracer/entry.h"
#include "bgworker/tracer/libraries.h"
#include "bgworker/tracer/lifecycle.h"
#include "bgworker/tracer/probed.h"
#include "bgworker/tracer/sampling.h"
#include "bgworker/tracer/silence.h"
#include "bgworker/tracers.h"
#include "bgworker/traces.h"
#include "bgworker/wakeup.h"
#include "extension/guc.h"
#include "extension/session.h"

static PgtProbes *probes = NULL;	/* NULL: waits aren't observed */
static const char *probe_error = "";	/* why not */
static uint64 ended_hits = 0;	/* of traces that have ended */
static uint64 ended_lost = 0;

void
pgt_traces_use(PgtProbes *new_probes, const char *error)
{
	probes = new_probes;
	probe_error = error;
	pgt_rounds_use(new_probes);
}

/* ----------
 * Beginning
 * ----------
 */

/*
 * A trace that can't begin: tell whoever waits for it, or the log if nobody does
 * any longer.
 */
static void
refuse(int slot, const char *error)
{
	PgtSession *session = &pgt_sessions[slot];
	bool		locked = pgt_entry_lock(LW_EXCLUSIVE);
	int			pid = session->pid;
	int			proc_number = session->proc_number;
	uint32		flag = slot + 1;
	bool		went_on;

	/* first the flag, then the look at the writer: see emit.c */
	if (proc_number >= 0 && proc_number < pgt_nprocs)
		pg_atomic_compare_exchange_u32(&pgt_flags[proc_number], &flag, 0);
	went_on = pg_atomic_read_u64(&session->went_on_ns) != 0;
	strlcpy(session->last_error, error, PGT_ERROR_LEN);
	session->failed_generation = session->generation;
	session->state = PGT_SESSION_FREE;
	pgt_entry_unlock(locked);
	pgt_entry_changed(slot);
	if (went_on)
		ereport(LOG,
				(errmsg("session of process %d could not be traced: %s",
						pid, error)));
}

/* If it is a parallel worker, connect its file with its leader's. */
static void
link_to_leader(PgtTracer *tracer)
{
	PgtTracer  *leader = pgt_tracers_next(NULL);

	if (tracer->own.leader_cursor == 0 || tracer->linked)
		return;
	while (leader != NULL && leader->pid != tracer->own.leader_pid)
		leader = pgt_tracers_next(leader);
	if (leader != NULL)
	{
		/* so that the leader's file is where the leader is */
		(void) pgt_rounds_drain();
		pgt_tracer_link(leader, tracer);
	}
	tracer->linked = true;
}

/* Returns false with a reason in error (PGT_ERROR_LEN bytes). */
static bool
try_begin(int slot, bool resume, const PgtWriter *file, char *error)
{
	PgtTracer  *tracer = &pgt_tracers[slot];
	MemoryContext caller = CurrentMemoryContext;
	bool		begun;

	PG_TRY();
	{
		begun = pgt_tracer_begin(tracer, slot, resume, file, probes,
								 probe_error, error, PGT_ERROR_LEN);
		if (begun)
		{
			if (!tracer->gone)
				pgt_wakeup_watch(tracer->pidfd, slot);
			link_to_leader(tracer);
			pgt_housekeeping_wanted();
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

void
pgt_traces_begin(int slot)
{
	char		error[PGT_ERROR_LEN];

	if (!try_begin(slot, false, NULL, error))
		refuse(slot, error);
}

/*
 * A process is in the middle of a record of a trace that has ended, maybe with
 * the last worker.
 */
static void
hold_slot(int slot)
{
	pgt_tracer_hold(&pgt_tracers[slot], slot);
	if (pgt_tracers[slot].abandoned)
		pgt_wakeup_watch(pgt_tracers[slot].pidfd, slot);
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
		(void) pgt_rounds_drain();
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
				!pgt_tracers[slot].abandoned)
				hold_slot(slot);
			break;
		case PGT_SESSION_STARTING:
			if (pgt_enabled)
				pgt_traces_begin(slot);
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

/* How many ask for a trace at this moment */
static int
count_requests(void)
{
	int			nrequests = 0;

	for (int i = 0; i < pgt_nsessions; i++)
	{
		volatile const PgtSession *session = &pgt_sessions[i];

		nrequests += !pgt_tracers[i].in_use &&
			session->state == PGT_SESSION_STARTING;
	}
	return nrequests;
}

void
pgt_traces_handle_requests(void)
{
	/* they may ask because of it */
	if (ConfigReloadPending)
		return;
	if (probes != NULL)
		pgt_probes_expect(probes, count_requests());
	for (int i = 0; i < pgt_nsessions; i++)
	{
		if (pgt_tracers[i].in_use)
			follow_session(&pgt_tracers[i]);
		else
			look_at_slot(i);
	}
}

void
pgt_traces_resume(void)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		PgtSessionState state = state_of(i);
		char		error[PGT_ERROR_LEN];

		if ((state == PGT_SESSION_ACTIVE ||
			 (state == PGT_SESSION_STOPPING &&
			  pgt_sessions[i].trace_file[0] != '\0')) &&
			!try_begin(i, true, NULL, error))
			refuse(i, error);
	}
	/* what processes sent before they ended has been written now */
	(void) pgt_traces_end();
	if (!pgt_enabled)
		pgt_traces_stop();
}

/* ----------
 * Ending
 * ----------
 */

static const char *
last_line(const PgtTracer *tracer)
{
	if (tracer->spoilt)
		return "TRACE ENDED: ITS ENTRY IN SHARED MEMORY IS CORRUPT";
	if (tracer->gone)
		return "TRACE ENDED: THE PROCESS HAS ENDED";
	return tracer->successor != NULL ?
		"TRACE ENDED: CONTINUED IN ANOTHER FILE" : "TRACE ENDED";
}

/* The file of the process that has been traced in that slot is another one now. */
static void
begin_in(PgtSession *session, PgtWriter *file, const PgtTracer *former)
{
	int			slot = session - pgt_sessions;
	PgtTracer  *tracer = &pgt_tracers[slot];
	uint64		untold = pgt_tracer_untold(former);
	char		path[MAXPGPATH];
	char		reason[PGT_ERROR_LEN];
	char		note[MAXPGPATH + PGT_ERROR_LEN + 64];
	char		error[PGT_ERROR_LEN];

	/* it may be the same slot */
	strlcpy(path, former->writer.path, sizeof(path));
	strlcpy(reason, former->astray, sizeof(reason));
	if (!try_begin(slot, false, file, error))
	{
		refuse(slot, error);
		pgt_writer_discard(file);
		return;
	}
	snprintf(note, sizeof(note), "CONTINUED FROM FILE %s: %s", path, reason);
	pgt_format_note(&tracer->format, note);
	/* what would have been in the former file and can't be any longer */
	tracer->discarded = untold;
	pgt_tracer_flush(tracer);
	snprintf(note, sizeof(note), "CONTINUED IN A NEW FILE: %s", reason);
	pgt_tracer_set_error(tracer, note);
}

static void
end(PgtTracer *tracer)
{
	PgtSession *next = pgt_tracer_end(tracer, last_line(tracer));
	PgtWriter  *file = tracer->successor;

	ended_hits += tracer->hits;
	ended_lost += tracer->lost_in_all;
	if (next != NULL)
	{
		ended_lost -= Min(pgt_tracer_untold(tracer), ended_lost);
		begin_in(next, file, tracer);
	}
	else if (file != NULL)
		pgt_writer_discard(file);
	if (file != NULL)
		pfree(file);
}

int
pgt_traces_end(void)
{
	int			nwaiting = 0;
	int			nending = 0;

	for (PgtTracer *tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
	{
		if (!tracer->gone && !tracer->stopping)
			continue;
		if (pgt_tracer_can_end(tracer))
		{
			pgt_tracer_detach(tracer, probes);
			nending++;
		}
		else
			nwaiting++;
	}
	if (nending == 0)
		return nwaiting;

	/* one last round for all of them: each goes through all traces */
	pgt_rounds_drain_last();
	for (PgtTracer *tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
	{
		if (tracer->ending)
			end(tracer);
	}
	pgt_housekeeping_wanted();
	return nwaiting;
}

void
pgt_traces_stop(void)
{
	for (PgtTracer *tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
		tracer->stopping = tracer->disabled = true;
	while (pgt_traces_end() > 0)
	{
		(void) pgt_rounds_drain();
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
			!(pgt_tracers[slot].in_use || pgt_tracers[slot].abandoned))
			continue;
		pgt_tracers[slot].gone = true;
		pgt_tracer_release(&pgt_tracers[slot]);
	}
}

/* ----------
 * What goes on
 * ----------
 */

/* Exchange probes.  Returns when to do so again, in ms; -1: no need. */
static long
maintain_probes(void)
{
	long		again_ms;

	if (probes == NULL)
		return -1;
	again_ms = pgt_probes_maintain(probes);
	for (PgtTracer *tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
	{
		pgt_tracer_show_probe(tracer, probes);
		again_ms = pgt_earlier(again_ms, pgt_tracer_look_for_silence(tracer));
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
	uint64		drained_ns = pgt_rounds_drained_ns();
	long		due_ms = -1;

	for (PgtTracer *tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
	{
		due_ms = pgt_earlier(due_ms,
							 pgt_activity_follow(tracer, probes, drained_ns));
		due_ms = pgt_earlier(due_ms,
							 pgt_sampling_follow(tracer, probes, drained_ns));
	}
	return due_ms;
}

long
pgt_traces_follow(void)
{
	long		due_ms = pgt_files_follow();

	return pgt_earlier(due_ms, pgt_earlier(maintain_probes(), follow_calls()));
}

void
pgt_traces_show_counters(void)
{
	uint64		hits = ended_hits;
	uint64		lost = ended_lost;
	int			nsessions = 0;

	for (PgtTracer *tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
	{
		nsessions++;
		hits += tracer->hits;
		lost += pgt_tracer_lost(tracer);
	}
	pgt_status_set_counters(probes, hits, lost, nsessions);
}

bool
pgt_traces_any(void)
{
	return pgt_tracers_next(NULL) != NULL;
}

void
pgt_traces_leave(void)
{
	for (PgtTracer *tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
		pgt_tracer_leave(tracer);
}
