/*
 * next_part.c
 *		The further parts of a trace that is too long for one file.
 *
 * Of a trace that reaches pg_trace.max_file_size, the first half of that is
 * kept, and of what follows the newest: it goes on in parts of a quarter, each
 * in a file of its own, and when one is full, the one before it is removed.  So
 * one knows how it began and how it ended, and the newest part sums up what is
 * missing in between.
 */
#include "postgres.h"

#include "bgworker/trace/grammar.h"
#include "bgworker/trace/unfinished.h"
#include "bgworker/tracer/entry.h"
#include "bgworker/tracer/next_part.h"
#include "extension/guc.h"

/* Where the process's trace is written now */
static void
show_file(PgtTracer *tracer)
{
	bool		locked = pgt_entry_lock(LW_EXCLUSIVE);

	strlcpy(tracer->session->trace_file, tracer->writer.path, MAXPGPATH);
	pgt_entry_unlock(locked);
}

/* The head of a further part, in its file. */
static bool
write_head(PgtTracer *tracer, PgtWriter *next, uint64 time_ns)
{
	PgtFormat	format;
	char		note[2 * MAXPGPATH + 64];
	int			nlost;

	pgt_format_init(&format, &next->buffer);
	pgt_format_header(&format, &tracer->own, next->path, time_ns);
	snprintf(note, sizeof(note), "PART %u OF A TRACE: CONTINUED FROM FILE %s",
			 next->part, tracer->writer.path);
	pgt_format_note(&format, note);
	if (next->part > 3)
	{
		snprintf(note, sizeof(note), "PARTS 2 TO %u ARE MISSING: THE SIZE IS LIMITED TO %d MB",
				 next->part - 2, pgt_max_file_size);
		pgt_format_note(&format, note);
	}
	pgt_parts_format(tracer->parts, &format, time_ns);
	pgt_format_free(&format);
	next->head_bytes = next->buffer.len;
	pgt_writer_mark(next);
	return pgt_writer_flush(next, &nlost);
}

/* The last line of the part that is full */
static void
end_part(PgtTracer *tracer, const PgtWriter *next)
{
	PgtWriter  *writer = &tracer->writer;
	char		note[MAXPGPATH + 64];

	if (writer->part == 1)
		pgt_writer_put_limit(writer);
	snprintf(note, sizeof(note), PGT_NOTE_ENDED ": CONTINUED IN FILE %s",
			 next->path);
	pgt_format_note(&tracer->format, note);
	pgt_tracer_flush(tracer);
	if (!writer->failing || !pgt_unfinished_add(writer))
		pgt_writer_close(writer);
}

static bool
begin_part(PgtTracer *tracer, uint64 time_ns)
{
	PgtWriter  *writer = &tracer->writer;
	PgtWriter	next;
	char		error[PGT_ERROR_LEN];

	if (!pgt_writer_create_part(&next, writer, error, sizeof(error)))
		pgt_writer_close(&next);
	else
	{
		pgt_parts_next(tracer->parts);
		if (write_head(tracer, &next, time_ns))
		{
			end_part(tracer, &next);
			next.bytes_before += writer->bytes;
			pgt_writer_remove_part(&next, next.part - 2);
			*writer = next;
			tracer->format.wall_clock_ns = time_ns;
			show_file(tracer);
			return true;
		}
		snprintf(error, sizeof(error), "could not write to file \"%s\": %m",
				 next.path);
		pgt_writer_discard(&next);
	}
	ereport(LOG,
			(errmsg("trace file \"%s\" is full: %s", writer->path, error),
			 errdetail("It ends there.")));
	pgt_tracer_set_error(tracer, error);
	return false;
}

void
pgt_next_part_if_full(PgtTracer *tracer, uint64 bytes, uint64 time_ns)
{
	PgtWriter  *writer = &tracer->writer;

	/* what is too long for any part doesn't need another one */
	if (bytes >= (uint64) pgt_max_file_size * 1024 * 1024 / 4)
		bytes = 0;
	if (!pgt_writer_is_full(writer, bytes) || writer->failing ||
		writer->limited || tracer->format.text_left > 0 ||
		tracer->astray[0] != '\0' || !pgt_parts_may_end(tracer->parts))
		return;
	pgt_tracer_flush(tracer);
	if (writer->failing)
		return;
	if (!begin_part(tracer, time_ns))
	{
		pgt_writer_put_limit(writer);
		writer->limited = true;
	}
}
