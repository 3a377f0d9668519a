/*
 * stream.c
 *		The worker's part of one traced process: what goes through it.
 *
 * From the queue and the ring buffer by way of the merge to the format's
 * buffer, and from there to the file.
 */
#include "postgres.h"

#include "pgstat.h"
#include "storage/proc.h"

#include "bgworker/trace/sound.h"
#include "bgworker/tracer/activity.h"
#include "bgworker/tracer/entry.h"
#include "bgworker/tracer/tracer.h"
#include "bgworker/tracer/waits.h"

/* The buffer is written when it has grown to this size, at the latest. */
#define FLUSH_SIZE		(256 * 1024)

/* ----------
 * The merged stream
 * ----------
 */

static void
flush_if_much(PgtTracer *tracer)
{
	if (tracer->writer.buffer.len >= FLUSH_SIZE)
		pgt_tracer_flush(tracer);
}

void
pgt_tracer_count_event(PgtTracer *tracer)
{
	tracer->unflushed++;
	flush_if_much(tracer);
}

/* Bytes that a record's text may take in the file */
static uint64
space_needed(const PgtRecord *record)
{
	uint64		total = pgt_record_text_total(record);

	/* each byte of a value may have to be escaped */
	return record->type == PGT_RECORD_BIND ? 4 * total : total;
}

static void
sink_record(void *arg, const PgtRecord *record)
{
	PgtTracer  *tracer = (PgtTracer *) arg;

	tracer->sql_events++;
	/* a text that has begun has room for its end, so that len= is true */
	if (record->type != PGT_RECORD_TEXT &&
		!pgt_writer_has_room_for(&tracer->writer, space_needed(record)))
	{
		tracer->discarded++;
		return;
	}
	if (record->type == PGT_RECORD_TEXT && tracer->format.text_left == 0)
		return;
	pgt_format_record(&tracer->format, record);
	pgt_tracer_count_event(tracer);
}

/* In pieces, since the text may be much larger than what is here at a time */
void
pgt_tracer_break_text(PgtTracer *tracer, uint64 left)
{
	uint64		missing = Min(left, tracer->format.text_left);

	if (missing == 0)
		return;
	for (uint64 done = 0; done < missing; done += FLUSH_SIZE)
	{
		pgt_format_text_dots(&tracer->format,
							 Min(missing - done, FLUSH_SIZE));
		flush_if_much(tracer);
	}
	pgt_format_text_missing(&tracer->format, missing);
}

void
pgt_tracer_give_up_text(PgtTracer *tracer)
{
	/* some of it may still be in the queue */
	if (tracer->queue.tail != tracer->head)
		return;
	pgt_tracer_break_text(tracer, tracer->format.text_left);
	tracer->merge.text_left = 0;
}

static void
sink_text_missing(void *arg, uint64 left)
{
	pgt_tracer_break_text((PgtTracer *) arg, left);
}

static void
sink_corrupt(void *arg)
{
	PgtTracer  *tracer = (PgtTracer *) arg;

	tracer->discarded++;
	if (pgt_writer_has_room(&tracer->writer))
		pgt_format_note(&tracer->format,
						"LOST AN UNKNOWN NUMBER OF EVENTS: THE SESSION'S QUEUE WAS CORRUPT");
	if (!tracer->corrupt)
		ereport(LOG,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the queue of traced process %d is corrupt",
						tracer->pid),
				 errdetail("What it held is lost; the trace goes on.")));
	tracer->corrupt = true;
}

void
pgt_tracer_add_wait(PgtTracer *tracer, const struct pgt_wait_event *event)
{
	pgt_merge_add_wait(&tracer->merge, event);
}

void
pgt_tracer_note(PgtTracer *tracer)
{
	tracer->head = pgt_queue_head(&tracer->queue);
}

void
pgt_tracer_misses_waits(PgtTracer *tracer)
{
	if (tracer->attached && tracer->format.text_left == 0 &&
		pgt_writer_has_room(&tracer->writer))
		pgt_format_note(&tracer->format,
						"WAITS MAY BE OUT OF ORDER HERE: THE BPF RING BUFFER IS HELD UP");
}

void
pgt_tracer_note_counters(PgtTracer *tracer, struct pgt_wait_state state)
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

void
pgt_tracer_wake(const PgtTracer *tracer)
{
	PGPROC	   *proc = pgt_tracer_proc(tracer);

	if (proc != NULL && pg_atomic_read_u32(&tracer->session->waiting) != 0)
		SetLatch(&proc->procLatch);
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
		pgt_tracer_note_counters(tracer, pgt_probes_state(probes, tracer->slot));
	nevents = pgt_merge_run(&tracer->merge, &tracer->queue, tracer->head,
							safe_ns, &sink, held);
	if (tracer->client_waited)
		pgt_running_check(tracer);
	tracer->client_waited = false;
	report_lost_waits(tracer);

	/* whoever waits for room has some now */
	pg_atomic_write_u32(&session->half_full, 0);
	pg_memory_barrier();
	if (nevents > 0)
		pgt_tracer_wake(tracer);
	return nevents;
}

bool
pgt_tracer_is_drained(const PgtTracer *tracer)
{
	return pgt_merge_is_done(&tracer->merge, &tracer->queue, tracer->head);
}

/* ----------
 * Writing
 * ----------
 */

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
}

uint64
pgt_tracer_lost(const PgtTracer *tracer)
{
	return tracer->discarded + tracer->lost_waits +
		pg_atomic_read_u64(&tracer->session->queue.lost);
}
