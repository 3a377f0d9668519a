/*
 * libraries.c
 *		What changes about a traced process's probes.
 *
 * Libraries that it loads get probes of their own, which the process asks for
 * (extension/libraries.c), and the probes that it has may be exchanged for
 * others (probes/strategy.c).  The file and the views say so.  A process that was
 * just forked (extension/arrival.c) gets a PGPROC.
 *
 * Kinds of probes have proved that they fire in the worker (probes/selftest.c),
 * not that they do in this process: it would have to be made to wait for that.
 * But if its wait event is another one than when the probes were attached, one
 * must have fired since.
 */
#include "postgres.h"

#include "storage/proc.h"

#include "bgworker/tracer/entry.h"
#include "bgworker/tracer/libraries.h"
#include "extension/clock.h"

/* A library that the process has loaded reports waits. */
static void
note_library(void *arg, const char *name, const char *problem)
{
	PgtTracer  *tracer = (PgtTracer *) arg;
	char		note[MAXPGPATH + PGT_ERROR_LEN + 64];

	if (problem == NULL)
		snprintf(note, sizeof(note), "WAIT TRACING STARTED IN LIBRARY %s",
				 name);
	else
	{
		snprintf(note, sizeof(note),
				 "WAITS MAY BE MISSING IN LIBRARY %s: %s", name, problem);
		pgt_tracer_set_error(tracer, note);
	}
	if (tracer->format.text_left == 0 && pgt_writer_has_room(&tracer->writer))
		pgt_format_note(&tracer->format, note);
}

void
pgt_tracer_settle(const PgtTracer *tracer, PgtProbes *probes)
{
	PgtProbedProcess process = pgt_tracer_process(tracer);

	if (tracer->attached)
		pgt_probes_settle(probes, tracer->slot, &process);
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

void
pgt_tracer_show_probe(PgtTracer *tracer, const PgtProbes *probes)
{
	enum pgt_probe probe;
	bool		locked;

	if (!tracer->attached)
		return;
	probe = pgt_probes_of(probes, tracer->slot);
	if (probe == tracer->probe)
		return;
	tracer->probe = probe;
	locked = pgt_entry_lock(LW_EXCLUSIVE);
	strlcpy(tracer->session->probe, pgt_probe_name(probe), PGT_PROBE_LEN);
	pgt_entry_unlock(locked);
}

/* ----------
 * Probes that don't fire
 * ----------
 */

#define SILENT \
	"the process's wait event has changed, and no probe has fired"

/* A store and its probe may be a moment apart, if the process lost its CPU. */
#define SILENT_MS		1000

static void
note_silence(PgtTracer *tracer)
{
	char		note[PGT_ERROR_LEN];

	snprintf(note, sizeof(note), "WAITS MAY BE MISSING: %s", SILENT);
	pgt_tracer_set_error(tracer, note);
	if (pgt_writer_has_room(&tracer->writer))
		pgt_format_note(&tracer->format, note);
	ereport(LOG,
			(errmsg("waits of process %d may be missing: %s",
					tracer->pid, SILENT)));
}

long
pgt_tracer_look_for_silence(PgtTracer *tracer)
{
	const PGPROC *proc = pgt_tracer_proc(tracer);
	uint64		now = pgt_clock_now();

	if (!tracer->attached || proc == NULL || tracer->hits > 0 ||
		tracer->silence_noted ||
		*(const volatile uint32 *) &proc->wait_event_info ==
		tracer->first_value)
	{
		tracer->silent_ns = 0;
		return -1;
	}
	if (tracer->silent_ns == 0)
		tracer->silent_ns = now;
	if (now - tracer->silent_ns >= SILENT_MS * UINT64CONST(1000000) &&
		tracer->format.text_left == 0)
	{
		note_silence(tracer);
		tracer->silence_noted = true;
		return -1;
	}
	return SILENT_MS;
}
