/*
 * tracer.c
 *		The worker's part of one traced process.
 *
 * Ties together what belongs to a session's slot in the worker: the probes'
 * link, the merge of both streams, the format's state and the file.
 */
#include "postgres.h"

#include <unistd.h>

#include "pgstat.h"
#include "storage/fd.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "bgworker/compat_bpf.h"
#include "bgworker/running.h"
#include "bgworker/sampling.h"
#include "bgworker/tracer.h"
#include "bgworker/tracer_probes.h"
#include "bgworker/waits.h"
#include "extension/clock.h"
#include "extension/compat.h"
#include "extension/guc.h"
#include "extension/run_queue.h"

/* The buffer is written when it has grown to this size, at the latest. */
#define FLUSH_SIZE		(256 * 1024)

/* ----------
 * The merged stream
 * ----------
 */

static void
count_event(PgtTracer *tracer)
{
	tracer->unflushed++;
	if (tracer->writer.buffer.len >= FLUSH_SIZE)
		pgt_tracer_flush(tracer);
}

static void
sink_record(void *arg, const PgtRecord *record)
{
	PgtTracer  *tracer = (PgtTracer *) arg;

	tracer->sql_events++;
	/* a text that has begun is completed even past the limit */
	if (record->type != PGT_RECORD_TEXT &&
		!pgt_writer_has_room(&tracer->writer))
	{
		tracer->discarded++;
		return;
	}
	if (record->type == PGT_RECORD_TEXT && tracer->format.text_left == 0)
		return;
	pgt_format_record(&tracer->format, record);
	count_event(tracer);
}

static void
sink_text_missing(void *arg, uint64 left)
{
	PgtTracer  *tracer = (PgtTracer *) arg;

	if (tracer->format.text_left > 0)
		pgt_format_text_missing(&tracer->format, left);
}

static void
sink_corrupt(void *arg)
{
	PgtTracer  *tracer = (PgtTracer *) arg;

	tracer->discarded++;
	pgt_format_note(&tracer->format,
					"LOST AN UNKNOWN NUMBER OF EVENTS: THE SESSION'S QUEUE WAS CORRUPT");
	ereport(LOG,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the queue of traced process %d is corrupt",
					tracer->pid)));
}

/* Writes a wait to the file; the blockers of one for a lock, if known, too. */
static void
put_wait(PgtTracer *tracer, PgtWait *wait)
{
	tracer->wait_events++;
	tracer->client_waited |= wait->name->for_client;
	tracer->last_start_ns = wait->start_ns;
	if (!pgt_writer_has_room(&tracer->writer))
	{
		tracer->discarded++;
		return;
	}
	wait->relations = &tracer->relations;
	for (int i = 0; i < PGT_KEPT_BLOCKERS; i++)
	{
		if (tracer->blockers[i].count > 0 &&
			tracer->blockers[i].start_ns == wait->start_ns)
			wait->blockers = &tracer->blockers[i];
	}
	pgt_format_wait(&tracer->format, wait);
	count_event(tracer);
}

/* The wait that was going on when the probes were attached */
static void
put_first_wait(PgtTracer *tracer, uint64 end_ns, uint64 plan_node)
{
	PgtWait		wait = {
		.name = pgt_wait_name(tracer->first_value),
		.start_ns = tracer->first_ns,
		.end_ns = end_ns,
		.partial = true,
		.plan_node = plan_node,
		.mode = tracer->edge_mode,
		.target_kind = tracer->edge_kind,
		.target = &tracer->edge_target,
	};

	put_wait(tracer, &wait);
}

/*
 * The first hit after the probes were attached.  The wait that the process
 * was in at that time, if any, is over unless the word still has its value.
 * If the hit came before the worker had looked, nothing is known but what
 * the BPF program saw.
 */
static void
sink_first_hit(PgtTracer *tracer, const struct pgt_wait_event *event)
{
	if (event->end_ns < tracer->first_ns || tracer->first_value == 0)
		return;

	if (event->next_value == tracer->first_value)
		tracer->unresolved_ns = event->end_ns;
	else
		put_first_wait(tracer, event->end_ns, 0);
}

/* What of the time in the run queue was before the wait */
static void
put_run_queue(PgtTracer *tracer, const struct pgt_wait_event *event)
{
	if (!pgt_writer_has_room(&tracer->writer))
		return;
	if (event->flags & PGT_WAIT_FIRST)
	{
		/* before the first hit it may have run or waited, but not both */
		if (tracer->first_value == 0)
			pgt_format_run_queue(&tracer->format, event->run_delay_end_ns,
								 event->end_ns);
	}
	else
		pgt_format_run_queue(&tracer->format, event->run_delay_start_ns,
							 event->start_ns);
}

static void
sink_wait(void *arg, const struct pgt_wait_event *event)
{
	PgtTracer  *tracer = (PgtTracer *) arg;
	const struct pgt_target *target = event->target == PGT_TARGET_NONE ?
		NULL : &((const struct pgt_target_event *) event)->target;

	if (event->target == PGT_TARGET_RELATION)
	{
		pgt_relations_learn(&tracer->relations, &target->relation);
		return;
	}
	if (event->flags & PGT_WAIT_SAMPLE)
	{
		pgt_format_node_sample(&tracer->format, event->plan_node,
							   event->end_ns - event->start_ns);
		return;
	}
	put_run_queue(tracer, event);
	if (event->flags & PGT_WAIT_FIRST)
		sink_first_hit(tracer, event);
	else if (event->start_ns == tracer->unresolved_ns)
		put_first_wait(tracer, event->end_ns, event->plan_node);
	else
	{
		PgtWait		wait = {
			.name = pgt_wait_name(event->wait_event_info),
			.start_ns = event->start_ns,
			.end_ns = event->end_ns,
			.plan_node = event->plan_node,
			.mode = event->mode,
			.target_kind = event->target,
			.target = target,
		};

		put_wait(tracer, &wait);
	}
	pgt_format_run_queue_in_wait(&tracer->format, event->run_delay_end_ns);
}

void
pgt_tracer_add_wait(PgtTracer *tracer, const struct pgt_wait_event *event)
{
	pgt_merge_add_wait(&tracer->merge, event);
}

void
pgt_tracer_note(PgtTracer *tracer)
{
	tracer->head = pgt_queue_head(&tracer->session->queue);
}

static void
note_bpf_counters(PgtTracer *tracer, struct pgt_wait_state state)
{
	tracer->hits = state.hits;
	tracer->bpf_lost = state.lost + state.faults;
}

/* Waits that the BPF program or the merge had no room for */
static void
report_lost_waits(PgtTracer *tracer, const PgtProbes *probes)
{
	uint64		lost;
	char		note[192];

	if (tracer->attached)
		note_bpf_counters(tracer, pgt_probes_state(probes, tracer->slot));
	lost = tracer->bpf_lost + tracer->merge.dropped;
	if (lost <= tracer->lost_waits || tracer->format.text_left > 0)
		return;
	snprintf(note, sizeof(note),
			 "LOST " UINT64_FORMAT " WAIT EVENTS: THE BPF RING BUFFER WAS FULL OR THE EVENT UNREADABLE",
			 lost - tracer->lost_waits);
	if (pgt_writer_has_room(&tracer->writer))
		pgt_format_note(&tracer->format, note);
	tracer->lost_waits = lost;
	/* what relations have which files may be among what was lost */
	pgt_relations_forget(&tracer->relations);
}

/* ----------
 * Waits for locks
 * ----------
 */

/* Is the process still in the wait for a lock that began at start_ns? */
static bool
waits_since(const PgtTracer *tracer, const PgtProbes *probes, uint64 start_ns)
{
	struct pgt_wait_state state = pgt_probes_state(probes, tracer->slot);

	return state.generation == tracer->generation &&
		state.start_ns == start_ns && state.value != 0;
}

static void
find_blockers(PgtTracer *tracer, uint64 start_ns)
{
	PgtBlockers *blockers =
		&tracer->blockers[tracer->next_blockers++ % PGT_KEPT_BLOCKERS];

	if (pgt_blockers_find(tracer->pid, tracer->session->role, blockers))
		blockers->start_ns = start_ns;
}

void
pgt_tracer_look_for_blockers(PgtTracer *tracer, const PgtProbes *probes)
{
	uint64		start_ns = tracer->lock_wait_ns;

	tracer->lock_wait_ns = 0;
	if (start_ns == 0 || !tracer->attached ||
		!waits_since(tracer, probes, start_ns))
		return;
	find_blockers(tracer, start_ns);
	pg_memory_barrier();
	/* else they may be those of the next wait */
	if (!waits_since(tracer, probes, start_ns))
		tracer->blockers[(tracer->next_blockers - 1) % PGT_KEPT_BLOCKERS].count = 0;
}

/*
 * The lock that the process waits for at the edge of its trace, where there
 * is no event that tells.  Returns the state, which must not have changed.
 */
static struct pgt_wait_state
look_at_lock(PgtTracer *tracer, const PgtProbes *probes)
{
	PGPROC	   *proc = &ProcGlobal->allProcs[tracer->session->proc_number];
	struct pgt_wait_state before = pgt_probes_state(probes, tracer->slot);
	struct pgt_wait_state after;

	tracer->edge_kind = PGT_TARGET_NONE;
	tracer->edge_mode = PGT_NO_MODE;
	if (!tracer->gone &&
		pgt_blockers_lock(proc, &tracer->edge_target.lock, &tracer->edge_mode))
		tracer->edge_kind = PGT_TARGET_LOCK;

	pg_memory_barrier();
	after = pgt_probes_state(probes, tracer->slot);
	if (tracer->edge_kind != PGT_TARGET_NONE &&
		(before.start_ns != after.start_ns || before.value != after.value ||
		 (after.value != PGT_VALUE_UNKNOWN &&
		  after.value != proc->wait_event_info) ||
		 proc->pid != tracer->pid))
	{
		tracer->edge_kind = PGT_TARGET_NONE;
		tracer->edge_mode = PGT_NO_MODE;
	}
	return after;
}

/* The probes have been attached: is the process waiting for a lock? */
static void
look_at_first_wait(PgtTracer *tracer, const PgtProbes *probes)
{
	(void) look_at_lock(tracer, probes);
	if (tracer->edge_kind != PGT_TARGET_LOCK)
		return;
	find_blockers(tracer, tracer->first_ns);
	pg_memory_barrier();
	/* any hit of a probe means that the wait was over */
	if (pgt_probes_state(probes, tracer->slot).hits > 0)
	{
		tracer->edge_kind = PGT_TARGET_NONE;
		tracer->edge_mode = PGT_NO_MODE;
		tracer->blockers[0].count = 0;
	}
}

int
pgt_tracer_drain(PgtTracer *tracer, PgtProbes *probes, uint64 safe_ns,
				 bool *held)
{
	PgtMergeSink sink = {
		.record = sink_record,
		.wait = sink_wait,
		.text_missing = sink_text_missing,
		.corrupt = sink_corrupt,
		.arg = tracer,
	};
	PgtSession *session = tracer->session;
	int			nevents;

	nevents = pgt_merge_run(&tracer->merge, &session->queue, tracer->head,
							safe_ns, &sink, held);
	if (tracer->client_waited)
		pgt_running_check(tracer);
	tracer->client_waited = false;
	report_lost_waits(tracer, probes);

	/* whoever waits for room has some now */
	pg_atomic_write_u32(&session->half_full, 0);
	pg_memory_barrier();
	if (nevents > 0 && pg_atomic_read_u32(&session->waiting) != 0)
		ConditionVariableBroadcast(&session->room_cv);
	return nevents;
}

/* ----------
 * Writing
 * ----------
 */

void
pgt_tracer_set_error(PgtTracer *tracer, const char *error)
{
	LWLockAcquire(pgt_shared->lock, LW_EXCLUSIVE);
	strlcpy(tracer->session->last_error, error, PGT_ERROR_LEN);
	LWLockRelease(pgt_shared->lock);
}

static void
flush_failed(PgtTracer *tracer)
{
	char		error[PGT_ERROR_LEN];

	snprintf(error, sizeof(error), "could not write to the trace file: %m");
	pgt_tracer_set_error(tracer, error);
	if (!tracer->write_failed)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not write to trace file \"%s\": %m",
						tracer->writer.path),
				 errdetail("Events are lost until writing succeeds again.")));
	tracer->write_failed = true;
	tracer->discarded += tracer->unflushed;
}

void
pgt_tracer_flush(PgtTracer *tracer)
{
	PgtSession *session = tracer->session;
	bool		failed_before = tracer->write_failed;

	if (tracer->writer.fd < 0)
		return;
	if (tracer->writer.buffer.len > 0)
	{
		if (pgt_writer_flush(&tracer->writer))
			tracer->write_failed = false;
		else
			flush_failed(tracer);
		tracer->unflushed = 0;
	}
	if (failed_before && !tracer->write_failed)
		appendStringInfo(&tracer->writer.buffer,
						 "\n*** LOST EVENTS, " UINT64_FORMAT " SO FAR: THE FILE COULD NOT BE WRITTEN\n",
						 tracer->discarded);

	pg_atomic_write_u64(&session->bytes_written, tracer->writer.bytes);
	pg_atomic_write_u64(&session->sql_events, tracer->sql_events);
	pg_atomic_write_u64(&session->wait_events, tracer->wait_events);
	pg_atomic_write_u64(&session->lost_events,
						tracer->discarded + tracer->lost_waits);
}

uint64
pgt_tracer_lost(const PgtTracer *tracer)
{
	return tracer->discarded + tracer->lost_waits +
		pg_atomic_read_u64(&tracer->session->queue.lost);
}

/* ----------
 * Beginning
 * ----------
 */

static void
attach_probes(PgtTracer *tracer, PgtProbes *probes, const char *probe_error)
{
	PGPROC	   *proc = &ProcGlobal->allProcs[tracer->session->proc_number];
	volatile uint32 *word = (volatile uint32 *) &proc->wait_event_info;
	PgtProbedProcess process = {
		.pid = tracer->pid,
		.address = (const void *) word,
		.latch = &proc->procLatch,
	};
	char		error[PGT_ERROR_LEN];
	char		note[PGT_ERROR_LEN + 64];

	strlcpy(error, probe_error, sizeof(error));
	if (probes != NULL &&
		pgt_probes_attach(probes, tracer->slot, tracer->generation,
						  &process, error, sizeof(error)))
	{
		tracer->attached = true;
		tracer->format.has_waits = true;
		/* in this order: the value is one of not before that time */
		tracer->first_value = *word;
		pg_memory_barrier();
		tracer->first_ns = pgt_clock_now();
		look_at_first_wait(tracer, probes);
		pgt_format_note(&tracer->format, "WAIT TRACING STARTED");
		if (error[0] != '\0')
			pgt_tracer_set_error(tracer, error);
		tracer->probe = pgt_probes_of(probes, tracer->slot);
		pgt_tracer_libraries(tracer, probes);
		return;
	}
	snprintf(note, sizeof(note), "WAITS ARE NOT TRACED: %s", error);
	pgt_format_note(&tracer->format, note);
	pgt_tracer_set_error(tracer, error);
}

/* Time in the run queue that a wait has is its own, so waits must tell. */
static void
watch_run_queue(PgtTracer *tracer, PgtProbes *probes)
{
	char		error[PGT_ERROR_LEN];
	char		note[PGT_ERROR_LEN + 64];

	if (tracer->attached &&
		!pgt_probes_watch_run_queue(probes, tracer->slot,
									error, sizeof(error)))
	{
		snprintf(note, sizeof(note), "THE RUN QUEUE IS NOT TRACED: %s", error);
		pgt_format_note(&tracer->format, note);
		pgt_tracer_set_error(tracer, error);
		return;
	}
	tracer->format.run_delay_ns = pgt_run_queue_ns_of(tracer->pid);
	tracer->format.has_run_queue = true;
}

/* Let the process's hooks send records from now on. */
static void
set_flag(const PgtTracer *tracer)
{
	pg_atomic_exchange_u32(&pgt_shared->flags[tracer->session->proc_number],
						   tracer->slot + 1);
}

/*
 * No longer.  The process may be gone and its PGPROC, with the flag, another
 * one's by now, whose trace has begun.
 */
static void
clear_flag(const PgtTracer *tracer)
{
	uint32		mine = tracer->slot + 1;

	pg_atomic_compare_exchange_u32(&pgt_shared->flags[tracer->session->proc_number],
								   &mine, 0);
}

static void
show_active(PgtTracer *tracer)
{
	PgtSession *session = tracer->session;

	LWLockAcquire(pgt_shared->lock, LW_EXCLUSIVE);
	if (session->started_at == 0)
		session->started_at = GetCurrentTimestamp();
	strlcpy(session->probe, pgt_probe_name(tracer->probe), PGT_PROBE_LEN);
	strlcpy(session->trace_file, tracer->writer.path, MAXPGPATH);
	if (session->state == PGT_SESSION_STARTING)
		session->state = PGT_SESSION_ACTIVE;
	LWLockRelease(pgt_shared->lock);
	ConditionVariableBroadcast(&session->state_cv);
}

static bool
watch_process(PgtTracer *tracer, char *error, size_t error_len)
{
	PGPROC	   *proc = &ProcGlobal->allProcs[tracer->session->proc_number];

	tracer->pidfd = pgt_pidfd_open(tracer->pid);
	/* a pid that was given to another process would not be the proc's */
	if (tracer->pidfd < 0 || proc->pid != tracer->pid)
	{
		snprintf(error, error_len, "process %d has ended", tracer->pid);
		if (tracer->pidfd >= 0)
			close(tracer->pidfd);
		tracer->pidfd = -1;
		return false;
	}
	ReserveExternalFD();
	return true;
}

static void
stop_watching(PgtTracer *tracer)
{
	if (tracer->pidfd < 0)
		return;
	close(tracer->pidfd);
	ReleaseExternalFD();
	tracer->pidfd = -1;
}

bool
pgt_tracer_begin(PgtTracer *tracer, int slot, bool resume,
				 PgtProbes *probes, const char *probe_error,
				 char *error, size_t error_len)
{
	PgtSession *session = &pgt_shared->sessions[slot];
	PgtActivity activity;
	bool		in_middle;
	uint64		begin_ns;
	bool		opened;

	memset(tracer, 0, sizeof(*tracer));
	tracer->slot = slot;
	tracer->session = session;
	tracer->generation = session->generation;
	tracer->pid = session->pid;
	tracer->writer.fd = -1;
	pgt_merge_init(&tracer->merge);

	if (!watch_process(tracer, error, error_len))
		return false;
	if (resume)
		opened = pgt_writer_reopen(&tracer->writer, session->trace_file,
								   error, error_len);
	else
		opened = pgt_writer_create(&tracer->writer, tracer->pid,
								   session->options.identifier,
								   error, error_len);
	if (!opened)
	{
		stop_watching(tracer);
		return false;
	}
	tracer->in_use = true;

	pgt_format_init(&tracer->format, &tracer->writer.buffer);
	if (resume)
	{
		/* what was lost with the old worker's memory can't be counted */
		pgt_format_note(&tracer->format,
						"TRACE CONTINUED AFTER A RESTART OF THE WORKER, EVENTS MAY BE MISSING HERE");
		pgt_node_sums_incomplete(&tracer->format.sums);
	}
	else
		pgt_format_header(&tracer->format, session, tracer->writer.path);

	if (!resume)
		session->running_since = 0;
	in_middle = session->remote && !resume &&
		pgt_running_look(tracer, &activity);
	begin_ns = pgt_clock_now();
	set_flag(tracer);
	if (session->options.waits)
		attach_probes(tracer, probes, probe_error);
	if (session->options.cpu)
		watch_run_queue(tracer, probes);
	if (session->options.node_timing == PGT_NODE_TIMING_SAMPLED &&
		session->options.plan_stat != PGT_PLAN_STAT_NEVER)
		pgt_sampling_try(tracer, probes);
	if (in_middle)
	{
		pgt_running_show(tracer, &activity, begin_ns);
		pfree(activity.text);
	}
	if (session->remote)
		pgt_running_show_wait(tracer);
	pgt_tracer_flush(tracer);
	show_active(tracer);
	return true;
}

void
pgt_tracer_link(PgtTracer *leader, PgtTracer *worker)
{
	uint32		cursor = worker->session->leader_cursor;
	char		note[MAXPGPATH + 128];

	snprintf(note, sizeof(note), "PARALLEL WORKER OF CURSOR #%u: PROCESS %d, FILE %s",
			 cursor, worker->pid, worker->writer.path);
	if (leader->format.text_left == 0 && pgt_writer_has_room(&leader->writer))
		pgt_format_note(&leader->format, note);

	snprintf(note, sizeof(note), "PARALLEL LEADER: PROCESS %d, CURSOR #%u, FILE %s",
			 leader->pid, cursor, leader->writer.path);
	pgt_format_note(&worker->format, note);
}

/* ----------
 * Ending
 * ----------
 */

bool
pgt_tracer_can_end(const PgtTracer *tracer)
{
	if (tracer->gone)
		return true;
	if (!tracer->stopping)
		return false;
	/* first the flag, then the look at the writer: see emit.c */
	clear_flag(tracer);
	return pg_atomic_read_u32(&tracer->session->writing) == 0;
}

struct pgt_wait_state
pgt_tracer_detach(PgtTracer *tracer, PgtProbes *probes)
{
	struct pgt_wait_state last = {0};

	clear_flag(tracer);
	if (tracer->attached)
	{
		last = look_at_lock(tracer, probes);
		note_bpf_counters(tracer, last);
		pgt_probes_detach(probes, tracer->slot);
		tracer->attached = false;
	}
	return last;
}

/* The wait that is going on while tracing ends */
static void
put_last_wait(PgtTracer *tracer, const struct pgt_wait_state *last)
{
	uint64		now_ns = pgt_clock_now();
	PgtWait		wait = {
		.end_ns = now_ns,
		.partial = true,
		.mode = tracer->edge_mode,
		.target_kind = tracer->edge_kind,
		.target = &tracer->edge_target,
	};

	if (last->generation == 0 || tracer->gone)
		return;
	/* the probes may have run once more after last was read */
	if (last->value == PGT_VALUE_UNKNOWN && tracer->first_value != 0 &&
		tracer->last_start_ns != tracer->first_ns)
		put_first_wait(tracer, now_ns, 0);
	else if (last->value != PGT_VALUE_UNKNOWN && last->value != 0 &&
			 last->start_ns != tracer->last_start_ns)
	{
		wait.name = pgt_wait_name(last->value);
		wait.start_ns = last->start_ns == tracer->unresolved_ns ?
			tracer->first_ns : last->start_ns;
		wait.plan_node = last->plan_node;
		put_wait(tracer, &wait);
	}
}

void
pgt_tracer_end(PgtTracer *tracer, const struct pgt_wait_state *last,
			   const char *reason)
{
	PgtSession *session = tracer->session;

	sink_text_missing(tracer, tracer->format.text_left);
	put_last_wait(tracer, last);
	if (tracer->session->options.waits)
		pgt_format_note(&tracer->format, "WAIT TRACING STOPPED");
	tracer->format.wall_clock_ns = 0;
	pgt_format_wall_clock(&tracer->format, pgt_clock_now());
	pgt_format_note(&tracer->format, reason);
	pgt_tracer_flush(tracer);

	pgt_writer_close(&tracer->writer);
	pgt_merge_free(&tracer->merge);
	pgt_format_free(&tracer->format);
	pgt_relations_forget(&tracer->relations);
	stop_watching(tracer);
	tracer->in_use = false;

	/* whoever was killed in the middle of a record will not complete it */
	if (tracer->gone)
		pg_atomic_write_u32(&session->writing, 0);

	LWLockAcquire(pgt_shared->lock, LW_EXCLUSIVE);
	session->state = PGT_SESSION_FREE;
	LWLockRelease(pgt_shared->lock);
	ConditionVariableBroadcast(&session->state_cv);
}
