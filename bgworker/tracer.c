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
#include "bgworker/tracer_waits.h"
#include "extension/arrival.h"
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

void
pgt_tracer_count_event(PgtTracer *tracer)
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
	pgt_tracer_count_event(tracer);
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
	tracer->format.has_multi_nodes = state.sees_multi_nodes;
}

/* Waits that the BPF program or the merge had no room for */
static void
report_lost_waits(PgtTracer *tracer)
{
	uint64		lost;
	char		note[192];

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

static void
sink_wait(void *arg, const struct pgt_wait_event *event)
{
	pgt_tracer_put_event((PgtTracer *) arg, event);
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

	/* first: what the records are about has been seen by the program before */
	if (tracer->attached)
		note_bpf_counters(tracer, pgt_probes_state(probes, tracer->slot));
	nevents = pgt_merge_run(&tracer->merge, &session->queue, tracer->head,
							safe_ns, &sink, held);
	if (tracer->client_waited)
		pgt_running_check(tracer);
	tracer->client_waited = false;
	report_lost_waits(tracer);

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
	LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
	strlcpy(tracer->session->last_error, error, PGT_ERROR_LEN);
	LWLockRelease(pgt_lock);
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

/* NULL if it has none yet: see arrival.c. */
PGPROC *
pgt_tracer_proc(const PgtTracer *tracer)
{
	int			proc_number = tracer->session->proc_number;

	return proc_number >= 0 ? &ProcGlobal->allProcs[proc_number] : NULL;
}

PgtProbedProcess
pgt_tracer_process(const PgtTracer *tracer)
{
	PGPROC	   *proc = pgt_tracer_proc(tracer);
	PgtProbedProcess process = {.pid = tracer->pid};

	if (proc == NULL)
	{
		process.address = pgt_arrival_local_word();
		process.pointer = pgt_arrival_pointer();
		return process;
	}
	process.address = &proc->wait_event_info;
	process.latch = &proc->procLatch;
	return process;
}

static void
attach_probes(PgtTracer *tracer, PgtProbes *probes, const char *probe_error)
{
	PgtProbedProcess process = pgt_tracer_process(tracer);
	char		error[PGT_ERROR_LEN];
	char		note[PGT_ERROR_LEN + 64];
	const char *problem;

	strlcpy(error, probe_error, sizeof(error));
	if (probes != NULL &&
		pgt_probes_attach(probes, tracer->slot, tracer->generation,
						  &process, error, sizeof(error)))
	{
		tracer->attached = true;
		tracer->format.has_waits = true;
		/* in this order: the value is one of not before that time */
		if (process.pointer == NULL)
			tracer->first_value = *(volatile const uint32 *) process.address;
		pg_memory_barrier();
		tracer->first_ns = pgt_clock_now();
		pgt_tracer_look_at_first_wait(tracer, probes);
		pgt_format_note(&tracer->format, "WAIT TRACING STARTED");
		problem = pgt_probes_problem(probes, tracer->slot);
		if (problem != NULL)
		{
			snprintf(note, sizeof(note), "WAITS MAY BE MISSING: %s", problem);
			pgt_format_note(&tracer->format, note);
			pgt_tracer_set_error(tracer, note);
		}
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
	static const char *const error =
		"the kernel doesn't tell: it was built without CONFIG_SCHED_INFO";
	char		note[PGT_ERROR_LEN];

	if (!pgt_run_queue_is_known())
	{
		snprintf(note, sizeof(note), "THE RUN QUEUE IS NOT TRACED: %s", error);
		pgt_format_note(&tracer->format, note);
		pgt_tracer_set_error(tracer, error);
		return;
	}
	if (tracer->attached)
		pgt_probes_watch_run_queue(probes, tracer->slot);
	tracer->format.run_delay_ns = pgt_run_queue_ns_of(tracer->pid);
	tracer->format.has_run_queue = true;
}

/* Let the process's hooks send records from now on, or when it has some. */
static void
set_flag(const PgtTracer *tracer)
{
	if (tracer->session->proc_number < 0)
		return;
	pg_atomic_exchange_u32(&pgt_flags[tracer->session->proc_number],
						   tracer->slot + 1);
}

/*
 * The process may be gone and its PGPROC, with the flag, another one's by now,
 * whose trace has begun.
 */
void
pgt_tracer_clear_flag(const PgtTracer *tracer)
{
	uint32		mine = tracer->slot + 1;

	if (tracer->session->proc_number < 0)
		return;
	pg_atomic_compare_exchange_u32(&pgt_flags[tracer->session->proc_number],
								   &mine, 0);
}

static void
show_active(PgtTracer *tracer)
{
	PgtSession *session = tracer->session;

	LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
	if (session->started_at == 0)
		session->started_at = GetCurrentTimestamp();
	strlcpy(session->probe, pgt_probe_name(tracer->probe), PGT_PROBE_LEN);
	strlcpy(session->trace_file, tracer->writer.path, MAXPGPATH);
	if (session->state == PGT_SESSION_STARTING)
		session->state = PGT_SESSION_ACTIVE;
	LWLockRelease(pgt_lock);
	ConditionVariableBroadcast(&session->state_cv);
}

static bool
watch_process(PgtTracer *tracer, char *error, size_t error_len)
{
	const PGPROC *proc = pgt_tracer_proc(tracer);

	tracer->pidfd = pgt_pidfd_open(tracer->pid);
	/*
	 * A pid that was given to another process would not be the proc's; and
	 * whoever has none waits for us.
	 */
	if (tracer->pidfd < 0 || (proc != NULL && proc->pid != tracer->pid))
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
	PgtSession *session = &pgt_sessions[slot];
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
		opened = pgt_writer_reopen(&tracer->writer, tracer->pid,
								   session->trace_file, error, error_len);
	else
		opened = pgt_writer_create(&tracer->writer, tracer->pid,
								   session->options.identifier,
								   session->owner, error, error_len);
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
	pgt_tracer_clear_flag(tracer);
	return pg_atomic_read_u32(&tracer->session->writing) == 0;
}

struct pgt_wait_state
pgt_tracer_detach(PgtTracer *tracer, PgtProbes *probes)
{
	struct pgt_wait_state last = {0};

	pgt_tracer_clear_flag(tracer);
	if (tracer->attached)
	{
		last = pgt_tracer_look_at_lock(tracer, probes);
		note_bpf_counters(tracer, last);
		pgt_probes_detach(probes, tracer->slot);
		tracer->attached = false;
	}
	return last;
}

void
pgt_tracer_end(PgtTracer *tracer, const struct pgt_wait_state *last,
			   const char *reason)
{
	PgtSession *session = tracer->session;

	sink_text_missing(tracer, tracer->format.text_left);
	pgt_tracer_put_last_wait(tracer, last);
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

	LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
	session->state = PGT_SESSION_FREE;
	/* a parallel worker may have set it after pgt_tracer_can_end() */
	pgt_tracer_clear_flag(tracer);
	LWLockRelease(pgt_lock);
	ConditionVariableBroadcast(&session->state_cv);
}
