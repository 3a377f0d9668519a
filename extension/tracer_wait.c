/*
 * tracer_wait.c
 *		Waiting for the worker.
 *
 * A process waits because of its trace until the worker has begun or ended it
 * (control.c), has looked at a library (libraries.c), or has made room in the
 * queue (emit.c).  That is not the application's time, and the trace must say
 * so.  In pg_stat_activity these are waits of an extension, which before
 * PostgreSQL 17 look like any other extension's.  So while the process sleeps
 * for the worker, a word of its memory says since when and why.  It is at the
 * same address in all children of the postmaster, the BPF program reads it
 * when a wait of an extension begins (bpf/target.bpf.h), and the worker makes
 * one line of all the waits that a sleep was cut into (tracer/held.c).
 *
 * Where no waits are traced, the sum is what the process itself has counted.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"

#include "extension/clock.h"
#include "extension/compat.h"
#include "extension/nesting.h"
#include "extension/tracer_wait.h"

/* What the BPF program reads; since_ns is 0 while the process is awake. */
static volatile struct pgt_tracer_wait shown;

/* The trace that the process takes part in, or NULL */
static PgtSession *joined = NULL;
static uint32 generation;		/* its */
static uint64 unjoined_ns = 0;	/* waited for a trace that hasn't begun */

/* The first wait since the last call of the trace, and for which message */
static uint64 since_last_call_ns = 0;
static TimestampTz message = 0;

static uint32
wait_event_of(enum pgt_tracer_reason reason)
{
	static uint32 events[PGT_TRACER_REASONS];
	static const char *const names[PGT_TRACER_REASONS] = {
		[PGT_TRACER_NONE] = "PgTraceControl",
		[PGT_TRACER_ATTACH] = "PgTraceControl",
		[PGT_TRACER_LIBRARY] = "PgTraceLibraries",
		[PGT_TRACER_QUEUE] = "PgTraceQueue",
		[PGT_TRACER_STOP] = "PgTraceControl",
	};

	return pgt_wait_event(&events[reason], names[reason]);
}

void
pgt_tracer_wait_begin(PgtTracerWait *wait, enum pgt_tracer_reason reason,
					  const PgtSession *session)
{
	wait->reason = reason;
	wait->since_ns = pgt_clock_now();
	if (joined == NULL)
		unjoined_ns = 0;
	if (pgt_call_depth == 0 &&
		(since_last_call_ns == 0 ||
		 message != GetCurrentStatementStartTimestamp()))
	{
		since_last_call_ns = wait->since_ns;
		message = GetCurrentStatementStartTimestamp();
	}
	pgt_session_await(session);
}

void
pgt_tracer_wait_end(void)
{
	pgt_session_await(NULL);
}

static void
count(uint64 waited_ns)
{
	if (joined == NULL)
		unjoined_ns += waited_ns;
	else if (joined->generation == generation)
		pg_atomic_fetch_add_u64(&joined->waited_ns, waited_ns);
}

void
pgt_tracer_wait_sleep(const PgtTracerWait *wait, long timeout_ms)
{
	uint32		wait_event = wait_event_of(wait->reason);
	uint64		begin_ns = pgt_clock_now();

	shown.reason = wait->reason;
	shown.since_ns = wait->since_ns;
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 timeout_ms, wait_event);
	shown.since_ns = 0;
	ResetLatch(MyLatch);
	count(pgt_clock_now() - begin_ns);
}

void
pgt_tracer_wait_join(PgtSession *session)
{
	joined = session;
	if (session == NULL)
		return;
	generation = session->generation;
	count(unjoined_ns);
	unjoined_ns = 0;
}

uint64
pgt_tracer_wait_call_begin(uint64 now_ns)
{
	uint64		since_ns = since_last_call_ns;

	since_last_call_ns = 0;
	return since_ns != 0 && message == GetCurrentStatementStartTimestamp() ?
		Min(since_ns, now_ns) : now_ns;
}

void
pgt_tracer_wait_call_end(void)
{
	since_last_call_ns = 0;
}

void
pgt_tracer_wait_describe(struct pgt_layout *layout)
{
	layout->tracer_wait = (uintptr_t) &shown;
}
