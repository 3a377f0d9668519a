/*
 * stream.c
 *		The two streams of one traced process, drained into its file.
 *
 * A round notes how far the queue is filled, drains the ring buffer, which
 * adds waits to the merge, and then drains both here: the merge hands records
 * to records.c and waits to waits.c, in the order of time.
 */
#include "postgres.h"

#include "storage/latch.h"

#include "bgworker/tracer/activity.h"
#include "bgworker/tracer/records.h"
#include "bgworker/tracer/stream.h"
#include "bgworker/tracer/waits.h"

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
						"TIMED EVENTS MAY BE OUT OF ORDER HERE: THE BPF RING BUFFER IS HELD UP");
}

void
pgt_tracer_note_counters(PgtTracer *tracer, struct pgt_wait_state state)
{
	tracer->hits = state.hits;
	tracer->bpf_lost = state.lost + state.faults;
	tracer->format.has_multi_nodes = state.sees_multi_nodes;
	tracer->cpu_is_unknown = state.cpu_is_unknown;
}

/* The program has found that the kernel doesn't have what it needs for that. */
static void
report_unknown_cpu(PgtTracer *tracer)
{
	static const char *const error =
		"the kernel was built without CONFIG_FAIR_GROUP_SCHED";
	char		note[PGT_ERROR_LEN];

	if (!tracer->cpu_is_unknown || tracer->cpu_is_reported ||
		tracer->format.text_left > 0 || !pgt_writer_has_room(&tracer->writer))
		return;
	snprintf(note, sizeof(note),
			 "CPU TIME WITHIN TIMED EVENTS IS NOT TRACED: %s", error);
	pgt_format_note(&tracer->format, note);
	pgt_tracer_set_error(tracer, note);
	tracer->cpu_is_reported = true;
}

int
pgt_tracer_drain(PgtTracer *tracer, PgtProbes *probes, uint64 safe_ns,
				 bool *held)
{
	PgtMergeSink sink = {
		.record = pgt_tracer_put_record,
		.wait = pgt_tracer_put_event,
		.text_missing = pgt_tracer_text_missing,
		.corrupt = pgt_tracer_queue_corrupt,
		.arg = tracer,
	};
	PgtSession *session = tracer->session;
	int			nevents;

	/* first: what the records are about has been seen by the program before */
	if (tracer->attached)
		pgt_tracer_note_counters(tracer, pgt_probes_state(probes, tracer->slot));
	nevents = pgt_merge_run(&tracer->merge, &tracer->queue, tracer->head,
							safe_ns, &sink, held);
	if (!*held)
		pgt_tracer_reach(tracer, safe_ns);
	/* unless that goes on in another part */
	if (!tracer->attached || tracer->own_wait.wait.reason !=
		pgt_probes_state(probes, tracer->slot).tracer_reason)
		pgt_tracer_put_own_wait(tracer);
	if (tracer->client_waited)
		pgt_activity_check(tracer);
	tracer->client_waited = false;
	pgt_tracer_tell_lost_waits(tracer);
	report_unknown_cpu(tracer);

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
