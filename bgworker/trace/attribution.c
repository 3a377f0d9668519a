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
	}
	format->calls[depth].plan_node = begin->plan_node;
	format->depth = depth + 1;
	format->next_statement = false;
	if (format->running_due_ns == 0)
		format->running_due_ns = record->time_ns + PGT_RUNNING_INTERVAL_NS;
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
	}
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
