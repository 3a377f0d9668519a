/*
 * tracer.c
 *		The worker's part of one traced process: what all of this folder needs.
 *
 * Ties together what belongs to a session's slot in the worker: the probes'
 * link, the merge of both streams, the format's state and the file.  Records
 * (records.c) and waits (waits.c) become lines in the writer's buffer, which
 * is written from here.  A trace begins and ends in lifecycle.c.
 */
#include "postgres.h"

#include "bgworker/trace/free_space.h"
#include "bgworker/trace/grammar.h"
#include "bgworker/tracer/entry.h"
#include "bgworker/tracer/tracer.h"

/* It has none yet while it has just been forked: see extension/arrival.c. */
PGPROC *
pgt_tracer_proc(const PgtTracer *tracer)
{
	return pgt_entry_proc(tracer->proc_number, tracer->pid);
}

void
pgt_tracer_set_error(PgtTracer *tracer, const char *error)
{
	bool		locked = pgt_entry_lock(LW_EXCLUSIVE);

	strlcpy(tracer->session->last_error, error, PGT_ERROR_LEN);
	pgt_entry_unlock(locked);
}

void
pgt_tracer_reach(PgtTracer *tracer, uint64 time_ns)
{
	char		note[128];

	if (!tracer->start_is_due || time_ns < tracer->first_ns ||
		tracer->format.text_left > 0)
		return;
	tracer->start_is_due = false;
	if (tracer->went_on_ns != 0)
	{
		snprintf(note, sizeof(note),
				 PGT_NOTE_LATE UINT64_FORMAT " us: THE PROCESS WENT ON BEFORE IT HAD PROBES",
				 (tracer->first_ns - tracer->went_on_ns) / 1000);
		pgt_format_note(&tracer->format, note);
	}
	pgt_format_note(&tracer->format, "TIMED EVENT TRACING STARTED");
}

/* ----------
 * Writing
 * ----------
 */

/* Records that were cut in two; the last one may still be coming. */
static void
lose_records(PgtTracer *tracer, int nlost)
{
	bool		cut = tracer->format.text_left > 0 &&
		tracer->format.out == &tracer->writer.buffer;

	if (cut)
		tracer->format.text_left = tracer->format.text_type = 0;
	/* they count as written since their text has begun */
	nlost = Min((uint64) nlost, tracer->sql_events);
	tracer->sql_events -= nlost;
	tracer->pending_sql -= Min((uint64) nlost, tracer->pending_sql);
	tracer->discarded += nlost;
}

static void
write_failed(PgtTracer *tracer)
{
	int			cause = errno;
	bool		is_short = pgt_free_space_is_short();
	const char *reason = is_short ? PGT_FREE_SPACE_REASON : strerror(cause);
	char		error[PGT_ERROR_LEN];

	tracer->paused |= is_short;
	snprintf(error, sizeof(error), "could not write to the trace file: %s",
			 reason);
	if (tracer->write_failed || tracer->writer.fd < 0)
		return;
	tracer->write_failed = true;
	errno = cause;
	ereport(LOG,
			(errcode_for_file_access(),
			 errmsg("could not write to trace file \"%s\": %s",
					tracer->writer.path, reason),
			 errdetail("It is tried again each second; events for which there is no room in memory until then are lost.")));
	pgt_tracer_set_error(tracer, error);
}

static void
write_succeeded(PgtTracer *tracer)
{
	tracer->pending_sql = tracer->pending_waits = tracer->pending_told = 0;
	if (tracer->write_failed)
		ereport(LOG,
				(errmsg("trace file \"%s\" can be written again",
						tracer->writer.path),
				 errdetail("Until then, " UINT64_FORMAT " events were lost.",
						   tracer->discarded - tracer->told_discarded)));
	tracer->write_failed = false;
}

static bool
write_buffer(PgtTracer *tracer)
{
	int			nlost;

	if (tracer->format.text_left == 0)
		pgt_writer_mark(&tracer->writer);
	else if (tracer->writer.failing)
		return false;			/* the rest of the text may come until then */
	if (tracer->writer.buffer.len == 0 || tracer->writer.fd < 0 ||
		!pgt_writer_is_due(&tracer->writer))
		return false;
	if (pgt_writer_flush(&tracer->writer, &nlost))
	{
		write_succeeded(tracer);
		return true;
	}
	write_failed(tracer);
	lose_records(tracer, nlost);
	return false;
}

void
pgt_tracer_flush(PgtTracer *tracer)
{
	pgt_tracer_tell_losses(tracer);
	if (write_buffer(tracer))
	{
		/* if it had failed before, there is more to say now */
		pgt_tracer_tell_losses(tracer);
		(void) write_buffer(tracer);
	}
	pgt_tracer_show_counters(tracer);
}

void
pgt_tracer_flush_if_much(PgtTracer *tracer)
{
	if (tracer->writer.buffer.len >= PGT_FLUSH_SIZE)
		pgt_tracer_flush(tracer);
}

void
pgt_tracer_lose_file(PgtTracer *tracer)
{
	lose_records(tracer, pgt_writer_lose_file(&tracer->writer));
}

void
pgt_tracer_give_up_pending(PgtTracer *tracer)
{
	tracer->sql_events -= tracer->pending_sql;
	tracer->wait_events -= tracer->pending_waits;
	tracer->discarded += tracer->pending_sql + tracer->pending_waits;
	tracer->told_in_vain += tracer->pending_told;
	tracer->pending_sql = tracer->pending_waits = tracer->pending_told = 0;
}

/* ----------
 * Counting
 * ----------
 */

void
pgt_tracer_count_sql(PgtTracer *tracer)
{
	tracer->sql_events++;
	tracer->pending_sql++;
}

void
pgt_tracer_count_wait(PgtTracer *tracer)
{
	tracer->wait_events++;
	tracer->pending_waits++;
}

void
pgt_tracer_discard(PgtTracer *tracer, int len, uint64 nevents)
{
	PgtFormat  *format = &tracer->format;

	format->out->len = len;
	format->out->data[len] = '\0';
	format->text_left = 0;
	format->text_type = 0;
	/* the next line is to have the time */
	format->wall_clock_ns = 0;
	tracer->discarded += nevents;
}

/* LOST lines */
static void
tell(PgtTracer *tracer, uint64 nlost, const char *what)
{
	char		note[128];

	if (nlost == 0)
		return;
	tracer->pending_told += nlost;
	snprintf(note, sizeof(note), PGT_NOTE_LOST UINT64_FORMAT " %s", nlost, what);
	pgt_format_note(&tracer->format, note);
}

static const char *
why_discarded(const PgtTracer *tracer)
{
	if (tracer->writer.limited || tracer->too_long)
		return "EVENTS: THE FILE'S SIZE IS LIMITED";
	return tracer->paused ?
		"EVENTS: LESS THAN PG_TRACE.MIN_FREE_SPACE WAS FREE" :
		"EVENTS: THE FILE COULD NOT BE WRITTEN";
}

void
pgt_tracer_tell_losses(PgtTracer *tracer)
{
	if (tracer->format.text_left > 0 || tracer->writer.failing)
		return;
	if (!tracer->writer.limited)
	{
		tell(tracer, tracer->discarded - tracer->told_discarded,
			 why_discarded(tracer));
		tracer->paused = tracer->too_long = false;
		tracer->told_discarded = tracer->discarded;
	}
	if (tracer->cursors.len > 0)
	{
		appendBinaryStringInfo(&tracer->writer.buffer, tracer->cursors.data,
							   tracer->cursors.len);
		resetStringInfo(&tracer->cursors);
	}
}

static void
report_overflow(PgtTracer *tracer, bool *reported, const char *what,
				const char *hint)
{
	char		error[PGT_ERROR_LEN];

	if (*reported)
		return;
	*reported = true;
	snprintf(error, sizeof(error), "events were lost: %s", what);
	pgt_tracer_set_error(tracer, error);
	ereport(LOG,
			(errmsg("events of traced process %d were lost: %s",
					tracer->pid, what),
			 errdetail("Its trace file says where, and pg_trace_status how many."),
			 errhint("%s", hint)));
}

void
pgt_tracer_queue_overflows(PgtTracer *tracer)
{
	report_overflow(tracer, &tracer->queue_overflowed,
					"the session's queue was full",
					"Consider raising pg_trace.queue_size.");
}

void
pgt_tracer_tell_lost_waits(PgtTracer *tracer)
{
	uint64		nlost = tracer->bpf_lost + tracer->merge.dropped;

	if (nlost <= tracer->told_waits || tracer->format.text_left > 0 ||
		!pgt_writer_has_room(&tracer->writer))
		return;
	tell(tracer, nlost - tracer->told_waits,
		 "TIMED EVENTS: THE BPF RING BUFFER WAS FULL OR THE EVENT UNREADABLE");
	tracer->told_waits = nlost;
	report_overflow(tracer, &tracer->probes_overflowed,
					"the BPF ring buffer was full",
					"Consider raising pg_trace.ring_buffer_size.");
	pgt_format_forget_work(&tracer->format);
	/* what relations have which files may be among what was lost */
	pgt_relations_forget(&tracer->relations);
}

void
pgt_tracer_tell_last_losses(PgtTracer *tracer)
{
	uint64		probes_lost = tracer->bpf_lost + tracer->merge.dropped;
	uint64		queue_lost =
		pg_atomic_read_u64(&tracer->session->queue.lost);

	tell(tracer, tracer->discarded - tracer->told_discarded,
		 why_discarded(tracer));
	if (probes_lost > tracer->told_waits)
		tell(tracer, probes_lost - tracer->told_waits,
			 "TIMED EVENTS: THE BPF RING BUFFER WAS FULL OR THE EVENT UNREADABLE");
	if (queue_lost > tracer->told_queue)
		tell(tracer, queue_lost - tracer->told_queue,
			 "EVENTS: THE SESSION'S QUEUE WAS FULL");
	tracer->told_discarded = tracer->discarded;
	tracer->told_waits = probes_lost;
	tracer->told_queue = queue_lost;
}

void
pgt_tracer_show_counters(PgtTracer *tracer)
{
	PgtSession *session = tracer->session;

	pg_atomic_write_u64(&session->bytes_written,
						tracer->writer.bytes_before + tracer->writer.bytes);
	pg_atomic_write_u64(&session->sql_events, tracer->sql_events);
	pg_atomic_write_u64(&session->wait_events, tracer->wait_events);
	pg_atomic_write_u64(&session->lost_events,
						tracer->discarded + tracer->bpf_lost +
						tracer->merge.dropped);
	pg_atomic_write_u64(&session->told_events,
						tracer->told_discarded + tracer->told_waits -
						tracer->told_in_vain);
	pg_atomic_write_u64(&session->told_queue, tracer->told_queue);
	pg_atomic_write_u64(&session->tracer_wait_us,
						pgt_tracer_own_waits_us(tracer));
}

void
pgt_tracer_wake(const PgtTracer *tracer)
{
	PGPROC	   *proc = pgt_tracer_proc(tracer);

	if (proc != NULL && pg_atomic_read_u32(&tracer->session->waiting) != 0)
		SetLatch(&proc->procLatch);
}

uint64
pgt_tracer_own_waits_us(const PgtTracer *tracer)
{
	uint64		sum_us = 0;

	/* where waits aren't traced, there is the process's own count */
	if (!tracer->format.has_waits)
		return pg_atomic_read_u64(&tracer->session->waited_ns) / 1000;
	for (int i = 0; i < PGT_TRACER_REASONS; i++)
		sum_us += tracer->own_waits_us[i];
	return sum_us;
}

uint64
pgt_tracer_untold(const PgtTracer *tracer)
{
	uint64		told = tracer->told_discarded + tracer->told_waits +
		tracer->told_queue;
	uint64		lost = pgt_tracer_lost(tracer) + tracer->told_in_vain;

	/* the queue's figures are the process's word */
	return lost > told ? lost - told : 0;
}

uint64
pgt_tracer_lost(const PgtTracer *tracer)
{
	return tracer->discarded + tracer->bpf_lost + tracer->merge.dropped +
		pg_atomic_read_u64(&tracer->session->queue.lost);
}
