/*
 * run_queue_line.c
 *		Lines that say how long a process was ready to run and had no CPU.
 *
 * The kernel has counted that up to some points: where waits begin and end, and
 * at those boundaries of calls at which the process has asked
 * (extension/run_queue.c).  Between two of these points it may have been in a
 * call or not.  So what a line says is within what goes on at its end, and
 * no more than is left of a call by its CPU time and waits.
 */
#include "postgres.h"

#include "bgworker/trace/line.h"
#include "bgworker/trace/run_queue_line.h"
#include "bgworker/trace/wait_line.h"

#define LATE_READING_NS	100000

/*
 * A line for the time in the run queue that isn't in the file yet, most_ns at
 * most: it is within what goes on, a call or the time between two, and after the
 * last wait.  What doesn't fit, or is less than a microsecond, is kept for the
 * next time.
 */
static void
put_run_queue(PgtFormat *format, uint64 run_delay_ns, uint64 time_ns,
			  uint64 most_ns)
{
	static const PgtWaitName name = {.name = "CPU run queue", .type = "CPU"};
	uint64		from_ns = format->depth > 0 ?
		format->calls[format->depth - 1].begin_ns : format->last_end_ns;
	uint64		delay_ns = less(run_delay_ns, format->run_delay_ns);
	PgtWait		wait = {
		.name = &name,
		.end_ns = time_ns,
		.mode = PGT_NO_MODE,
		.client_bytes = PGT_NO_BYTES,
		.target_kind = PGT_TARGET_NONE,
	};

	delay_ns = Min(delay_ns, less(time_ns, Max(from_ns, format->off_cpu.end_ns)));
	delay_ns = Min(delay_ns, most_ns);
	if (!format->has_run_queue || delay_ns < NS_IN_US)
		return;
	wait.start_ns = time_ns - delay_ns;
	format->run_queue[format->nrun_queue++ % PGT_RUN_QUEUE_LINES] =
		(PgtInterval)
	{
		wait.start_ns, time_ns
	};
	pgt_off_cpu_add(&format->off_cpu, wait.start_ns, time_ns, delay_ns, false);
	(void) pgt_format_note_wait(format, &wait);
	pgt_format_wait_line(format, pgt_format_cursor(format, false), &wait, 0, 0);
	format->run_delay_ns += delay_ns;
}

/* In waits and in the run queue since a call began */
static uint64
off_cpu_of(const PgtFormat *format, const PgtEndRecord *record)
{
	int			depth = Min(record->header.depth, PGT_FORMAT_MAX_DEPTH - 1);

	if (!record->begun || format->depth <= depth)
		return 0;
	return format->off_cpu.total_ns - format->calls[depth].begin_off_ns +
		format->calls[depth].lead_off_ns;
}

/* A call's elapsed time, with its lead */
static uint64
elapsed_of(const PgtFormat *format, const PgtEndRecord *record)
{
	const PgtOpenCall *lead = pgt_format_lead(format, record);

	return record->elapsed_ns + (lead != NULL ? lead->lead_ns : 0);
}

/*
 * Within what the process took for CPU time, it may have waited.  And it has
 * read its CPU time a moment after the call's end: what it has used since then,
 * usually nothing, isn't the call's.  More than can be of that kind is left, since
 * it would be an error.
 */
uint64
pgt_format_cpu_of(const PgtFormat *format, const PgtEndRecord *record)
{
	uint64		assumed_ns = Min(record->cpu_age_ns, record->elapsed_ns);
	const PgtOpenCall *lead = pgt_format_lead(format, record);
	uint64		cpu_ns = less(record->cpu_ns,
							  pgt_off_cpu_since(&format->off_cpu,
												record->header.time_ns - assumed_ns)) +
		(lead != NULL ? lead->lead_cpu_ns : 0);
	uint64		excess_ns = less(cpu_ns, less(elapsed_of(format, record),
											  off_cpu_of(format, record)));

	return excess_ns <= LATE_READING_NS ? cpu_ns - excess_ns : cpu_ns;
}

/*
 * What the kernel has told at a boundary of a call.  It was asked a moment after
 * the boundary's time, and what came in between belongs to what follows.  So
 * before it isn't more than is left by CPU time and waits of the call that goes
 * on there.
 */
void
pgt_format_run_queue_before(PgtFormat *format, const PgtBeginRecord *record)
{
	uint64		time_ns = record->header.time_ns;
	uint64		most_ns;

	if (record->header.depth == 0)
	{
		/* what came before the call's lead is in no call */
		put_run_queue(format, record->run_delay_ns, time_ns,
					  pgt_format_lead_time(format, record));
		pgt_format_run_queue_in_wait(format, record->run_delay_ns);
		return;
	}
	most_ns = UINT64_MAX;
	if (format->depth > 0)
	{
		const PgtOpenCall *call = &format->calls[format->depth - 1];

		most_ns = less(less(time_ns, call->begin_ns + call->lead_ns),
					   less(record->cpu_ns, call->begin_cpu_ns) +
					   format->off_cpu.total_ns - call->begin_off_ns);
	}
	put_run_queue(format, record->run_delay_ns, time_ns, most_ns);
}

void
pgt_format_run_queue_of(PgtFormat *format, const PgtEndRecord *record)
{
	put_run_queue(format, record->run_delay_ns, record->header.time_ns,
				  less(elapsed_of(format, record),
					   pgt_format_cpu_of(format, record) +
					   off_cpu_of(format, record)));
}

void
pgt_format_run_queue(PgtFormat *format, uint64 run_delay_ns, uint64 time_ns)
{
	put_run_queue(format, run_delay_ns, time_ns, UINT64_MAX);
}

/* It is taken to be behind the boundary as far as it can be. */
void
pgt_format_run_queue_around(PgtFormat *format, uint64 run_delay_ns,
							uint64 boundary_ns, uint64 time_ns)
{
	uint64		behind_ns = less(time_ns, boundary_ns);

	put_run_queue(format, less(run_delay_ns, behind_ns),
				  time_ns - behind_ns, UINT64_MAX);
	put_run_queue(format, run_delay_ns, time_ns, behind_ns);
}

void
pgt_format_run_queue_in_wait(PgtFormat *format, uint64 run_delay_ns)
{
	format->run_delay_ns = Max(format->run_delay_ns, run_delay_ns);
}
