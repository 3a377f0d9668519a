/*
 * sampling.c
 *		When a traced process is sampled.
 *
 * Samples tell which plan node uses the CPU (bpf/pg_trace.bpf.c).  They reach
 * the worker among the waits, in the order of time, and are added up for STAT
 * lines (trace/stat_line.c).  Only long calls are sampled: the worker looks at
 * the calls that are open after each round, and has itself woken for those
 * that may become long.
 */
#include "postgres.h"

#include "bgworker/tracer/cpu.h"
#include "bgworker/tracer/sampling.h"
#include "extension/clock.h"
#include "extension/guc.h"

/*
 * A call of the client's is sampled from this age on.  Shorter ones would have
 * hardly any samples; but with a sampler, a process that falls asleep and
 * wakes up takes some 2 us longer for each, which is a lot if it has short
 * calls.
 */
#define SAMPLING_BEGINS_NS	UINT64CONST(20000000)

static void
sampling_failed(PgtTracer *tracer, const char *error)
{
	char		note[PGT_ERROR_LEN + 64];

	tracer->format.has_samples = false;
	snprintf(note, sizeof(note), "PLAN NODES ARE NOT TIMED: %s", error);
	if (pgt_writer_has_room(&tracer->writer))
		pgt_format_note(&tracer->format, note);
	pgt_tracer_set_error(tracer, error);
}

void
pgt_sampling_try(PgtTracer *tracer, PgtProbes *probes)
{
	static bool works = false;
	char		error[PGT_ERROR_LEN];

	tracer->sampling_tried = true;
	/* if waits aren't traced, the file has the reason already */
	if (!tracer->attached)
		return;
	tracer->format.has_samples = true;
	/* the machine's first perf event takes the kernel some 20 ms */
	if (works)
		return;
	works = pgt_probes_sample(probes, tracer->slot, tracer->pid, 0,
							  error, sizeof(error));
	if (works)
		pgt_probes_sample_end(probes, tracer->slot);
	else
		sampling_failed(tracer, error);
}

/* CPU time of the process since its call of depth 0 began */
static uint64
cpu_of_call(const PgtTracer *tracer)
{
	uint64		before_ns = tracer->format.calls[0].begin_cpu_ns;
	uint64		now_ns = before_ns != 0 ? pgt_cpu_ns(tracer->pid) : 0;

	return now_ns > before_ns ? now_ns - before_ns : 0;
}

/* Samples are for STAT lines, which may be switched on later. */
static bool
is_wanted(const PgtTracer *tracer)
{
	const PgtOptions *options = &tracer->session->options;

	return options->node_timing == PGT_NODE_TIMING_SAMPLED &&
		options->plan_stat != PGT_PLAN_STAT_NEVER;
}

long
pgt_sampling_follow(PgtTracer *tracer, PgtProbes *probes, uint64 now_ns)
{
	const PgtFormat *format = &tracer->format;
	char		error[PGT_ERROR_LEN];
	bool		wanted = is_wanted(tracer);
	uint64		due_ns;

	if (!tracer->attached || format->text_left > 0)
		return -1;
	if (wanted && !tracer->sampling_tried)
		pgt_sampling_try(tracer, probes);
	if (!format->has_samples)
		return -1;
	due_ns = format->calls[0].begin_ns + SAMPLING_BEGINS_NS;
	if (!wanted || format->depth == 0 || now_ns < due_ns)
	{
		if (tracer->sampling)
			pgt_probes_sample_end(probes, tracer->slot);
		tracer->sampling = false;
		if (!wanted || format->depth == 0)
			return -1;
		return (long) ((due_ns - now_ns) / NS_IN_MS + 1);
	}
	if (!tracer->sampling)
	{
		tracer->sampling = pgt_probes_sample(probes, tracer->slot, tracer->pid,
											 cpu_of_call(tracer),
											 error, sizeof(error));
		if (!tracer->sampling)
			sampling_failed(tracer, error);
	}
	return -1;
}
