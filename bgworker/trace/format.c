/*
 * format.c
 *		Turns records and waits into the lines of a trace file.
 *
 * The grammar is that of Oracle's extended SQL trace; the README describes
 * it.  Numbers are appended by hand, since this is where the worker spends
 * its time.  All strings but SQL text, which is delimited by len=, are
 * escaped so that a line stays one line.
 */
#include "postgres.h"

#include <sys/utsname.h>
#include <time.h>

#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "bgworker/trace/format.h"
#include "bgworker/trace/line.h"
#include "bgworker/trace/wait_line.h"
#include "extension/clock.h"
#include "extension/compat.h"
#include "extension/redact.h"


static const char *const call_names[] = {
	[PGT_CALL_PARSE] = "PARSE",
	[PGT_CALL_EXEC] = "EXEC",
	[PGT_CALL_FETCH] = "FETCH",
	[PGT_CALL_CLOSE] = "CLOSE",
};

/* ----------
 * Pieces of lines
 * ----------
 */

/* ISO 8601 in UTC, with microseconds */
static void
put_iso_time(PgtFormat *format, uint64 unix_us)
{
	time_t		seconds = unix_us / USECS_PER_SEC;
	struct tm	tm;
	char		stamp[64];

	/* there are times beyond what a year can be */
	if (gmtime_r(&seconds, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	appendStringInfo(format->out, "%s.%06d+00:00", stamp,
					 (int) (unix_us % USECS_PER_SEC));
}

/* A time of PostgreSQL's as the wall clock's, in µs since 1970 */
static uint64
unix_us_of(TimestampTz timestamp)
{
	return timestamp + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) *
		USECS_PER_DAY;
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

/* ----------
 * The head of a file, and lines beginning with ***
 * ----------
 */

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

static void
put_header_field(PgtFormat *format, const char *label, const char *value)
{
	put_string(format, label);
	put_escaped(format, value, strlen(value), '\0');
	put_string(format, "\n");
}

/* *** <label>:(<value>) <time> */
static void
put_context(PgtFormat *format, const char *label, const char *value,
			uint64 unix_us)
{
	put_string(format, "*** ");
	put_string(format, label);
	put_string(format, ":(");
	put_escaped(format, value, strlen(value), '\0');
	put_string(format, ") ");
	put_iso_time(format, unix_us);
	put_string(format, "\n");
}

void
pgt_format_header(PgtFormat *format, const PgtSession *session,
				  const char *path)
{
	uint64		now_us = pgt_clock_wall_us();
	uint64		start_us = unix_us_of(session->backend_start);
	const char *cluster = GetConfigOption("cluster_name", true, false);
	struct utsname host;
	char		id[64];

	if (uname(&host) != 0)
		memset(&host, 0, sizeof(host));

	put_header_field(format, "Trace file ", path);
	appendStringInfo(format->out,
					 "PostgreSQL %s with pg_trace_bgw " PGT_VERSION "\n"
					 "Version %s\n",
					 GetConfigOption("server_version", true, false),
					 GetConfigOption("server_version_num", true, false));
	put_header_field(format, "System name:\t", host.sysname);
	put_header_field(format, "Node name:\t", host.nodename);
	put_header_field(format, "Release:\t", host.release);
	put_header_field(format, "Version:\t", host.version);
	put_header_field(format, "Machine:\t", host.machine);
	put_header_field(format, "Instance name: ",
					 cluster != NULL ? cluster : "");
	put_header_field(format, "Database name: ",
					 NameStr(session->database_name));
	put_header_field(format, "User name: ", NameStr(session->role_name));
	appendStringInfo(format->out, "Unix process pid: %d", session->pid);
	put_header_field(format, ", image: ", session->image);
	put_string(format, "Backend start: ");
	put_iso_time(format, start_us);
	put_string(format, "\n\n");

	pgt_format_wall_clock(format, pgt_clock_now());
	snprintf(id, sizeof(id), "%d." UINT64_FORMAT, session->pid,
			 start_us / USECS_PER_SEC);
	put_context(format, "SESSION ID", id, now_us);
	put_context(format, "CLIENT ID", "", now_us);
	put_context(format, "SERVICE NAME", NameStr(session->database_name),
				now_us);
	put_context(format, "MODULE NAME",
				pgt_redact_value(session->application_name,
								 strlen(session->application_name)) ?
				"***" : session->application_name, now_us);
	put_context(format, "ACTION NAME", "", now_us);
	put_string(format, "\n");
}

void
pgt_format_note(PgtFormat *format, const char *text)
{
	put_string(format, "*** ");
	put_escaped(format, text, strlen(text), '\0');
	put_string(format, "\n");
}

void
pgt_format_time_note(PgtFormat *format, const char *text, TimestampTz time)
{
	put_string(format, "*** ");
	put_string(format, text);
	put_iso_time(format, unix_us_of(time));
	put_string(format, "\n");
}

void
pgt_format_wall_clock(PgtFormat *format, uint64 time_ns)
{
	uint64		age_us;

	if (format->wall_clock_ns != 0 &&
		time_ns < format->wall_clock_ns + PGT_RUNNING_INTERVAL_NS)
		return;

	/* the wall clock at time_ns, which is a little while ago */
	age_us = (pgt_clock_now() - time_ns) / NS_IN_US;
	put_string(format, "*** ");
	put_iso_time(format, pgt_clock_wall_us() - age_us);
	put_time(format, " (tim=", time_ns);
	put_string(format, ")\n");
	format->wall_clock_ns = time_ns;
}

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
			put_string(format, "\nEND OF STMT\n");
			break;
		case PGT_RECORD_BIND:
			put_string(format, "\"\n");
			break;
		case PGT_RECORD_PARSE_ERROR:
			/* there is no END OF STMT here, but readers know a CLOSE */
			put_number(format, "\nCLOSE #0:c=0,e=0,dep=", format->text_depth);
			put_time(format, ",type=0,tim=", format->text_time_ns);
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
	appendStringInfo(format->out,
					 "*** LOST " UINT64_FORMAT " BYTES OF THE TEXT ABOVE, SHOWN AS DOTS\n",
					 missing);
}

static void
put_cursor(PgtFormat *format, const PgtCursorRecord *record)
{
	put_string(format, SEPARATOR "PARSING IN CURSOR #");
	put_number(format, "", record->header.cursor);
	put_number(format, " len=", record->total_len);
	put_number(format, " dep=", record->header.depth);
	put_number(format, " uid=", record->userid);
	put_number(format, " oct=", record->command);
	put_number(format, " lid=", record->loginid);
	put_time(format, " tim=", record->header.time_ns);
	put_number(format, " hv=", (uint32) record->hash);
	put_number(format, " ad='0' sqlid='", record->queryid);
	put_string(format, "'");
	if (record->traceparent[0] != '\0')
	{
		put_string(format, " traceparent='");
		put_escaped(format, record->traceparent,
					strnlen(record->traceparent, PGT_TRACEPARENT_LEN), '\'');
		put_string(format, "'");
	}
	if (record->full_len > 0)
		put_number(format, " cut=", record->full_len);
	put_string(format, "\n");
	begin_text(format, &record->header, sizeof(*record), record->total_len);
}

static void
begin_call(PgtFormat *format, const PgtBeginRecord *begin)
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
	}
	format->calls[depth].plan_node = begin->plan_node;
	format->depth = depth + 1;
	format->next_statement = false;
	if (format->running_due_ns == 0)
		format->running_due_ns = record->time_ns + PGT_RUNNING_INTERVAL_NS;
}

static void
end_call(PgtFormat *format, const PgtEndRecord *record)
{
	if (!record->begun)
		return;
	format->depth = Min(format->depth, (int) record->header.depth);
	if (format->depth == 0)
	{
		format->last_cursor = record->header.cursor;
		format->running_due_ns = 0;
		format->next_statement = record->done;
	}
}

static void
put_call(PgtFormat *format, const PgtEndRecord *record)
{
	if (record->kind >= lengthof(call_names))
		return;

	put_string(format, call_names[record->kind]);
	put_number(format, " #", record->header.cursor);
	put_time(format, ":c=", record->cpu_ns);
	put_time(format, ",e=", record->elapsed_ns);
	if (record->kind == PGT_CALL_CLOSE)
	{
		put_number(format, ",dep=", record->header.depth);
		put_number(format, ",type=", record->close_type);
	}
	else
	{
		put_number(format, ",p=", record->blocks_read);
		put_number(format, ",cr=", record->blocks_got);
		put_number(format, ",cu=", record->blocks_dirtied);
		put_number(format, ",mis=", record->missed);
		put_number(format, ",r=", record->rows);
		put_number(format, ",dep=", record->header.depth);
		put_number(format, ",og=1,plh=", record->plan_hash);
	}
	put_time(format, ",tim=", record->header.time_ns);
	put_string(format, "\n");
}

static void
put_bind(PgtFormat *format, const PgtBindRecord *record)
{
	uint64		len = record->value_len > 0 ? record->value_len :
		record->total_len;
	uint64		max_len = record->type_len > 0 ?
		(uint64) record->type_len : len;

	put_number(format, " Bind#", record->index);
	put_number(format, "\n  oacdty=", record->type);
	put_number(format, " mxl=", max_len);
	put_number(format, "(", max_len);
	put_string(format, ") mxlc=00 mal=00 scl=00 pre=00 typ='");
	put_escaped(format, NameStr(record->type_name),
				strnlen(NameStr(record->type_name), NAMEDATALEN), '\'');
	/* the next line as Oracle has it: readers look for avl= there */
	put_number(format, "'\n  kxsbbbfp=0 bln=", len);
	put_number(format, " avl=", record->state == PGT_BIND_VALUE ? len : 0);
	put_string(format, " flg=05");
	if (record->value_len > 0)
		put_number(format, " shown=", record->total_len);

	if (record->state == PGT_BIND_NULL)
		put_string(format, "\n  value=NULL\n");
	else if (record->state == PGT_BIND_VALUE)
	{
		put_string(format, "\n  value=\"");
		begin_text(format, &record->header, sizeof(*record),
				   record->total_len);
	}
	else
	{
		put_string(format, "\n  value=<");
		put_escaped(format, (const char *) (record + 1),
					record->header.text_len, '>');
		put_string(format, ">\n");
	}
}

static void
put_parse_error(PgtFormat *format, const PgtParseErrorRecord *record)
{
	put_number(format, "PARSE ERROR #", record->header.cursor);
	put_number(format, ":len=", record->total_len);
	put_number(format, " dep=", record->header.depth);
	put_number(format, " uid=", record->userid);
	put_number(format, " oct=0 lid=", record->loginid);
	put_time(format, " tim=", record->header.time_ns);
	put_string(format, " err=");
	put_string(format, unpack_sql_state(record->sqlstate));
	put_number(format, " pos=", record->position);
	if (record->full_len > 0)
		put_number(format, " cut=", record->full_len);
	put_string(format, "\n");
	begin_text(format, &record->header, sizeof(*record), record->total_len);
}

static void
put_error(PgtFormat *format, const PgtErrorRecord *record)
{
	put_number(format, "ERROR #", record->header.cursor != 0 ?
			   record->header.cursor : pgt_format_cursor(format, false));
	put_string(format, ":err=");
	put_string(format, unpack_sql_state(record->sqlstate));
	put_time(format, " tim=", record->header.time_ns);
	put_string(format, "\n");
}

static void
put_changed_context(PgtFormat *format, const PgtContextRecord *record)
{
	static const char *const labels[PGT_CONTEXT_KINDS] = {
		[PGT_CONTEXT_CLIENT] = "CLIENT ID",
		[PGT_CONTEXT_MODULE] = "MODULE NAME",
		[PGT_CONTEXT_ACTION] = "ACTION NAME",
		[PGT_CONTEXT_USER] = "USER ID",
	};
	uint64		age_us = (pgt_clock_now() - record->header.time_ns) / NS_IN_US;
	char		value[1024];

	if (record->kind == PGT_CONTEXT_OPTIONS)
	{
		snprintf(value, sizeof(value), "TRACING OPTIONS: %.*s",
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
	put_context(format, labels[record->kind], value,
				pgt_clock_wall_us() - age_us);
}

static void
put_xact(PgtFormat *format, const PgtXactRecord *record)
{
	put_number(format, "XCTEND rlbk=", record->rolled_back);
	put_number(format, ", rd_only=", record->read_only);
	put_time(format, ", tim=", record->header.time_ns);
	put_string(format, "\n");
	if (format->depth == 0)
		format->next_statement = true;
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
			pgt_format_run_queue(format,
								 ((const PgtBeginRecord *) record)->run_delay_ns,
								 record->time_ns);
			begin_call(format, (const PgtBeginRecord *) record);
			break;
		case PGT_RECORD_END:
			pgt_format_run_queue(format,
								 ((const PgtEndRecord *) record)->run_delay_ns,
								 record->time_ns);
			put_call(format, (const PgtEndRecord *) record);
			end_call(format, (const PgtEndRecord *) record);
			break;
		case PGT_RECORD_BINDS:
			put_number(format, "BINDS #", record->cursor);
			put_string(format, ":\n\n");
			break;
		case PGT_RECORD_BIND:
			put_bind(format, (const PgtBindRecord *) record);
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
			put_number(format, "*** LOST ",
					   ((const PgtLostRecord *) record)->count);
			put_string(format, ((const PgtLostRecord *) record)->calls ?
					   " CALLS: ALL CURSOR NUMBERS ARE IN USE\n" :
					   " EVENTS: THE SESSION'S QUEUE WAS FULL\n");
			break;
		case PGT_RECORD_EXIT:
			appendStringInfo(format->out,
							 "*** PROCESS EXITS, code=%d\n",
							 ((const PgtExitRecord *) record)->code);
			break;
		case PGT_RECORD_PAD:
			break;
	}
}

/* ----------
 * Waits, and time in the run queue
 * ----------
 */

void
pgt_format_wait(PgtFormat *format, const PgtWait *wait)
{
	bool		for_client = wait->name->for_client;
	uint32		node = (uint32) wait->plan_node;

	/* between calls, it is what an execution of a former trace has left */
	pgt_format_wait_line(format, pgt_format_cursor(format, for_client), wait,
						 format->depth > 0 ? node : 0);
	pgt_format_node_wait(format, wait->plan_node,
						 wait->end_ns - wait->start_ns);
	if (for_client && format->depth == 0)
		format->next_statement = true;
}

void
pgt_format_run_queue(PgtFormat *format, uint64 run_delay_ns, uint64 time_ns)
{
	static const PgtWaitName name = {.name = "CPU run queue", .type = "CPU"};
	PgtWait		wait = {
		.name = &name,
		.end_ns = time_ns,
		.mode = PGT_NO_MODE,
		.client_bytes = PGT_NO_BYTES,
		.target_kind = PGT_TARGET_NONE,
	};

	/* less than a microsecond is kept for the next time */
	if (!format->has_run_queue ||
		run_delay_ns < format->run_delay_ns + NS_IN_US)
		return;
	wait.start_ns = time_ns - (run_delay_ns - format->run_delay_ns);
	pgt_format_wait_line(format, pgt_format_cursor(format, false), &wait, 0);
	format->run_delay_ns = run_delay_ns;
}

void
pgt_format_run_queue_in_wait(PgtFormat *format, uint64 run_delay_ns)
{
	format->run_delay_ns = Max(format->run_delay_ns, run_delay_ns);
}
