/*
 * lifecycle.c
 *		How the trace of one process begins, follows the process, and ends.
 *
 * What its session asks for stands in its entry in shared memory.  The file is
 * opened first, then the probes are attached, so that it can say whether that
 * worked; what goes into it from then on is stream.c's.  When the trace is to
 * end, the process has to let go of its queue first.
 */
#include "postgres.h"

#include <unistd.h>

#include "pgstat.h"
#include "storage/fd.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "bgworker/probes/compat.h"
#include "bgworker/trace/grammar.h"
#include "bgworker/tracer/activity.h"
#include "bgworker/tracer/cpu.h"
#include "bgworker/tracer/entry.h"
#include "bgworker/tracer/file.h"
#include "bgworker/tracer/lifecycle.h"
#include "bgworker/tracer/probed.h"
#include "bgworker/tracer/records.h"
#include "bgworker/tracer/sampling.h"
#include "bgworker/tracer/stream.h"
#include "bgworker/tracer/waits.h"
#include "extension/clock.h"
#include "extension/compat.h"
#include "extension/guc.h"

/* How long a process may take to complete a record when its trace is to end */
#define WRITER_PATIENCE_NS	UINT64CONST(1000000000)

/* ----------
 * Beginning
 * ----------
 */

/* Time in the run queue that a wait has is its own, so waits must tell. */
static void
watch_run_queue(PgtTracer *tracer, PgtProbes *probes)
{
	static const char *const error =
		"the kernel doesn't tell: it was built without CONFIG_SCHED_INFO";
	char		note[PGT_ERROR_LEN];

	if (!pgt_cpu_run_queue_is_known())
	{
		snprintf(note, sizeof(note), "THE RUN QUEUE IS NOT TRACED: %s", error);
		pgt_format_note(&tracer->format, note);
		pgt_tracer_set_error(tracer, error);
		return;
	}
	if (tracer->attached)
		pgt_probes_watch_cpu(probes, tracer->slot);
	/* so that it is known when it is needed */
	(void) pgt_cpu_clock_gain(0);
	tracer->format.run_delay_ns = pgt_cpu_run_queue_ns(tracer->pid);
	tracer->format.has_run_queue = true;
}

/* Let the process's hooks send records from now on, or when it has some. */
static void
set_flag(const PgtTracer *tracer)
{
	if (tracer->proc_number < 0 || tracer->gone)
		return;
	pg_atomic_exchange_u32(&pgt_flags[tracer->proc_number], tracer->slot + 1);
}

/*
 * The process may be gone and its PGPROC, with the flag, another one's by now,
 * whose trace has begun.
 */
void
pgt_tracer_clear_flag(const PgtTracer *tracer)
{
	uint32		mine = tracer->slot + 1;

	if (tracer->proc_number < 0)
		return;
	pg_atomic_compare_exchange_u32(&pgt_flags[tracer->proc_number], &mine,
								   tracer->disabled ? PGT_LOOK_AGAIN : 0);
}

static void
show_active(PgtTracer *tracer)
{
	PgtSession *session = tracer->session;
	bool		locked = pgt_entry_lock(LW_EXCLUSIVE);

	if (session->started_at == 0)
		session->started_at = GetCurrentTimestamp();
	strlcpy(session->probe, pgt_probe_name(tracer->probe), PGT_PROBE_LEN);
	strlcpy(session->trace_file, tracer->writer.path, MAXPGPATH);
	if (session->state == PGT_SESSION_STARTING)
		session->state = PGT_SESSION_ACTIVE;
	pgt_entry_unlock(locked);
	pgt_entry_changed(tracer->slot);
}

/*
 * Find out whether the process is one of this server's and still there, and
 * watch it.  Its pid may have been given to another one meanwhile, or stand
 * for anything, so nothing is done about it before.
 */
static bool
watch_process(PgtTracer *tracer, char *error, size_t error_len)
{
	errno = 0;
	tracer->pidfd = tracer->pid > 0 ? pgt_pidfd_open(tracer->pid) : -1;

	/* whoever has no PGPROC yet waits for us */
	if (tracer->pidfd < 0 || !pgt_entry_is_process(tracer->pid) ||
		(tracer->proc_number >= 0 ? pgt_tracer_proc(tracer) == NULL :
		 !tracer->own.forked))
	{
		if (errno == EMFILE || errno == ENFILE)
			snprintf(error, error_len, "could not watch process %d: %m",
					 tracer->pid);
		else
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

/* What the slot asks for, checked as far as that isn't done elsewhere */
static bool
take_entry(PgtTracer *tracer, int slot, char *error, size_t error_len)
{
	/* the slot's last process may still have been watched */
	pgt_tracer_release(tracer);
	memset(tracer, 0, sizeof(*tracer));
	tracer->slot = slot;
	tracer->session = &pgt_sessions[slot];
	tracer->pidfd = -1;
	tracer->writer.fd = -1;
	pgt_merge_init(&tracer->merge);
	pgt_entry_copy(&tracer->own, slot);
	tracer->generation = tracer->own.generation;
	tracer->pid = tracer->own.pid;
	tracer->proc_number = tracer->own.proc_number;
	pgt_queue_open(&tracer->queue, pgt_queues[slot]);
	tracer->head = tracer->queue.tail;

	if (tracer->generation != 0 && tracer->proc_number >= -1 &&
		tracer->proc_number < pgt_nprocs &&
		pgt_entry_is_identifier(tracer->own.options.identifier))
		return true;
	strlcpy(error, "its entry in shared memory is corrupt", error_len);
	return false;
}

/* Write what the process has sent while no worker was there to read it. */
static void
write_backlog(PgtTracer *tracer)
{
	bool		held;

	pgt_tracer_note(tracer);
	do
	{
		(void) pgt_tracer_drain(tracer, NULL, 0, &held);
	} while (held);
}

/* As the file has them, they are those of all workers. */
static void
restore_counters(PgtTracer *tracer)
{
	PgtSession *session = tracer->session;
	uint64		told = pg_atomic_read_u64(&session->told_events);

	tracer->sql_events = pg_atomic_read_u64(&session->sql_events);
	tracer->wait_events = pg_atomic_read_u64(&session->wait_events);
	tracer->discarded = pg_atomic_read_u64(&session->lost_events);
	tracer->told_discarded = Min(told, tracer->discarded);
	tracer->told_queue = pg_atomic_read_u64(&session->told_queue);
	tracer->own_waits_us[PGT_TRACER_NONE] =
		pg_atomic_read_u64(&session->tracer_wait_us);
}

/* Behind the head: what has to be said where another worker goes on */
static void
begin_file(PgtTracer *tracer, bool resume)
{
	PgtFormat  *format = &tracer->format;

	pgt_format_init(format, &tracer->writer.buffer);
	format->wall_clock_ns = pgt_clock_now();
	tracer->parts = pgt_parts_create();
	if (!resume)
		return;
	pgt_parts_resume(tracer->parts, tracer->writer.part);
	restore_counters(tracer);
	/* what was lost with the old worker's memory can't be counted */
	pgt_format_note(format,
					"TRACE CONTINUED AFTER A RESTART OF THE WORKER, EVENTS MAY BE MISSING HERE");
	pgt_node_sums_incomplete(&format->sums);
	if (tracer->own.options.waits)
		pgt_format_note(format,
						"TIMED EVENTS ARE NOT TRACED: the worker was not running");
	write_backlog(tracer);
}

/* The process has ended, but what it has sent is to be written. */
static void
miss_process(PgtTracer *tracer)
{
	if (tracer->own.options.waits)
		pgt_format_note(&tracer->format,
						"TIMED EVENTS ARE NOT TRACED: the process had ended");
}

/* Everything about the process itself, which is there */
static void
observe(PgtTracer *tracer, bool resume,
		PgtProbes *probes, const char *probe_error)
{
	const PgtOptions *options = &tracer->own.options;
	PgtActivity activity;
	bool		in_middle;
	uint64		begin_ns;

	in_middle = tracer->own.remote && !resume &&
		pgt_activity_look(tracer, &activity);
	begin_ns = pgt_clock_now();
	set_flag(tracer);
	if (options->waits)
		pgt_tracer_attach(tracer, probes, probe_error);
	if (options->cpu)
		watch_run_queue(tracer, probes);
	if (options->node_timing == PGT_NODE_TIMING_SAMPLED &&
		options->plan_stat != PGT_PLAN_STAT_NEVER)
		pgt_sampling_try(tracer, probes);
	if (in_middle)
	{
		pgt_activity_show(tracer, &activity, begin_ns);
		pfree(activity.text);
	}
	if (tracer->own.remote)
		pgt_activity_show_wait(tracer);
}

/* The file that it is to have: file if there is one already. */
static bool
open_file(PgtTracer *tracer, bool resume, const PgtWriter *file,
		  char *error)
{
	if (resume)
		pgt_file_resume(tracer);
	else if (file != NULL)
		tracer->writer = *file;
	else
		return pgt_file_create(&tracer->writer, &tracer->own, error);
	return true;
}

bool
pgt_tracer_begin(PgtTracer *tracer, int slot, bool resume,
				 const PgtWriter *file,
				 PgtProbes *probes, const char *probe_error,
				 char *error, size_t error_len)
{
	if (!take_entry(tracer, slot, error, error_len))
		return false;
	if (!watch_process(tracer, error, error_len))
	{
		/* what a process has sent before it ended is written even so */
		if (!resume && (tracer->pid <= 0 ||
						pgt_queue_head(&tracer->queue) == tracer->queue.tail))
			return false;
		tracer->gone = true;
	}
	if (!open_file(tracer, resume, file, error))
	{
		stop_watching(tracer);
		return false;
	}
	tracer->in_use = true;
	/* other files of it begin when they do */
	tracer->own.requested_ns = 0;

	begin_file(tracer, resume);
	/* else there is only what is still to be written */
	if (!tracer->gone && pgt_enabled)
		observe(tracer, resume, probes, probe_error);
	else if (!resume)
		miss_process(tracer);
	pgt_tracer_flush(tracer);
	show_active(tracer);
	return true;
}

void
pgt_tracer_link(PgtTracer *leader, PgtTracer *worker)
{
	uint32		cursor = worker->own.leader_cursor;
	char		note[MAXPGPATH + 128];

	snprintf(note, sizeof(note), "PARALLEL WORKER OF CURSOR %u: PROCESS %d, FILE %s",
			 cursor, worker->pid, worker->writer.path);
	if (leader->format.text_left == 0 && pgt_writer_has_room(&leader->writer))
		pgt_format_note(&leader->format, note);

	snprintf(note, sizeof(note), "PARALLEL LEADER: PROCESS %d, CURSOR %u, FILE %s",
			 leader->pid, cursor, leader->writer.path);
	pgt_format_note(&worker->format, note);
}

/* ----------
 * Going on
 * ----------
 */

void
pgt_tracer_check_entry(PgtTracer *tracer)
{
	PgtSession	now;

	if (tracer->stopping)
		return;
	pgt_entry_copy(&now, tracer->slot);
	if (now.generation != tracer->generation || now.pid != tracer->pid ||
		(now.state != PGT_SESSION_ACTIVE && now.state != PGT_SESSION_STOPPING))
	{
		ereport(LOG,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the entry of traced process %d in shared memory is corrupt",
						tracer->pid),
				 errdetail("Its trace ends.")));
		tracer->spoilt = true;
		tracer->stopping = true;
		return;
	}
	tracer->stopping = now.state == PGT_SESSION_STOPPING;
	/* what a process that was just forked knows later */
	if (tracer->proc_number < 0 &&
		pgt_entry_proc(now.proc_number, tracer->pid) != NULL)
	{
		tracer->proc_number = now.proc_number;
		tracer->own.leader_cursor = now.leader_cursor;
	}
}

/* ----------
 * Ending
 * ----------
 */

bool
pgt_tracer_can_end(PgtTracer *tracer)
{
	uint64		now_ns;

	if (tracer->gone)
		return true;
	if (!tracer->stopping)
		return false;
	/* first the flag, then the look at the writer: see emit.c */
	pgt_tracer_clear_flag(tracer);
	if (pg_atomic_read_u32(&tracer->session->writing) == 0)
		return true;

	/* a process that waits for room gives up when it sees the flag */
	pgt_tracer_wake(tracer);
	now_ns = pgt_clock_now();
	if (tracer->stop_ns == 0)
		tracer->stop_ns = now_ns;
	tracer->abandoned = now_ns - tracer->stop_ns > WRITER_PATIENCE_NS;
	return tracer->abandoned;
}

void
pgt_tracer_hold(PgtTracer *tracer, int slot)
{
	char		error[PGT_ERROR_LEN];

	if (take_entry(tracer, slot, error, sizeof(error)) &&
		watch_process(tracer, error, sizeof(error)))
		tracer->abandoned = true;
	else
		pg_atomic_write_u32(&pgt_sessions[slot].writing, 0);
}

void
pgt_tracer_release(PgtTracer *tracer)
{
	if (tracer->in_use || !tracer->abandoned)
		return;
	tracer->abandoned = false;
	stop_watching(tracer);
	if (tracer->gone)
		pg_atomic_write_u32(&tracer->session->writing, 0);
}

void
pgt_tracer_leave(PgtTracer *tracer)
{
	pgt_tracer_break_text(tracer, tracer->format.text_left);
	pgt_tracer_reach(tracer, PG_UINT64_MAX);
	pgt_format_note(&tracer->format, "THE WORKER STOPS");
	tracer->writer.retry_ns = 0;
	pgt_tracer_flush(tracer);
	/* the next one says so, by the counters */
	if (tracer->writer.failing)
		pgt_tracer_give_up_pending(tracer);
	pgt_tracer_show_counters(tracer);
}

void
pgt_tracer_detach(PgtTracer *tracer, PgtProbes *probes)
{
	pgt_tracer_clear_flag(tracer);
	if (tracer->attached)
	{
		tracer->last = pgt_tracer_look_at_lock(tracer, probes);
		pgt_tracer_note_counters(tracer, tracer->last);
		pgt_probes_detach(probes, tracer->slot);
		tracer->attached = false;
	}
	tracer->ending = true;
}

/*
 * The slot is free.  If the process goes on in another use of it, or of another
 * one, as which it sends anew what the file needs, that is returned.
 */
static PgtSession *
free_slot(PgtTracer *tracer, bool moves)
{
	PgtSession *session = tracer->session;
	PgtSession *next = NULL;
	PgtSession	description;
	bool		locked = pgt_entry_lock(LW_EXCLUSIVE);

	pgt_session_copy(&description, session);
	session->state = PGT_SESSION_FREE;
	/* a parallel worker may have set it after pgt_tracer_can_end() */
	if (tracer->proc_number < 0 &&
		pgt_entry_proc(session->proc_number, tracer->pid) != NULL)
		tracer->proc_number = session->proc_number;
	pgt_tracer_clear_flag(tracer);
	/* unless someone wants it to end right now */
	if (moves && locked && description.state == PGT_SESSION_ACTIVE &&
		description.pid == tracer->pid)
	{
		/* the process may be in the middle of a statement */
		description.remote = true;
		next = pgt_session_allocate(&description);
	}
	pgt_entry_unlock(locked);
	pgt_entry_changed(tracer->slot);
	return next;
}

PgtSession *
pgt_tracer_end(PgtTracer *tracer, const char *reason)
{
	bool		moves = tracer->successor != NULL && !tracer->gone &&
		pgt_enabled;

	pgt_tracer_break_text(tracer, tracer->format.text_left);
	pgt_tracer_reach(tracer, PG_UINT64_MAX);
	pgt_tracer_put_last_wait(tracer, &tracer->last);
	pgt_tracer_tell_last_losses(tracer);
	if (tracer->own.options.waits)
		pgt_format_note(&tracer->format, "TIMED EVENT TRACING STOPPED");
	if (tracer->abandoned)
		pgt_format_note(&tracer->format,
						"EVENTS MAY BE MISSING: THE PROCESS STOPPED IN THE MIDDLE OF ONE");
	tracer->format.wall_clock_ns = 0;
	pgt_format_wall_clock(&tracer->format, pgt_clock_now());
	pgt_tracer_note_own_waits(tracer);
	pgt_format_note(&tracer->format, reason);
	pgt_file_end(tracer);
	tracer->lost_in_all = pgt_tracer_lost(tracer);

	pgt_merge_free(&tracer->merge);
	pgt_format_free(&tracer->format);
	pgt_parts_free(tracer->parts);
	pgt_relations_forget(&tracer->relations);
	if (tracer->cursors.data != NULL)
		pfree(tracer->cursors.data);
	if (!tracer->abandoned)
		stop_watching(tracer);
	tracer->in_use = false;

	/* whoever was killed in the middle of a record will not complete it */
	if (tracer->gone)
		pg_atomic_write_u32(&tracer->session->writing, 0);
	return free_slot(tracer, moves);
}
