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
	pg_atomic_write_u64(&session->tracer_wait_us,
						pgt_tracer_own_waits_us(tracer));
}

void
pgt_tracer_flush_if_much(PgtTracer *tracer)
{
	if (tracer->writer.buffer.len >= PGT_FLUSH_SIZE)
		pgt_tracer_flush(tracer);
}

void
pgt_tracer_count_event(PgtTracer *tracer)
{
	tracer->unflushed++;
	pgt_tracer_flush_if_much(tracer);
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
pgt_tracer_lost(const PgtTracer *tracer)
{
	return tracer->discarded + tracer->lost_waits +
		pg_atomic_read_u64(&tracer->session->queue.lost);
}
