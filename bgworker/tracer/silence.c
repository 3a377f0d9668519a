/*
 * silence.c
 *		Probes that don't fire.
 *
 * Kinds of probes have proved that they fire in the worker
 * (probes/selftest.c), not that they do in this process: it would have to be
 * made to wait for that.  But if its wait event is another one than when the
 * probes were attached, one must have fired since.
 */
#include "postgres.h"

#include "storage/proc.h"

#include "bgworker/tracer/silence.h"
#include "extension/clock.h"

#define SILENT \
	"the process's wait event has changed, and no probe has fired"

/* A store and its probe may be a moment apart, if the process lost its CPU. */
#define SILENT_MS		1000

static void
note_silence(PgtTracer *tracer)
{
	char		note[PGT_ERROR_LEN];

	snprintf(note, sizeof(note), "TIMED EVENTS MAY BE MISSING: %s", SILENT);
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
