/*
 * running_line.c
 *		The lines of what is going on: running statements and current waits.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "bgworker/trace/header.h"
#include "bgworker/trace/line.h"
#include "bgworker/trace/running_line.h"
#include "extension/redact.h"

void
pgt_format_running_statement(PgtFormat *format,
							 const PgtRunningStatement *statement)
{
	const char *text = statement->text;
	Size		len = strlen(text);
	char	   *redacted = pgt_redact_foreign(text, &len);

	put_number(format, PGT_LINE_SEPARATOR "\n" PGT_LINE_CURSOR " #",
			   PGT_FIRST_CURSOR);
	put_number(format, FIELD(PGT_FIELD_LEN), len);
	put_number(format, FIELD(PGT_FIELD_DEP) "0" FIELD(PGT_FIELD_UID),
			   statement->role);
	put_number(format, FIELD(PGT_FIELD_OCT) "0" FIELD(PGT_FIELD_LID),
			   statement->role);
	put_time(format, FIELD(PGT_FIELD_TIM), statement->traced_ns);
	if (redacted != NULL)
		text = redacted;
	put_statement_id(format, statement->queryid,
					 hash_bytes_extended((const unsigned char *) text,
										 (int) len, 0));
	put_string(format, "\n");
	put_bytes(format, text, len);
	put_string(format, "\n" PGT_LINE_END_OF_STMT "\n");
	if (redacted != NULL)
		pfree(redacted);

	format->last_cursor = PGT_FIRST_CURSOR;
	if (statement->running)
		pgt_format_running_begun(format, statement->traced_ns,
								 statement->since_ns);
	else
		pgt_format_end_statement(format);
}

/* Not as in a WAIT line, which this isn't */
static void
put_wait_name(PgtFormat *format, const PgtWaitName *wait)
{
	put_bare(format, FIELD(PGT_FIELD_EVENT), wait->name, strlen(wait->name));
	put_bare(format, FIELD(PGT_FIELD_TYPE), wait->type, strlen(wait->type));
}

void
pgt_format_waiting(PgtFormat *format, const PgtWaitName *wait)
{
	put_number(format, PGT_STARS PGT_NOTE_BUSY FIELD(PGT_FIELD_CURSOR),
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
	put_number(format, PGT_STARS PGT_NOTE_RUNNING FIELD(PGT_FIELD_CURSOR),
			   pgt_format_cursor(format, false));
	put_time(format, FIELD(PGT_FIELD_E), now_ns - format->calls[0].begin_ns);
	if (wait != NULL)
	{
		put_wait_name(format, wait);
		put_time(format, FIELD(PGT_FIELD_ELA), now_ns - wait_start_ns);
		if (partial)
			put_string(format, FIELD(PGT_FIELD_PARTIAL) "1");
	}
	put_string(format, "\n");
	format->running_due_ns = now_ns + PGT_RUNNING_INTERVAL_NS;
}
