/*
 * libraries.c
 *		The libraries that a traced process has loaded.
 *
 * Those that report waits get probes of their own, which the process asks for
 * and waits for (extension/libraries.c).  Nearly all others are known, or told
 * by a few kB that are read.  The file says where the probes began.
 */
#include "postgres.h"

#include "bgworker/tracer/entry.h"
#include "bgworker/tracer/libraries.h"

/* A library that the process has loaded reports waits. */
static void
note_library(void *arg, const char *name, const char *problem)
{
	PgtTracer  *tracer = (PgtTracer *) arg;
	char		note[MAXPGPATH + PGT_ERROR_LEN + 64];

	if (problem == NULL)
		snprintf(note, sizeof(note), "TIMED EVENT TRACING STARTED IN LIBRARY %s",
				 name);
	else
	{
		snprintf(note, sizeof(note),
				 "TIMED EVENTS MAY BE MISSING IN LIBRARY %s: %s", name, problem);
		pgt_tracer_set_error(tracer, note);
	}
	if (tracer->format.text_left == 0 && pgt_writer_has_room(&tracer->writer))
		pgt_format_note(&tracer->format, note);
}

bool
pgt_tracer_wants_libraries(const PgtTracer *tracer)
{
	return pg_atomic_read_u32(&tracer->session->libraries_wanted) !=
		pg_atomic_read_u32(&tracer->session->libraries_done);
}

void
pgt_tracer_libraries(PgtTracer *tracer, PgtProbes *probes)
{
	PgtSession *session = tracer->session;
	uint32		wanted = pg_atomic_read_u32(&session->libraries_wanted);

	if (tracer->attached)
		pgt_probes_libraries(probes, tracer->slot, note_library, tracer);
	pg_atomic_write_u32(&session->libraries_done, wanted);
	pgt_entry_changed(tracer->slot);
}
