/*
 * activity.c
 *		What a traced process is doing that its trace has no line of yet.
 *
 * A call has its line when it ends, and a wait, too.  For whoever looks at a
 * process that is stuck, the file says what it is stuck in: when tracing
 * begins in the middle of a statement, its text and the wait that it is in;
 * and every ten seconds of a call, how long that has lasted and what it waits
 * for at the moment.
 *
 * A statement that began before tracing did is known from pg_stat_activity
 * only.  It has no hooks that would tell of its end, so that is known from
 * there as well, or from the next statement.
 */
#include "postgres.h"

#include "pgstat.h"
#include "utils/backend_status.h"

#include "bgworker/trace/running_line.h"
#include "bgworker/tracer/activity.h"
#include "bgworker/tracer/waits.h"
#include "bgworker/tracer/patience.h"
#include "extension/clock.h"
#include "extension/compat.h"

/* A wait that is going on */
typedef struct CurrentWait
{
	uint32		value;			/* 0: none, or not known */
	uint64		start_ns;
	bool		partial;		/* it began before that */
} CurrentWait;

/* ----------
 * pg_stat_activity
 * ----------
 */

static bool
fill_activity(const PgBackendStatus *status, PgtActivity *activity)
{
	switch (status->st_state)
	{
		case STATE_RUNNING:
		case STATE_FASTPATH:
			activity->running = true;
			break;
		case STATE_IDLEINTRANSACTION:
		case STATE_IDLEINTRANSACTION_ABORTED:
			activity->running = false;
			break;
		default:
			return false;
	}
	activity->statement_start = status->st_activity_start_timestamp;
	activity->state_start = status->st_state_start_timestamp;
	activity->xact_start = status->st_xact_start_timestamp;
	activity->queryid = PGT_QUERY_ID(status->st_query_id);
	activity->text = pgstat_clip_activity(status->st_activity_raw);
	return true;
}

static bool
find_activity(int pid, PgtActivity *activity)
{
	int			nbackends = pgstat_fetch_stat_numbackends();
	bool		found = false;

	for (int i = 1; i <= nbackends && !found; i++)
	{
		const PgBackendStatus *status = &pgt_local_beentry(i)->backendStatus;

		if (status->st_procpid == pid)
		{
			found = fill_activity(status, activity);
			break;
		}
	}
	return found;
}

/* Not known, either, if some process never completes its entry. */
static bool
read_activity(int pid, PgtActivity *activity)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool found = false;

	pgt_patience_begin();
	PG_TRY();
	{
		found = find_activity(pid, activity);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		FlushErrorState();
	}
	PG_END_TRY();
	pgt_patience_end();
	pgstat_clear_backend_activity_snapshot();
	return found;
}

/* Is it still doing that? */
static bool
is_current(int pid, const PgtActivity *activity)
{
	PgtActivity now;

	if (!read_activity(pid, &now))
		return false;
	pfree(now.text);
	return now.running == activity->running &&
		now.state_start == activity->state_start &&
		now.statement_start == activity->statement_start;
}

/* ----------
 * When tracing begins
 * ----------
 */

bool
pgt_activity_look(PgtTracer *tracer, PgtActivity *activity)
{
	if (!read_activity(tracer->pid, activity))
		return false;
	if (activity->text[0] == '\0')
	{
		pfree(activity->text);
		return false;
	}
	if (activity->running)
		tracer->session->running_since = activity->statement_start;
	return true;
}

void
pgt_activity_show(PgtTracer *tracer, const PgtActivity *activity,
				  uint64 begin_ns)
{
	PgtFormat  *format = &tracer->format;
	PgtRunningStatement statement = {
		.text = activity->text,
		.queryid = activity->queryid,
		.role = tracer->own.role,
		.running = activity->running,
		.traced_ns = begin_ns,
	};
	uint64		age_ns;

	/*
	 * A statement that has ended in the meantime may have left records that
	 * are nested in it (session->running_since), so it is shown even so.
	 */
	if (!activity->running && !is_current(tracer->pid, activity))
		return;

	age_ns = 1000 *
		(uint64) Max(GetCurrentTimestamp() - activity->statement_start, 0);
	tracer->running = *activity;
	tracer->running.text = NULL;
	if (activity->running)
		pgt_format_time_note(format,
							 "TRACING STARTED IN THE MIDDLE OF A CALL THAT BEGAN AT ",
							 activity->statement_start);
	else
	{
		pgt_format_time_note(format,
							 "TRACING STARTED IN A TRANSACTION THAT BEGAN AT ",
							 activity->xact_start);
		pgt_format_time_note(format,
							 "IDLE, AFTER THIS STATEMENT, SINCE ",
							 activity->state_start);
	}
	statement.since_ns = begin_ns - Min(age_ns, begin_ns);
	pgt_format_running_statement(format, &statement);
}

void
pgt_activity_show_wait(PgtTracer *tracer)
{
	if (tracer->attached && tracer->first_value != 0)
		pgt_format_waiting(&tracer->format,
						   pgt_wait_name(tracer->first_value));
}

/* ----------
 * While it goes on
 * ----------
 */

/* The BPF program may be writing the state just now. */
static bool
read_state(const PgtTracer *tracer, const PgtProbes *probes,
		   struct pgt_wait_state *state)
{
	for (int i = 0; i < 3; i++)
	{
		struct pgt_wait_state again;

		*state = pgt_probes_state(probes, tracer->slot);
		pg_memory_barrier();
		again = pgt_probes_state(probes, tracer->slot);
		if (state->hits == again.hits && state->value == again.value &&
			state->start_ns == again.start_ns)
			return true;
	}
	return false;
}

/* The wait that the process was in at now_ns, if it still is. */
static CurrentWait
current_wait(const PgtTracer *tracer, const PgtProbes *probes, uint64 now_ns)
{
	CurrentWait none = {0};
	CurrentWait wait = {0};
	struct pgt_wait_state state;

	if (!tracer->attached || !read_state(tracer, probes, &state))
		return none;
	wait.value = state.value;
	wait.start_ns = state.start_ns;
	if (state.value == PGT_VALUE_UNKNOWN)
	{
		/* no probe has been hit yet, so it does what it did at first */
		wait.value = tracer->first_value;
		wait.start_ns = tracer->first_ns;
		wait.partial = true;
	}
	else if (state.value != 0 && state.start_ns == tracer->unresolved_ns)
	{
		wait.start_ns = tracer->first_ns;
		wait.partial = true;
	}
	return wait.start_ns <= now_ns ? wait : none;
}

void
pgt_activity_check(PgtTracer *tracer)
{
	if (tracer->format.running_before &&
		!is_current(tracer->pid, &tracer->running))
		pgt_format_running_ended(&tracer->format);
}

static void
report(PgtTracer *tracer, const PgtProbes *probes, uint64 now_ns)
{
	CurrentWait wait;

	pgt_activity_check(tracer);
	pgt_tracer_put_own_wait(tracer);
	wait = current_wait(tracer, probes, now_ns);
	pgt_format_running(&tracer->format, now_ns,
					   wait.value != 0 ? pgt_wait_name(wait.value) : NULL,
					   wait.start_ns, wait.partial);
	pgt_tracer_flush(tracer);
}

long
pgt_activity_follow(PgtTracer *tracer, const PgtProbes *probes, uint64 now_ns)
{
	const PgtFormat *format = &tracer->format;
	uint64		clock_ns;

	if (format->running_due_ns == 0)
		return -1;
	if (format->running_due_ns <= now_ns)
		report(tracer, probes, now_ns);
	if (format->running_due_ns == 0)
		return -1;
	clock_ns = pgt_clock_now();
	return format->running_due_ns > clock_ns ?
		(long) ((format->running_due_ns - clock_ns) / NS_IN_MS + 1) : 1;
}
