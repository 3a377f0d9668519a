/*
 * probed.c
 *		The probes of one traced process.
 *
 * Has them attached when its trace begins (lifecycle.c), and the file say from
 * when on waits are traced.  A process that traces itself doesn't wait for that
 * for long, so it may have sent records before.
 */
#include "postgres.h"

#include "storage/proc.h"

#include "bgworker/tracer/entry.h"
#include "bgworker/tracer/libraries.h"
#include "bgworker/tracer/probed.h"
#include "bgworker/tracer/waits.h"
#include "extension/arrival.h"
#include "extension/clock.h"

/* What to probe; for a process without PGPROC, see extension/arrival.c. */
static PgtProbedProcess
probed_process(const PgtTracer *tracer)
{
	PGPROC	   *proc = pgt_tracer_proc(tracer);
	PgtProbedProcess process = {
		.pid = tracer->pid,
		.bare = tracer->own.bare,
	};

	if (proc == NULL)
	{
		process.address = pgt_arrival_local_word();
		process.pointer = pgt_arrival_pointer();
		return process;
	}
	process.address = &proc->wait_event_info;
	process.latch = &proc->procLatch;
	return process;
}

/* May the process have waited for its trace since then, until it went on? */
static bool
is_plausible(uint64 since_ns, uint64 went_on_ns, uint64 now_ns)
{
	return went_on_ns != 0 && went_on_ns < now_ns && since_ns <= went_on_ns;
}

/*
 * Say that waits are traced: at once, or, if the process hasn't waited for that,
 * in its place behind what it has sent before.
 */
static void
note_start(PgtTracer *tracer)
{
	PgtSession *session = tracer->session;
	uint64		since_ns = pg_atomic_read_u64(&session->waits_since_ns);
	uint64		went_on_ns = pg_atomic_read_u64(&session->went_on_ns);

	tracer->start_is_due = true;
	if (!is_plausible(since_ns, went_on_ns, tracer->first_ns))
	{
		pgt_tracer_reach(tracer, tracer->first_ns);
		return;
	}
	tracer->waits_since_ns = since_ns;
	tracer->went_on_ns = went_on_ns;
	pgt_tracer_put_vain_wait(tracer);
	pg_atomic_fetch_add_u32(&session->late_probes, 1);
}

void
pgt_tracer_attach(PgtTracer *tracer, PgtProbes *probes, const char *probe_error)
{
	PgtProbedProcess process = probed_process(tracer);
	char		error[PGT_ERROR_LEN];
	char		note[PGT_ERROR_LEN + 64];
	const char *problem;

	strlcpy(error, probe_error, sizeof(error));
	if (probes != NULL &&
		pgt_probes_attach(probes, tracer->slot, tracer->generation,
						  &process, error, sizeof(error)))
	{
		tracer->attached = true;
		tracer->format.has_waits = true;
		/* in this order: the value is one of not before that time */
		if (process.pointer == NULL)
			tracer->first_value = *(volatile const uint32 *) process.address;
		pg_memory_barrier();
		tracer->first_ns = pgt_clock_now();
		pgt_tracer_look_at_first_wait(tracer, probes);
		note_start(tracer);
		problem = pgt_probes_problem(probes, tracer->slot);
		if (problem != NULL)
		{
			snprintf(note, sizeof(note), "TIMED EVENTS MAY BE MISSING: %s", problem);
			pgt_format_note(&tracer->format, note);
			pgt_tracer_set_error(tracer, note);
		}
		if (error[0] != '\0')
			pgt_tracer_set_error(tracer, error);
		tracer->probe = pgt_probes_of(probes, tracer->slot);
		pgt_tracer_libraries(tracer, probes);
		return;
	}
	snprintf(note, sizeof(note), "TIMED EVENTS ARE NOT TRACED: %s", error);
	pgt_format_note(&tracer->format, note);
	pgt_tracer_set_error(tracer, error);
}

void
pgt_tracer_settle(const PgtTracer *tracer, PgtProbes *probes)
{
	PgtProbedProcess process = probed_process(tracer);

	if (tracer->attached)
		pgt_probes_settle(probes, tracer->slot, &process);
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
