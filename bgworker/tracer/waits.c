/*
 * waits.c
 *		The waits of one traced process: from events to lines.
 *
 * Takes the BPF program's events in their place in the merged stream, and adds
 * what only the worker can know: who blocks a wait for a lock, and the waits
 * at the edges of a trace, which have no event because they began before the
 * probes were attached or go on when these are detached.
 */
#include "postgres.h"

#include "storage/proc.h"

#include "bgworker/trace/grammar.h"
#include "bgworker/trace/wait_names.h"
#include "bgworker/tracer/blockers.h"
#include "bgworker/tracer/cpu.h"
#include "bgworker/tracer/next_part.h"
#include "bgworker/tracer/waits.h"
#include "extension/arrival.h"
#include "extension/clock.h"
#include "extension/compat.h"

/*
 * No process waits longer for the worker; what it says of that is only its own
 * word.
 */
#define LONGEST_OWN_WAIT_NS	UINT64CONST(60000000000)

/* In this time, two clocks differ by half a microsecond at most. */
#define LONG_WAIT_NS	1000000

/* ----------
 * Lines
 * ----------
 */

/*
 * CPU time that was used within, as the BPF program knows it: by a clock that is
 * not quite that of waits.
 */
static void
set_cpu(PgtWait *wait, uint64 cpu_start_ns, uint64 cpu_end_ns)
{
	uint64		ela_ns = wait->end_ns - wait->start_ns;
	int64		cpu_ns = (int64) (cpu_end_ns - cpu_start_ns);

	if (cpu_start_ns == 0 || cpu_end_ns == 0)
		return;
	if (ela_ns > LONG_WAIT_NS)
		cpu_ns -= pgt_cpu_clock_gain(ela_ns);
	wait->cpu_is_known = true;
	wait->cpu_ns = Min((uint64) Max(cpu_ns, 0), ela_ns);
}

/* Writes a wait to the file; the blockers of one for a lock, if known, too. */
static void
put_wait(PgtTracer *tracer, PgtWait *wait)
{
	bool		has_room;
	uint32		cursor;
	int			len;

	tracer->client_waited |= wait->name->for_client;
	tracer->last_start_ns = wait->start_ns;
	pgt_tracer_tell_losses(tracer);
	pgt_next_part_if_full(tracer, 0, wait->end_ns);
	has_room = pgt_writer_has_room(&tracer->writer);
	cursor = pgt_format_cursor(&tracer->format, wait->name->for_client);
	len = tracer->format.out->len;
	wait->relations = &tracer->relations;
	for (int i = 0; i < PGT_KEPT_BLOCKERS; i++)
	{
		if (tracer->blockers[i].count > 0 &&
			tracer->blockers[i].start_ns == wait->start_ns)
			wait->blockers = &tracer->blockers[i];
	}
	pgt_format_wait(&tracer->format, wait);
	if (!has_room)
	{
		pgt_tracer_discard(tracer, len, 1);
		return;
	}
	pgt_parts_wait(tracer->parts, cursor, wait->end_ns - wait->start_ns);
	pgt_tracer_count_wait(tracer);
	pgt_tracer_flush_if_much(tracer);
}

/* What of the time in the run queue was before the wait */
static void
put_run_queue(PgtTracer *tracer, const struct pgt_wait_event *event)
{
	/* without a line, it is not to be in a later one */
	if (!pgt_writer_has_room(&tracer->writer))
		pgt_format_run_queue_in_wait(&tracer->format,
									 event->run_delay_start_ns);
	else if (event->flags & PGT_WAIT_FIRST)
	{
		/* before the first hit it may have run or waited, but not both */
		if (tracer->first_value == 0)
			pgt_format_run_queue(&tracer->format, event->run_delay_end_ns,
								 event->end_ns);
	}
	else
		pgt_format_run_queue(&tracer->format, event->run_delay_start_ns,
							 event->start_ns);
}

/* ----------
 * Waits for the worker
 * ----------
 */

static void
put_own_wait(PgtTracer *tracer, const PgtTracerWaitSeen *seen, bool partial)
{
	static const PgtWaitName name = {
		.name = PGT_WAIT_TRACER, .type = "Extension",
	};
	struct pgt_target target = {.tracer = seen->wait};
	PgtWait		wait = {
		.name = &name,
		.start_ns = seen->start_ns,
		.end_ns = seen->end_ns,
		.partial = partial,
		.plan_node = seen->plan_node,
		.mode = PGT_NO_MODE,
		.client_bytes = PGT_NO_BYTES,
		.target_kind = PGT_TARGET_TRACER,
		.target = &target,
	};

	set_cpu(&wait, seen->cpu_start_ns, seen->cpu_end_ns);
	/* as the line has it, so that the sum is theirs */
	tracer->own_waits_us[seen->wait.reason] +=
		us_between(seen->start_ns, seen->end_ns);
	put_wait(tracer, &wait);
}

void
pgt_tracer_put_own_wait(PgtTracer *tracer)
{
	const PgtTracerWaitSeen *seen = &tracer->own_wait;

	if (seen->wait.since_ns == 0)
		return;
	put_own_wait(tracer, seen, false);
	tracer->last_start_ns = seen->last_start_ns;
	tracer->own_wait.wait.since_ns = 0;
}

/* Can what the process says be the beginning of a wait that ends at end_ns? */
static bool
is_start(uint64 since_ns, uint64 end_ns)
{
	return since_ns <= end_ns && end_ns - since_ns < LONGEST_OWN_WAIT_NS;
}

/*
 * Until the first hit, the process has waited for the trace to begin, or has
 * been about to.
 */
static uint64
start_of_own_wait(const PgtTracer *tracer, const struct pgt_wait_event *event,
				  const struct pgt_tracer_wait *own)
{
	if ((event->flags & PGT_WAIT_FIRST) == 0)
		return event->start_ns;
	return is_start(own->since_ns, event->end_ns) ?
		own->since_ns : Min(tracer->first_ns, event->end_ns);
}

void
pgt_tracer_put_vain_wait(PgtTracer *tracer)
{
	const PgtTracerWaitSeen seen = {
		.wait.reason = PGT_TRACER_ATTACH,
		.start_ns = tracer->waits_since_ns,
		.end_ns = tracer->went_on_ns,
	};

	if (is_start(seen.start_ns, seen.end_ns))
		put_own_wait(tracer, &seen, false);
}

void
pgt_tracer_put_arrival(PgtTracer *tracer, uint64 since_ns)
{
	const PgtTracerWaitSeen seen = {
		.wait.reason = PGT_TRACER_ATTACH,
		.start_ns = since_ns,
		.end_ns = pgt_clock_now(),
	};

	/* a process that has gone on by itself was not in its trace then */
	if (tracer->attached && is_start(since_ns, seen.end_ns) &&
		seen.end_ns - since_ns < PGT_ARRIVAL_HOLD_NS)
		put_own_wait(tracer, &seen, false);
}

/*
 * A wait for the worker: the next part of one, or a new one.  What comes in
 * between the parts is part of it, too.  Returns false if it is none.
 */
static bool
take_own_wait(PgtTracer *tracer, const struct pgt_wait_event *event,
			  const struct pgt_tracer_wait *own)
{
	PgtTracerWaitSeen *seen = &tracer->own_wait;

	if (own->reason == PGT_TRACER_NONE || own->reason >= PGT_TRACER_REASONS)
		return false;
	/* the probes came just before the end of a wait that is written already */
	if (tracer->went_on_ns != 0 && own->since_ns == tracer->waits_since_ns)
		return true;
	if (seen->wait.since_ns != own->since_ns)
	{
		pgt_tracer_put_own_wait(tracer);
		if ((event->flags & PGT_WAIT_FIRST) == 0 &&
			pgt_writer_has_room(&tracer->writer))
			pgt_format_run_queue_around(&tracer->format,
										event->run_delay_start_ns,
										own->since_ns, event->start_ns);
		seen->wait = *own;
		seen->start_ns = start_of_own_wait(tracer, event, own);
		seen->cpu_start_ns = event->flags & PGT_WAIT_FIRST ?
			0 : event->cpu_start_ns;
		seen->plan_node = event->plan_node;
	}
	seen->last_start_ns = event->start_ns;
	seen->end_ns = event->end_ns;
	seen->cpu_end_ns = event->cpu_end_ns;
	pgt_format_run_queue_in_wait(&tracer->format, event->run_delay_end_ns);
	return true;
}

void
pgt_tracer_note_own_waits(PgtTracer *tracer)
{
	const uint64 *us = tracer->own_waits_us;
	char		note[192];
	int			len;

	len = snprintf(note, sizeof(note), PGT_NOTE_TRACER UINT64_FORMAT " us",
				   pgt_tracer_own_waits_us(tracer));
	if (tracer->format.has_waits)
		snprintf(note + len, sizeof(note) - len,
				 " (attach=" UINT64_FORMAT " library=" UINT64_FORMAT
				 " queue=" UINT64_FORMAT " stop=" UINT64_FORMAT ")",
				 us[PGT_TRACER_ATTACH], us[PGT_TRACER_LIBRARY],
				 us[PGT_TRACER_QUEUE], us[PGT_TRACER_STOP]);
	pgt_format_note(&tracer->format, note);
}

/* ----------
 * Events
 * ----------
 */

/* The wait that was going on when the probes were attached */
static void
put_first_wait(PgtTracer *tracer, uint64 end_ns, uint64 plan_node)
{
	PgtWait		wait = {
		.name = pgt_wait_name(tracer->first_value),
		.start_ns = tracer->first_ns,
		.end_ns = end_ns,
		.partial = true,
		.plan_node = plan_node,
		.mode = tracer->edge_mode,
		.client_bytes = PGT_NO_BYTES,
		.target_kind = tracer->edge_kind,
		.target = &tracer->edge_target,
	};

	put_wait(tracer, &wait);
}

/*
 * The first hit after the probes were attached.  The wait that the process
 * was in at that time, if any, is over unless the word still has its value.
 * If the hit came before the worker had looked, nothing is known but what
 * the BPF program saw.
 */
static void
sink_first_hit(PgtTracer *tracer, const struct pgt_wait_event *event)
{
	if (event->end_ns < tracer->first_ns || tracer->first_value == 0)
		return;

	if (event->next_value == tracer->first_value)
		tracer->unresolved_ns = event->end_ns;
	else
		put_first_wait(tracer, event->end_ns, 0);
}

void
pgt_tracer_put_event(void *arg, const struct pgt_wait_event *event)
{
	PgtTracer  *tracer = (PgtTracer *) arg;
	const struct pgt_target *target = event->target == PGT_TARGET_NONE ?
		NULL : &((const struct pgt_target_event *) event)->target;

	if (event->target == PGT_TARGET_RELATION)
	{
		pgt_relations_learn(&tracer->relations, &target->relation);
		return;
	}
	pgt_tracer_reach(tracer, event->end_ns);
	if (event->target == PGT_TARGET_TRACER &&
		take_own_wait(tracer, event, &target->tracer))
		return;
	pgt_tracer_put_own_wait(tracer);
	if (event->flags & PGT_WAIT_SAMPLE)
	{
		pgt_format_node_sample(&tracer->format, event->plan_node,
							   event->end_ns - event->start_ns);
		return;
	}
	put_run_queue(tracer, event);
	if (event->flags & PGT_WAIT_FIRST)
		sink_first_hit(tracer, event);
	else if (event->start_ns == tracer->unresolved_ns)
		put_first_wait(tracer, event->end_ns, event->plan_node);
	else
	{
		PgtWait		wait = {
			.name = pgt_wait_name(event->wait_event_info),
			.start_ns = event->start_ns,
			.end_ns = event->end_ns,
			.continued = event->flags & PGT_WAIT_CONTINUED,
			.plan_node = event->plan_node,
			.mode = event->mode,
			.client_bytes = event->client_bytes,
			.target_kind = event->target,
			.target = target,
		};

		set_cpu(&wait, event->cpu_start_ns, event->cpu_end_ns);
		put_wait(tracer, &wait);
	}
	pgt_format_run_queue_in_wait(&tracer->format, event->run_delay_end_ns);
}

/* One for the worker that is going on while tracing ends; its first parts may not have been written yet. */
static void
put_last_own_wait(PgtTracer *tracer, const PgtWait *last,
				  enum pgt_tracer_reason reason)
{
	const PgtTracerWaitSeen seen = {
		.wait.reason = reason,
		.start_ns = tracer->own_wait.wait.since_ns != 0 ?
		tracer->own_wait.start_ns : last->start_ns,
		.end_ns = last->end_ns,
		.plan_node = last->plan_node,
	};

	tracer->own_wait.wait.since_ns = 0;
	put_own_wait(tracer, &seen, true);
}

/* The wait that is going on while tracing ends */
void
pgt_tracer_put_last_wait(PgtTracer *tracer, const struct pgt_wait_state *last)
{
	uint64		now_ns = pgt_clock_now();
	PgtWait		wait = {
		.end_ns = now_ns,
		.partial = true,
		.mode = tracer->edge_mode,
		.client_bytes = PGT_NO_BYTES,
		.target_kind = tracer->edge_kind,
		.target = &tracer->edge_target,
	};

	if (last->generation == 0 || tracer->gone)
	{
		pgt_tracer_put_own_wait(tracer);
		return;
	}
	if (tracer->own_wait.wait.reason != last->tracer_reason)
		pgt_tracer_put_own_wait(tracer);
	/* the probes may have run once more after last was read */
	if (last->value == PGT_VALUE_UNKNOWN && tracer->first_value != 0 &&
		tracer->last_start_ns != tracer->first_ns)
		put_first_wait(tracer, now_ns, 0);
	else if (last->value != PGT_VALUE_UNKNOWN && last->value != 0 &&
			 last->start_ns != tracer->last_start_ns)
	{
		wait.name = pgt_wait_name(last->value);
		wait.start_ns = last->start_ns == tracer->unresolved_ns ?
			tracer->first_ns : last->start_ns;
		wait.plan_node = last->plan_node;
		if (last->tracer_reason != PGT_TRACER_NONE &&
			last->tracer_reason < PGT_TRACER_REASONS)
			put_last_own_wait(tracer, &wait, last->tracer_reason);
		else
			put_wait(tracer, &wait);
	}
	pgt_tracer_put_own_wait(tracer);
}

/* ----------
 * Waits for locks
 * ----------
 */

/* Is the process still in the wait for a lock that began at start_ns? */
static bool
waits_since(const PgtTracer *tracer, const PgtProbes *probes, uint64 start_ns)
{
	struct pgt_wait_state state = pgt_probes_state(probes, tracer->slot);

	return state.generation == tracer->generation &&
		state.start_ns == start_ns && state.value != 0;
}

static void
find_blockers(PgtTracer *tracer, uint64 start_ns)
{
	PgtBlockers *blockers =
		&tracer->blockers[tracer->next_blockers++ % PGT_KEPT_BLOCKERS];

	if (pgt_blockers_find(tracer->pid, tracer->own.role, blockers))
		blockers->start_ns = start_ns;
}

void
pgt_tracer_look_for_blockers(PgtTracer *tracer, const PgtProbes *probes)
{
	uint64		start_ns = tracer->lock_wait_ns;

	tracer->lock_wait_ns = 0;
	if (start_ns == 0 || !tracer->attached ||
		!waits_since(tracer, probes, start_ns))
		return;
	find_blockers(tracer, start_ns);
	pg_memory_barrier();
	/* else they may be those of the next wait */
	if (!waits_since(tracer, probes, start_ns))
		tracer->blockers[(tracer->next_blockers - 1) % PGT_KEPT_BLOCKERS].count = 0;
}

/*
 * The lock that the process waits for at the edge of its trace, where there
 * is no event that tells.  Returns the state, which must not have changed.
 */
struct pgt_wait_state
pgt_tracer_look_at_lock(PgtTracer *tracer, const PgtProbes *probes)
{
	PGPROC	   *proc = pgt_tracer_proc(tracer);
	struct pgt_wait_state before = pgt_probes_state(probes, tracer->slot);
	struct pgt_wait_state after;

	tracer->edge_kind = PGT_TARGET_NONE;
	tracer->edge_mode = PGT_NO_MODE;
	if (!tracer->gone && proc != NULL &&
		pgt_blockers_lock(proc, &tracer->edge_target.lock, &tracer->edge_mode))
		tracer->edge_kind = PGT_TARGET_LOCK;

	pg_memory_barrier();
	after = pgt_probes_state(probes, tracer->slot);
	if (tracer->edge_kind != PGT_TARGET_NONE &&
		(before.start_ns != after.start_ns || before.value != after.value ||
		 (after.value != PGT_VALUE_UNKNOWN &&
		  after.value != proc->wait_event_info) ||
		 proc->pid != tracer->pid))
	{
		tracer->edge_kind = PGT_TARGET_NONE;
		tracer->edge_mode = PGT_NO_MODE;
	}
	return after;
}

/* The probes have been attached: is the process waiting for a lock? */
void
pgt_tracer_look_at_first_wait(PgtTracer *tracer, const PgtProbes *probes)
{
	(void) pgt_tracer_look_at_lock(tracer, probes);
	if (tracer->edge_kind != PGT_TARGET_LOCK)
		return;
	find_blockers(tracer, tracer->first_ns);
	pg_memory_barrier();
	/* any hit of a probe means that the wait was over */
	if (pgt_probes_state(probes, tracer->slot).hits > 0)
	{
		tracer->edge_kind = PGT_TARGET_NONE;
		tracer->edge_mode = PGT_NO_MODE;
		tracer->blockers[0].count = 0;
	}
}
