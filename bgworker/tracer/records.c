/*
 * records.c
 *		The records of one traced process: from the queue to lines.
 *
 * Takes the records, which are sound, in their place in the merged stream.
 * Their texts come in pieces, and what is missing of one is shown as such.
 */
#include "postgres.h"

#include "bgworker/trace/sound.h"
#include "bgworker/tracer/next_part.h"
#include "bgworker/tracer/records.h"
#include "bgworker/tracer/waits.h"

/* So much of statements' texts is kept while the file can't be written. */
#define CURSORS_MAX		(1024 * 1024)

/* So much is shown of one that is longer than a part of a trace may be. */
#define SHORT_TEXT_LEN	1024

/* Bytes that a record's text may take in the file */
static uint64
space_needed(const PgtRecord *record)
{
	uint64		total = pgt_record_text_total(record);

	/* each byte of a value may have to be escaped */
	return record->type == PGT_RECORD_BIND ? 4 * total : total;
}

/*
 * Whoever waits for room goes on as soon as there is plenty, not only when all
 * that was noted has been written.
 */
static void
wake_at_half(const PgtTracer *tracer)
{
	if (pg_atomic_read_u32(&tracer->session->waiting) != 0 &&
		pgt_queue_room(&tracer->queue.place) >= tracer->queue.place.size / 2)
		pgt_tracer_wake(tracer);
}

/*
 * Room for the record in the buffer; or, if the file can't be written now, for
 * the statement that a cursor stands for, which the lines after the gap need.
 */
static bool
find_room(PgtTracer *tracer, const PgtRecord *record)
{
	PgtWriter  *writer = &tracer->writer;
	uint64		space = space_needed(record);

	pgt_next_part_if_full(tracer, space, record->time_ns);
	if (pgt_writer_has_room_for(writer, space))
		return true;
	tracer->too_long |= !writer->failing;
	if (record->type != PGT_RECORD_CURSOR || !writer->failing ||
		writer->limited || tracer->cursors.len + space > CURSORS_MAX)
		return false;
	if (tracer->cursors.data == NULL)
		initStringInfo(&tracer->cursors);
	tracer->format.out = &tracer->cursors;
	return true;
}

/*
 * A statement whose text is longer than any part of the trace may be: the lines
 * after it need it, so its beginning is shown, with the length of all.
 */
static const PgtRecord *
shorten(const PgtRecord *record)
{
	static union
	{
		PgtCursorRecord record;
		char		bytes[sizeof(PgtCursorRecord) + SHORT_TEXT_LEN];
	}			cursor;
	uint32		len = Min(record->text_len, SHORT_TEXT_LEN);

	memcpy(&cursor, record, sizeof(PgtCursorRecord) + len);
	if (cursor.record.full_len == 0)
		cursor.record.full_len = cursor.record.total_len;
	cursor.record.total_len = len;
	cursor.record.header.text_len = len;
	return &cursor.record.header;
}

void
pgt_tracer_put_record(void *arg, const PgtRecord *record)
{
	PgtTracer  *tracer = (PgtTracer *) arg;
	bool		is_event = pgt_record_is_event(record->type);
	bool		has_room = true;
	int			len;

	pgt_tracer_put_own_wait(tracer);
	if (record->type != PGT_RECORD_TEXT)
		pgt_tracer_reach(tracer, record->time_ns);
	wake_at_half(tracer);
	if (record->type == PGT_RECORD_TEXT)
	{
		/* one that has begun has room for its end, so that len= is true */
		if (tracer->format.text_left == 0)
			return;
	}
	else
	{
		pgt_tracer_tell_losses(tracer);
		has_room = find_room(tracer, record);
		if (!has_room && tracer->too_long &&
			record->type == PGT_RECORD_CURSOR)
		{
			record = shorten(record);
			has_room = find_room(tracer, record);
			tracer->too_long = false;
		}
	}
	if (record->type == PGT_RECORD_LOST &&
		!((const PgtLostRecord *) record)->calls)
		pgt_tracer_queue_overflows(tracer);
	len = tracer->format.out->len;
	pgt_format_record(&tracer->format, record);
	if (!has_room)
	{
		pgt_tracer_discard(tracer, len, is_event ? 1 : 0);
		return;
	}
	if (record->type != PGT_RECORD_TEXT)
		pgt_parts_record(tracer->parts, record);
	if (tracer->format.text_left == 0)
		tracer->format.out = &tracer->writer.buffer;
	if (is_event)
		pgt_tracer_count_sql(tracer);
	else if (record->type == PGT_RECORD_LOST)
	{
		tracer->told_queue += ((const PgtLostRecord *) record)->count;
		tracer->pending_told += ((const PgtLostRecord *) record)->count;
	}
	pgt_tracer_flush_if_much(tracer);
}

/* In pieces, since the text may be much larger than what is here at a time */
void
pgt_tracer_break_text(PgtTracer *tracer, uint64 left)
{
	uint64		missing = Min(left, tracer->format.text_left);

	if (missing == 0)
		return;
	for (uint64 done = 0; done < missing; done += PGT_FLUSH_SIZE)
	{
		pgt_format_text_dots(&tracer->format,
							 Min(missing - done, PGT_FLUSH_SIZE));
		pgt_tracer_flush_if_much(tracer);
	}
	pgt_format_text_missing(&tracer->format, missing);
	tracer->format.out = &tracer->writer.buffer;
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

void
pgt_tracer_text_missing(void *arg, uint64 left)
{
	pgt_tracer_break_text((PgtTracer *) arg, left);
}

void
pgt_tracer_queue_corrupt(void *arg)
{
	PgtTracer  *tracer = (PgtTracer *) arg;

	/* the line below is all that can be said of it */
	tracer->discarded++;
	tracer->told_discarded++;
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
