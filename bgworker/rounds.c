/*
 * rounds.c
 *		Drains what has come of all traces into their files, in rounds.
 *
 * A round notes how far each queue is filled, then reads the BPF ring buffer,
 * which gives each trace its waits (tracers.c), and then has each trace put
 * both in order (tracer/stream.c); trace/merge.c says why in this order.  At
 * last it writes.  Meanwhile, waits for locks are looked at as soon as they
 * begin: who is in the way can't be found out later.
 */
#include "postgres.h"

#include <sched.h>

#include "bgworker/rounds.h"
#include "bgworker/tracer/records.h"
#include "bgworker/tracer/stream.h"
#include "bgworker/tracer/waits.h"
#include "bgworker/tracers.h"
#include "extension/clock.h"

/* Rounds after which a trace that has ended is over, whatever still comes */
#define MAX_LAST_ROUNDS		100

/* How long a round waits for an event that is just being sent */
#define RING_PATIENCE_NS	UINT64CONST(200000000)

static PgtProbes *probes = NULL;	/* NULL: waits aren't observed */
static uint64 drained_ns;		/* all events before are formatted */

void
pgt_rounds_use(PgtProbes *new_probes)
{
	probes = new_probes;
}

void
pgt_rounds_look_for_blockers(void)
{
	PgtTracer  *tracer;

	if (probes == NULL)
		return;
	pgt_probes_drain_locks(probes);
	while ((tracer = pgt_tracers_take_lock_wait()) != NULL)
		pgt_tracer_look_for_blockers(tracer, probes);
}

/*
 * Read what has been sent of waits by now, which includes all that belong
 * before the records below the heads just noted.  Another process may be about
 * to send one, which hides those behind it: that takes a microsecond, unless
 * the process has lost its CPU meanwhile.  Who never gets on is not waited for
 * for ever, and the files say so.
 */
static void
read_waits(void)
{
	uint64		end = pgt_probes_ring_end(probes);
	uint64		deadline_ns = 0;
	PgtTracer  *tracer;

	while (!pgt_probes_drain(probes, end))
	{
		uint64		now_ns = pgt_clock_now();

		if (deadline_ns == 0)
			deadline_ns = now_ns + RING_PATIENCE_NS;
		if (now_ns > deadline_ns)
		{
			for (tracer = pgt_tracers_next(NULL); tracer != NULL;
				 tracer = pgt_tracers_next(tracer))
				pgt_tracer_misses_waits(tracer);
			break;
		}
		pgt_rounds_look_for_blockers();
		sched_yield();
	}
}

/*
 * Drain the ring buffer and all queues once.  Returns the number of events;
 * *held is set if some are kept back until the next round.
 */
static int
drain_once(bool *held)
{
	uint64		safe_ns = pgt_clock_now();
	int			nevents = 0;
	PgtTracer  *tracer;

	drained_ns = safe_ns;
	for (tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
		pgt_tracer_note(tracer);

	if (probes != NULL)
		read_waits();

	*held = false;
	for (tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
	{
		bool		session_held;

		nevents += pgt_tracer_drain(tracer, probes, safe_ns, &session_held);
		*held |= session_held;
		/* one with much to write must not keep others from being looked at */
		pgt_rounds_look_for_blockers();
	}
	return nevents;
}

int
pgt_rounds_drain(void)
{
	int			nevents = 0;
	int			nrounds = 0;
	bool		held;
	PgtTracer  *tracer;

	do
	{
		nevents += drain_once(&held);
		/* a text whose end isn't there yet may hold waits for longer */
	} while (held && ++nrounds < 3);

	for (tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
		pgt_tracer_flush(tracer);
	return nevents + (held ? 1 : 0);
}

/*
 * One round may not get through all, or a text that is never completed keeps
 * waits back.
 */
void
pgt_rounds_drain_last(void)
{
	bool		done = false;

	for (int i = 0; !done && i < MAX_LAST_ROUNDS; i++)
	{
		(void) pgt_rounds_drain();
		done = true;
		for (PgtTracer *tracer = pgt_tracers_next(NULL); tracer != NULL;
			 tracer = pgt_tracers_next(tracer))
		{
			if (!tracer->ending || pgt_tracer_is_drained(tracer))
				continue;
			pgt_tracer_give_up_text(tracer);
			done = false;
		}
	}
}

uint64
pgt_rounds_drained_ns(void)
{
	return drained_ns;
}

bool
pgt_rounds_are_done(void)
{
	for (PgtTracer *tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
	{
		if (pgt_queue_head(&tracer->queue) != tracer->queue.tail)
			return false;
	}
	return true;
}
