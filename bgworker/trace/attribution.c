/*
 * attribution.c
 *		What has to be remembered of a trace file from line to line, and which
 *		cursor a line belongs to.
 *
 * Records say when calls begin and end; a wait, or an error, belongs to the
 * call that is open at that point of the file.  Nothing here writes a line.
 */
#include "postgres.h"

#include "bgworker/trace/attribution.h"

void
pgt_format_init(PgtFormat *format, StringInfo out)
{
	memset(format, 0, sizeof(*format));
	format->out = out;
	pgt_node_sums_init(&format->sums);
}

void
pgt_format_free(PgtFormat *format)
{
	pgt_node_sums_free(&format->sums);
}

/*
 * The cursor that something at this point belongs to: that of the deepest call
 * open, or of the last one.  Once a transaction has ended or the client has
 * sent more, work between calls is the analysis of a statement that has no
 * cursor yet; a wait for the client goes with the last cursor even so.
 */
uint32
pgt_format_cursor(const PgtFormat *format, bool for_client)
{
	if (format->depth > 0)
		return format->calls[format->depth - 1].cursor;
	return format->next_statement && !for_client ? 0 : format->last_cursor;
}

/*
 * In a process that serves a client, this is all since the last call, or since
 * the client's message came, which a wait for it tells exactly.
 */
uint64
pgt_format_lead_time(const PgtFormat *format, const PgtBeginRecord *begin)
{
	uint64		now_ns = begin->header.time_ns;
	uint64		since_ns = format->work.since_ns;

	if (begin->gapless && format->work.has_waits && since_ns != 0)
		return now_ns - Min(since_ns, now_ns);
	since_ns = now_ns - Min(begin->lead_ns, now_ns);

	/* it wasn't known yet when this was written: no line is half in a call */
	for (int i = 0; i < PGT_RUN_QUEUE_LINES; i++)
	{
		const PgtInterval *line = &format->run_queue[i];

		if (since_ns > line->start_ns && since_ns < line->end_ns)
			since_ns = Min(line->end_ns, now_ns);
	}
	return now_ns - since_ns;
}

/*
 * The CPU time in that.  The clock was read when the last call had ended, so
 * what the process has used since then for the client may be too much; but it
 * is no more than the waits leave of the time.
 */
static uint64
cpu_of_lead(const PgtFormat *format, const PgtBeginRecord *begin,
			const PgtOpenCall *call)
{
	uint64		used_ns = begin->cpu_ns -
		Min(format->work.cpu_ns, begin->cpu_ns);

	return Min(used_ns, call->lead_ns - call->lead_off_ns);
}

void
pgt_format_begin_call(PgtFormat *format, const PgtBeginRecord *begin)
{
	const PgtRecord *record = &begin->header;
	int			depth = Min(record->depth, PGT_FORMAT_MAX_DEPTH - 1);

	if (depth == 0)
		pgt_format_running_ended(format);
	/* if records of calls above are missing, they are this cursor's, too */
	for (int i = Min(format->depth, depth); i <= depth; i++)
	{
		format->calls[i].cursor = record->cursor;
		format->calls[i].begin_ns = record->time_ns;
		format->calls[i].plan_node = 0;
		format->calls[i].begin_cpu_ns = begin->cpu_ns;
		format->calls[i].begin_off_ns = format->off_cpu.total_ns;
		format->calls[i].lead_ns = 0;
		format->calls[i].lead_cpu_ns = format->calls[i].lead_off_ns = 0;
	}
	if (depth == 0)
	{
		PgtOpenCall *call = &format->calls[0];

		call->lead_ns = pgt_format_lead_time(format, begin);
		call->lead_off_ns = Min(format->off_cpu.total_ns - format->work.off_ns,
								call->lead_ns);
		call->lead_cpu_ns = cpu_of_lead(format, begin, call);
		call->begin_ns -= call->lead_ns;
	}
	format->calls[depth].plan_node = begin->plan_node;
	format->depth = depth + 1;
	format->next_statement = false;
	if (format->running_due_ns == 0)
		format->running_due_ns = record->time_ns + PGT_RUNNING_INTERVAL_NS;
}

const PgtOpenCall *
pgt_format_lead(const PgtFormat *format, const PgtEndRecord *record)
{
	return record->begun && record->header.depth == 0 && format->depth > 0 ?
		&format->calls[0] : NULL;
}

void
pgt_format_end_call(PgtFormat *format, const PgtEndRecord *record)
{
	if (!record->begun)
		return;
	format->depth = Min(format->depth, (int) record->header.depth);
	if (format->depth == 0)
	{
		format->last_cursor = record->header.cursor;
		format->last_end_ns = record->header.time_ns;
		format->running_due_ns = 0;
		format->next_statement = record->done;
		format->work.since_ns = record->header.time_ns;
		format->work.cpu_ns = format->calls[0].begin_cpu_ns + record->cpu_ns;
		format->work.waits_us = 0;
		format->work.off_ns = format->off_cpu.total_ns;
	}
}

uint64
pgt_format_note_wait(PgtFormat *format, const PgtWait *wait)
{
	PgtOpenWork *work = &format->work;
	uint64		worked_us = 0;

	/* the statement that was running before may be over by now */
	if (format->depth > (format->running_before ? 1 : 0))
		return 0;
	if (!wait->name->is_client_read)
	{
		work->waits_us += us_between(wait->start_ns, wait->end_ns);
		return 0;
	}
	if (work->since_ns != 0 && work->since_ns < wait->start_ns)
		worked_us = us_between(work->since_ns, wait->start_ns);
	worked_us -= Min(work->waits_us, worked_us);
	work->since_ns = wait->end_ns;
	work->waits_us = 0;
	work->off_ns = format->off_cpu.total_ns;
	return worked_us;
}

void
pgt_format_forget_work(PgtFormat *format)
{
	format->work.since_ns = 0;
	format->calls[0].lead_ns = 0;
	format->calls[0].lead_cpu_ns = format->calls[0].lead_off_ns = 0;
}

void
pgt_format_end_statement(PgtFormat *format)
{
	if (format->depth == 0)
		format->next_statement = true;
}

void
pgt_format_running_begun(PgtFormat *format, uint64 now_ns, uint64 since_ns)
{
	format->running_before = true;
	format->depth = 1;
	format->calls[0].cursor = PGT_FIRST_CURSOR;
	format->calls[0].begin_ns = since_ns;
	format->running_due_ns = since_ns + PGT_RUNNING_INTERVAL_NS *
		((now_ns - since_ns) / PGT_RUNNING_INTERVAL_NS + 1);
}

void
pgt_format_running_ended(PgtFormat *format)
{
	if (!format->running_before)
		return;
	format->running_before = false;
	format->depth = 0;
	format->next_statement = true;
	format->running_due_ns = 0;
}
