/*
 * file.c
 *		The file of one traced process.
 *
 * While the file is written to, its directory belongs to the server's user, who
 * may remove the file, move it, or put something else in its place; or the disk
 * is gone.  Whoever looks for the trace then is to find it: the process gets
 * another file, which says what it continues.  Cursors and calls that the process
 * has told of are in the old one, so it goes on as in a new trace (traces.c).
 * Until another file can be begun, an old one that was moved is written to, and
 * for one that was removed as much is kept as for a disk that is full.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "bgworker/trace/unfinished.h"
#include "bgworker/trace/watch.h"
#include "bgworker/tracer/file.h"
#include "extension/clock.h"

/* How often another file is tried to be begun */
#define RETRY_NS		UINT64CONST(1000000000)

bool
pgt_file_create(PgtWriter *writer, const PgtSession *session, char *error)
{
	uint64		now_ns = pgt_clock_now();
	PgtFormat	format;
	int			nlost;

	if (!pgt_writer_create(writer, session->pid, session->options.identifier,
						   session->owner, error, PGT_ERROR_LEN))
	{
		pgt_writer_close(writer);
		return false;
	}
	pgt_format_init(&format, &writer->buffer);
	/* records may have waited for the file since the trace was asked for */
	pgt_format_header(&format, session, writer->path,
					  session->requested_ns != 0 ?
					  Min(session->requested_ns, now_ns) : now_ns);
	pgt_format_free(&format);
	pgt_writer_mark(writer);
	/* no file is better than one without a head */
	if (!pgt_writer_flush(writer, &nlost))
	{
		snprintf(error, PGT_ERROR_LEN, "could not write to file \"%s\": %m",
				 writer->path);
		pgt_writer_discard(writer);
		return false;
	}
	pgt_watch_file(writer->path);
	return true;
}

/* Say in the log and in the view what is wrong with the file. */
static void
report(PgtTracer *tracer, const char *reason, const char *consequence)
{
	pgt_tracer_set_error(tracer, reason);
	ereport(LOG,
			(errmsg("trace file \"%s\": %s", tracer->writer.path, reason),
			 errdetail("%s", consequence)));
}

static void
leave(PgtTracer *tracer, const char *reason)
{
	strlcpy(tracer->astray, reason, sizeof(tracer->astray));
	report(tracer, reason, "The trace is to go on in another file.");
	if (tracer->writer.fd >= 0 && !pgt_writer_can_be_read(&tracer->writer))
		pgt_tracer_lose_file(tracer);
}

static void
reopen(PgtTracer *tracer)
{
	char		error[PGT_ERROR_LEN];

	switch (pgt_writer_reopen(&tracer->writer, tracer->pid,
							  error, sizeof(error)))
	{
		case PGT_REOPENED:
			pgt_watch_file(tracer->writer.path);
			break;
		case PGT_REOPENED_LATER:
			if (!tracer->unreachable)
				report(tracer, error,
					   "It is tried again each second; events for which there is no room in memory until then are lost.");
			tracer->unreachable = true;
			break;
		case PGT_REOPENED_NEVER:
			leave(tracer, error);
			break;
	}
}

void
pgt_file_resume(PgtTracer *tracer)
{
	pgt_writer_await(&tracer->writer, tracer->own.trace_file);
	reopen(tracer);
}

static void
look_at(PgtTracer *tracer)
{
	char		reason[PGT_ERROR_LEN];

	if (pgt_writer_is_astray(&tracer->writer, reason, sizeof(reason)))
		leave(tracer, reason);
	else if (reason[0] == '\0')
	{
		tracer->unreachable = false;
		pgt_watch_file(tracer->writer.path);
	}
	else
	{
		if (!tracer->unreachable)
			report(tracer, reason, "The trace goes on.");
		tracer->unreachable = true;
	}
}

static void
find_successor(PgtTracer *tracer)
{
	uint64		now_ns = pgt_clock_now();
	PgtWriter  *writer;
	char		error[PGT_ERROR_LEN];
	char		message[PGT_ERROR_LEN];

	if (now_ns < tracer->successor_due_ns)
		return;
	writer = MemoryContextAlloc(TopMemoryContext, sizeof(PgtWriter));
	if (pgt_file_create(writer, &tracer->own, error))
	{
		tracer->successor = writer;
		tracer->stopping = true;
		return;
	}
	pfree(writer);
	if (tracer->successor_due_ns == 0)
	{
		snprintf(message, sizeof(message), "%s; %s", error, tracer->astray);
		report(tracer, message, "It is tried again each second.");
	}
	tracer->successor_due_ns = now_ns + RETRY_NS;
}

bool
pgt_file_follow(PgtTracer *tracer, bool look)
{
	if (tracer->stopping || tracer->gone)
		return false;
	if (look && tracer->astray[0] == '\0' && tracer->writer.fd >= 0)
		look_at(tracer);
	if (tracer->astray[0] != '\0')
		find_successor(tracer);
	else if (tracer->writer.fd < 0 && pgt_writer_is_due(&tracer->writer))
		reopen(tracer);
	if (tracer->writer.failing)
		pgt_tracer_flush(tracer);
	return tracer->writer.failing || tracer->astray[0] != '\0';
}

void
pgt_file_end(PgtTracer *tracer)
{
	PgtWriter  *writer = &tracer->writer;

	tracer->writer.retry_ns = 0;
	pgt_tracer_flush(tracer);
	if (writer->failing && tracer->successor == NULL &&
		pgt_writer_can_be_read(writer) && pgt_unfinished_add(writer))
	{
		memset(writer, 0, sizeof(*writer));
		writer->fd = -1;
		return;
	}
	if (writer->buffer.len > 0)
		pgt_tracer_give_up_pending(tracer);
	pgt_writer_close(writer);
}
