/*
 * running_line.c
 *		The lines of what is going on: running statements and current waits.
 */
#include "postgres.h"

#include "bgworker/trace/format.h"
#include "bgworker/trace/line.h"
#include "extension/redact.h"

void
pgt_format_running_statement(PgtFormat *format, const char *text,
							 const PgtSession *session, uint64 begin_ns,
							 bool running, uint64 since_ns)
{
	Size		len = strlen(text);
	char	   *redacted = pgt_redact_foreign(text, &len);

	put_string(format, SEPARATOR "PARSING IN CURSOR #");
	put_number(format, "", PGT_FIRST_CURSOR);
	put_number(format, " len=", len);
	put_number(format, " dep=0 uid=", session->role);
	put_number(format, " oct=0 lid=", session->role);
	put_time(format, " tim=", begin_ns);
	put_string(format, " hv=0 ad='0' sqlid='0'\n");
	appendBinaryStringInfo(format->out, redacted != NULL ? redacted : text,
						   len);
	put_string(format, "\nEND OF STMT\n");
	if (redacted != NULL)
		pfree(redacted);

	format->last_cursor = PGT_FIRST_CURSOR;
	if (!running)
	{
		format->next_statement = true;
		return;
	}
	format->running_before = true;
	format->depth = 1;
	format->calls[0].cursor = PGT_FIRST_CURSOR;
	format->calls[0].begin_ns = since_ns;
	format->running_due_ns = since_ns + PGT_RUNNING_INTERVAL_NS *
		((begin_ns - since_ns) / PGT_RUNNING_INTERVAL_NS + 1);
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

static void
put_wait_name(PgtFormat *format, const PgtWaitName *wait)
{
	put_string(format, " nam='");
	put_escaped(format, wait->name, strlen(wait->name), '\'');
	put_string(format, "' type='");
	put_string(format, wait->type);
	put_string(format, "'");
}

void
pgt_format_waiting(PgtFormat *format, const PgtWaitName *wait)
{
	put_number(format, "*** WAITING #",
			   pgt_format_cursor(format, wait->for_client));
	put_wait_name(format, wait);
	put_string(format, "\n");
}

void
pgt_format_running(PgtFormat *format, uint64 now_ns, const PgtWaitName *wait,
				   uint64 wait_start_ns, bool partial)
{
	if (format->running_due_ns == 0 || now_ns < format->running_due_ns ||
		format->text_type != 0)
		return;
	pgt_format_wall_clock(format, now_ns);
	put_number(format, "*** RUNNING #", pgt_format_cursor(format, false));
	put_time(format, " e=", now_ns - format->calls[0].begin_ns);
	if (wait != NULL)
	{
		put_wait_name(format, wait);
		put_time(format, " ela=", now_ns - wait_start_ns);
		if (partial)
			put_string(format, " partial=1");
	}
	put_string(format, "\n");
	format->running_due_ns = now_ns + PGT_RUNNING_INTERVAL_NS;
}
