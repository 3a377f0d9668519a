/*
 * format.c
 *		Turns records and waits into the lines of a trace file.
 *
 * The words are grammar.h's, put together by the compiler, and numbers are
 * appended by hand, since this is where the worker spends its time.  All
 * strings but SQL text, which is delimited by len=, are escaped so that a line
 * stays one line.
 */
#include "postgres.h"

#include "bgworker/trace/format.h"
#include "bgworker/trace/line.h"
#include "bgworker/trace/run_queue_line.h"
#include "bgworker/trace/wait_line.h"

StaticAssertDecl(PGT_CLOSE_HARD == PGT_CLOSE_TYPE_HARD &&
				 PGT_CLOSE_CACHED == PGT_CLOSE_TYPE_CACHED, "type= of CLOSE");

static const char *const call_names[] = {
	[PGT_CALL_PARSE] = PGT_LINE_PARSE,
	[PGT_CALL_EXEC] = PGT_LINE_EXEC,
	[PGT_CALL_FETCH] = PGT_LINE_FETCH,
	[PGT_CALL_CLOSE] = PGT_LINE_CLOSE,
};

/* ----------
 * Records
 * ----------
 */

static void
end_text(PgtFormat *format)
{
	switch (format->text_type)
	{
		case PGT_RECORD_CURSOR:
			put_string(format, "\n" PGT_LINE_END_OF_STMT "\n");
			break;
		case PGT_RECORD_BIND:
			put_string(format, "\"\n");
			break;
		case PGT_RECORD_PARSE_ERROR:
			/* there is no END OF STMT here, but readers know a CLOSE */
			put_number(format, "\n" PGT_LINE_CLOSE " #0:c=0,e=0"
					   NEXT(PGT_FIELD_DEP), format->text_depth);
			put_time(format, NEXT(PGT_FIELD_TYPE) "0" NEXT(PGT_FIELD_TIM),
					 format->text_time_ns);
			put_string(format, "\n");
			break;
	}
	format->text_type = 0;
}

/* A piece of the text of a record of type format->text_type */
static void
put_text(PgtFormat *format, const char *text, uint32 len)
{
	if (format->text_type == PGT_RECORD_BIND)
		put_escaped(format, text, len, '"');
	else
		appendBinaryStringInfo(format->out, text, len);
	format->text_left -= len;
	if (format->text_left == 0)
		end_text(format);
}

static void
begin_text(PgtFormat *format, const PgtRecord *record, Size fixed_len,
		   uint64 total_len)
{
	format->text_type = record->type;
	format->text_left = total_len;
	format->text_time_ns = record->time_ns;
	format->text_depth = record->depth;
	put_text(format, (const char *) record + fixed_len, record->text_len);
}

void
pgt_format_text_dots(PgtFormat *format, uint64 len)
{
	/* a reader that honours len= must find as many bytes */
	while (len > 0 && format->text_type != 0)
	{
		static const char filler[] = "................................";
		uint32		piece = Min(len, sizeof(filler) - 1);

		put_text(format, filler, piece);
		len -= piece;
	}
}

void
pgt_format_text_missing(PgtFormat *format, uint64 missing)
{
	put_number(format, PGT_STARS PGT_NOTE_LOST, missing);
	put_string(format, " BYTES OF THE TEXT ABOVE, SHOWN AS DOTS\n");
}

static void
put_cursor(PgtFormat *format, const PgtCursorRecord *record)
{
	put_number(format, PGT_LINE_SEPARATOR "\n" PGT_LINE_CURSOR " #",
			   record->header.cursor);
	put_number(format, FIELD(PGT_FIELD_LEN), record->total_len);
	put_number(format, FIELD(PGT_FIELD_DEP), record->header.depth);
	put_number(format, FIELD(PGT_FIELD_UID), record->userid);
	put_number(format, FIELD(PGT_FIELD_OCT), record->command);
	put_number(format, FIELD(PGT_FIELD_LID), record->loginid);
	put_time(format, FIELD(PGT_FIELD_TIM), record->header.time_ns);
	put_statement_id(format, record->queryid, record->hash);
	if (record->traceparent[0] != '\0')
		put_quoted(format, QUOTED(PGT_FIELD_TRACEPARENT), record->traceparent,
				   strnlen(record->traceparent, PGT_TRACEPARENT_LEN));
	if (record->full_len > 0)
		put_number(format, FIELD(PGT_FIELD_CUT), record->full_len);
	put_string(format, "\n");
	begin_text(format, &record->header, sizeof(*record), record->total_len);
}

static void
put_call(PgtFormat *format, const PgtEndRecord *record)
{
	const PgtOpenCall *lead = pgt_format_lead(format, record);
	uint64		end_ns = record->header.time_ns;
	uint64		elapsed_ns = record->elapsed_ns +
		(lead != NULL ? lead->lead_ns : 0);
	uint64		cpu_ns = pgt_format_cpu_of(format, record);
	uint64		cpu_us = cpu_ns / NS_IN_US;
	uint64		elapsed_us;

	if (record->kind >= lengthof(call_names))
		return;
	elapsed_us = us_between(end_ns - Min(elapsed_ns, end_ns), end_ns);

	put_string(format, call_names[record->kind]);
	put_number(format, " #", record->header.cursor);
	/* elapsed time may be cut by more */
	put_number(format, ":" PGT_FIELD_C "=",
			   cpu_ns <= elapsed_ns ? Min(cpu_us, elapsed_us) : cpu_us);
	put_number(format, NEXT(PGT_FIELD_E), elapsed_us);
	if (record->kind == PGT_CALL_CLOSE)
	{
		put_number(format, NEXT(PGT_FIELD_DEP), record->header.depth);
		put_number(format, NEXT(PGT_FIELD_TYPE), record->close_type);
	}
	else
	{
		put_number(format, NEXT(PGT_FIELD_P), record->blocks_read);
		put_number(format, NEXT(PGT_FIELD_CR), record->blocks_got);
		put_number(format, NEXT(PGT_FIELD_CU), record->blocks_dirtied);
		put_number(format, NEXT(PGT_FIELD_MIS), record->missed);
		put_number(format, NEXT(PGT_FIELD_R), record->rows);
		put_number(format, NEXT(PGT_FIELD_DEP), record->header.depth);
		put_number(format, NEXT(PGT_FIELD_OG) "1" NEXT(PGT_FIELD_PLH),
				   record->plan_hash);
	}
	put_time(format, NEXT(PGT_FIELD_TIM), record->header.time_ns);
	put_string(format, "\n");
}

/*
 * Is the value a number, as readers of Oracle's files expect without quotes?
 * That of a type of numbers may be Infinity as well, or anything.
 */
static bool
is_number(const PgtBindRecord *record)
{
	const char *text = (const char *) (record + 1);
	uint32		len = record->header.text_len;

	if ((record->oracle_type != PGT_ORACLE_NUMBER &&
		 record->oracle_type != PGT_ORACLE_FLOAT &&
		 record->oracle_type != PGT_ORACLE_DOUBLE) ||
		len == 0 || len != record->total_len || record->value_len > 0)
		return false;
	for (uint32 i = 0; i < len; i++)
	{
		if (!(text[i] >= '0' && text[i] <= '9') &&
			(i == 0 ? text[i] != '-' : memchr("+-.e", text[i], 4) == NULL))
			return false;
	}
	return len > 1 || text[0] != '-';
}

static void
put_value(PgtFormat *format, const PgtBindRecord *record)
{
	const char *text = (const char *) (record + 1);

	put_string(format, "\n " FIELD(PGT_FIELD_VALUE));
	if (record->state == PGT_BIND_NULL)
		put_string(format, "NULL\n");
	else if (record->state == PGT_BIND_OMITTED)
	{
		put_string(format, "<");
		put_escaped(format, text, record->header.text_len, '>');
		put_string(format, ">\n");
	}
	else if (is_number(record))
	{
		put_bytes(format, text, record->header.text_len);
		put_string(format, "\n");
	}
	else
	{
		put_string(format, "\"");
		begin_text(format, &record->header, sizeof(*record),
				   record->total_len);
	}
}

static void
put_bind(PgtFormat *format, const PgtBindRecord *record)
{
	uint64		len = record->value_len > 0 ? record->value_len :
		record->total_len;
	uint64		max_len = record->type_len > 0 ?
		(uint64) record->type_len : len;

	put_number(format, PGT_LINE_BIND, record->index);
	/* two digits, as in Oracle's files */
	put_number(format, record->oracle_type < 10 ?
			   "\n " FIELD(PGT_FIELD_OACDTY) "0" :
			   "\n " FIELD(PGT_FIELD_OACDTY), record->oracle_type);
	put_number(format, FIELD(PGT_FIELD_MXL), max_len);
	put_number(format, "(", max_len);
	put_quoted(format, ") mxlc=00 mal=00 scl=00 pre=00" QUOTED(PGT_FIELD_TYP),
			   NameStr(record->type_name),
			   strnlen(NameStr(record->type_name), NAMEDATALEN));
	put_number(format, FIELD(PGT_FIELD_TYPOID), record->type);
	if (format->bind_name[0] != '\0')
		put_quoted(format, QUOTED(PGT_FIELD_NAME), format->bind_name,
				   strlen(format->bind_name));
	format->bind_name[0] = '\0';
	/* the next line as Oracle has it: readers look for avl= there */
	put_number(format, "\n  kxsbbbfp=0" FIELD(PGT_FIELD_BLN), len);
	put_number(format, FIELD(PGT_FIELD_AVL),
			   record->state == PGT_BIND_VALUE ? len : 0);
	put_string(format, " flg=05");
	if (record->value_len > 0)
		put_number(format, FIELD(PGT_FIELD_SHOWN), record->total_len);

	put_value(format, record);
}

/* The name of the value that follows */
static void
keep_bind_name(PgtFormat *format, const PgtRecord *record)
{
	Size		len = Min(record->text_len, sizeof(format->bind_name) - 1);

	memcpy(format->bind_name, record + 1, len);
	format->bind_name[len] = '\0';
}

/* What was packed by MAKE_SQLSTATE(), or anything else */
static void
put_sql_state(PgtFormat *format, uint32 state)
{
	char		text[5];

	for (int i = 0; i < (int) sizeof(text); i++)
	{
		char		c = PGUNSIXBIT(state >> (6 * i));

		text[i] = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ? c : '?';
	}
	put_bytes(format, text, sizeof(text));
}

static void
put_detail(PgtFormat *format, const char *label, const char *value, Size max_len)
{
	put_string(format, label);
	put_escaped(format, value, strnlen(value, max_len), '"');
	put_string(format, "\"");
}

static void
put_name(PgtFormat *format, const char *label, const NameData *name)
{
	if (NameStr(*name)[0] != '\0')
		put_detail(format, label, NameStr(*name), NAMEDATALEN);
}

/* Behind err= and tim=, which is all that Oracle has */
static void
put_error_details(PgtFormat *format, uint32 sqlstate,
				  const PgtErrorDetails *details)
{
	put_string(format, FIELD(PGT_FIELD_SQLSTATE));
	put_sql_state(format, sqlstate);
	put_detail(format, FIELD(PGT_FIELD_MESSAGE) "\"", details->message,
			   sizeof(details->message));
	put_name(format, FIELD(PGT_FIELD_SCHEMA) "\"", &details->schema);
	put_name(format, FIELD(PGT_FIELD_TABLE) "\"", &details->table);
	put_name(format, FIELD(PGT_FIELD_COLUMN) "\"", &details->column);
	put_name(format, FIELD(PGT_FIELD_CONSTRAINT) "\"", &details->constraint);
}

static void
put_parse_error(PgtFormat *format, const PgtParseErrorRecord *record)
{
	put_number(format, PGT_LINE_PARSE_ERROR " #", record->header.cursor);
	put_number(format, ":" PGT_FIELD_LEN "=", record->total_len);
	put_number(format, FIELD(PGT_FIELD_DEP), record->header.depth);
	put_number(format, FIELD(PGT_FIELD_UID), record->userid);
	put_number(format, FIELD(PGT_FIELD_OCT) "0" FIELD(PGT_FIELD_LID),
			   record->loginid);
	put_time(format, FIELD(PGT_FIELD_TIM), record->header.time_ns);
	put_number(format, FIELD(PGT_FIELD_ERR), record->sqlstate);
	put_error_details(format, record->sqlstate, &record->details);
	put_number(format, FIELD(PGT_FIELD_POS), record->position);
	if (record->full_len > 0)
		put_number(format, FIELD(PGT_FIELD_CUT), record->full_len);
	put_string(format, "\n");
	begin_text(format, &record->header, sizeof(*record), record->total_len);
}

static void
put_error(PgtFormat *format, const PgtErrorRecord *record)
{
	static const PgtErrorDetails none = {.message = ""};
	bool		again = record->header.len < sizeof(PgtErrorRecord);

	put_number(format, PGT_LINE_ERROR " #", record->header.cursor != 0 ?
			   record->header.cursor : pgt_format_cursor(format, false));
	put_number(format, ":" PGT_FIELD_ERR "=", record->sqlstate);
	put_time(format, FIELD(PGT_FIELD_TIM), record->header.time_ns);
	put_error_details(format, record->sqlstate,
					  again ? &none : &record->details);
	if (record->bind > 0)
		put_number(format, FIELD(PGT_FIELD_BIND), record->bind - 1);
	if (!again && record->header.text_len > 0)
		put_detail(format, FIELD(PGT_FIELD_STATEMENT) "\"",
				   (const char *) (record + 1), record->header.text_len);
	if (record->full_len > 0)
		put_number(format, FIELD(PGT_FIELD_CUT), record->full_len);
	put_string(format, "\n");
}

static void
put_changed_context(PgtFormat *format, const PgtContextRecord *record)
{
	static const char *const labels[PGT_CONTEXT_KINDS] = {
		[PGT_CONTEXT_CLIENT] = PGT_NOTE_CLIENT,
		[PGT_CONTEXT_MODULE] = PGT_NOTE_MODULE,
		[PGT_CONTEXT_ACTION] = PGT_NOTE_ACTION,
		[PGT_CONTEXT_USER] = PGT_NOTE_ROLE,
	};
	char		value[1024];

	if (record->kind == PGT_CONTEXT_OPTIONS)
	{
		snprintf(value, sizeof(value), PGT_NOTE_OPTIONS "%.*s",
				 (int) Min(record->header.text_len, sizeof(value)),
				 (const char *) (record + 1));
		pgt_format_note(format, value);
		return;
	}
	if (record->kind >= PGT_CONTEXT_KINDS)
		return;
	if (record->kind == PGT_CONTEXT_USER)
		snprintf(value, sizeof(value), "%u", record->userid);
	else
		snprintf(value, sizeof(value), "%.*s",
				 (int) Min(record->header.text_len, sizeof(value) - 1),
				 (const char *) (record + 1));
	pgt_format_context(format, labels[record->kind], value,
					   record->header.time_ns);
}

static void
put_xact(PgtFormat *format, const PgtXactRecord *record)
{
	put_number(format, PGT_LINE_XCTEND FIELD(PGT_FIELD_RLBK),
			   record->rolled_back);
	put_number(format, "," FIELD(PGT_FIELD_RD_ONLY), record->read_only);
	put_time(format, "," FIELD(PGT_FIELD_TIM), record->header.time_ns);
	put_string(format, "\n");
	pgt_format_end_statement(format);
}

void
pgt_format_record(PgtFormat *format, const PgtRecord *record)
{
	if (record->type != PGT_RECORD_STAT)
		pgt_node_sums_end_report(&format->sums);
	switch ((PgtRecordType) record->type)
	{
		case PGT_RECORD_TEXT:
			put_text(format, (const char *) (record + 1), record->text_len);
			break;
		case PGT_RECORD_CURSOR:
			pgt_format_wall_clock(format, record->time_ns);
			put_cursor(format, (const PgtCursorRecord *) record);
			break;
		case PGT_RECORD_BEGIN:
			pgt_format_wall_clock(format, record->time_ns);
			pgt_format_run_queue_before(format, (const PgtBeginRecord *) record);
			pgt_format_begin_call(format, (const PgtBeginRecord *) record);
			break;
		case PGT_RECORD_END:
			pgt_format_run_queue_of(format, (const PgtEndRecord *) record);
			put_call(format, (const PgtEndRecord *) record);
			pgt_format_end_call(format, (const PgtEndRecord *) record);
			break;
		case PGT_RECORD_BINDS:
			put_number(format, PGT_LINE_BINDS " #", record->cursor);
			put_string(format, ":\n\n");
			break;
		case PGT_RECORD_BIND:
			put_bind(format, (const PgtBindRecord *) record);
			break;
		case PGT_RECORD_BIND_NAME:
			keep_bind_name(format, record);
			break;
		case PGT_RECORD_STAT:
			pgt_format_stat(format, (const PgtStatRecord *) record);
			break;
		case PGT_RECORD_XACT:
			put_xact(format, (const PgtXactRecord *) record);
			break;
		case PGT_RECORD_ERROR:
			put_error(format, (const PgtErrorRecord *) record);
			break;
		case PGT_RECORD_PARSE_ERROR:
			put_parse_error(format, (const PgtParseErrorRecord *) record);
			break;
		case PGT_RECORD_CONTEXT:
			put_changed_context(format, (const PgtContextRecord *) record);
			break;
		case PGT_RECORD_LOST:
			pgt_format_forget_work(format);
			put_number(format, PGT_STARS PGT_NOTE_LOST,
					   ((const PgtLostRecord *) record)->count);
			put_string(format, ((const PgtLostRecord *) record)->calls ?
					   " CALLS: ALL CURSOR NUMBERS ARE IN USE\n" :
					   " EVENTS: THE SESSION'S QUEUE WAS FULL\n");
			break;
		case PGT_RECORD_EXIT:
			appendStringInfo(format->out,
							 PGT_STARS PGT_NOTE_EXIT "%d\n",
							 ((const PgtExitRecord *) record)->code);
			break;
		case PGT_RECORD_SAMPLED:
			pgt_node_sums_begin_samples(&format->sums,
										((const PgtSampledRecord *) record)->execution);
			break;
		case PGT_RECORD_PAD:
			break;
	}
}

/* ----------
 * Waits
 * ----------
 */

void
pgt_format_wait(PgtFormat *format, const PgtWait *wait)
{
	bool		for_client = wait->name->for_client;
	uint32		node = (uint32) wait->plan_node;
	uint64		ela_ns = wait->end_ns - wait->start_ns;
	uint64		worked_us;

	pgt_off_cpu_add(&format->off_cpu, wait->start_ns, wait->end_ns,
					ela_ns - wait->cpu_ns, wait->cpu_is_known);
	format->work.has_waits = true;
	worked_us = pgt_format_note_wait(format, wait);
	/* between calls, it is what an execution of a former trace has left */
	pgt_format_wait_line(format, pgt_format_cursor(format, for_client), wait,
						 format->depth > 0 ? node : 0, worked_us);
	/* as the line has it, so that the sum is theirs */
	pgt_format_node_wait(format, wait->plan_node, NS_IN_US *
						 us_between(wait->start_ns, wait->end_ns));
	if (for_client)
		pgt_format_end_statement(format);
}
