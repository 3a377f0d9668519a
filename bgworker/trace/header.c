/*
 * header.c
 *		The head of a trace file, and lines of the form *** <text>.
 *
 * All that a session is called is what its user likes, so it is escaped.  The
 * other lines have monotonic times; those here tie these to the wall clock.
 */
#include "postgres.h"

#include <sys/utsname.h>
#include <time.h>

#include "utils/guc.h"
#include "utils/timestamp.h"

#include "bgworker/trace/header.h"
#include "bgworker/trace/line.h"
#include "extension/clock.h"
#include "extension/redact.h"

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

/* A time of PostgreSQL's, any, as the wall clock's, in µs since 1970 */
static uint64
unix_us_of(TimestampTz timestamp)
{
	return (uint64) timestamp + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) *
		USECS_PER_DAY;
}

void
pgt_format_timestamp(PgtFormat *format, TimestampTz time)
{
	put_iso_time(format, unix_us_of(time));
}

/* What the wall clock showed at time_ns, which is a little while ago */
static uint64
wall_us_at(uint64 time_ns)
{
	return pgt_clock_wall_us() - (pgt_clock_now() - time_ns) / NS_IN_US;
}

static void
put_header_field(PgtFormat *format, const char *label, const char *value)
{
	put_string(format, label);
	put_escaped(format, value, strlen(value), '\0');
	put_string(format, "\n");
}

static void
put_context(PgtFormat *format, const char *label, const char *value,
			uint64 unix_us)
{
	put_string(format, PGT_STARS);
	put_string(format, label);
	put_string(format, ":(");
	put_escaped(format, value, strlen(value), '\0');
	put_string(format, ") ");
	put_iso_time(format, unix_us);
	put_string(format, "\n");
}

void
pgt_format_context(PgtFormat *format, const char *label, const char *value,
				   uint64 time_ns)
{
	put_context(format, label, value, wall_us_at(time_ns));
}

/* Which server has written the file, and in which version of the grammar */
static void
put_server(PgtFormat *format)
{
	put_string(format, PGT_HEAD_SERVER);
	put_string(format, GetConfigOption("server_version", true, false));
	put_string(format, PGT_HEAD_EXTENSION PGT_VERSION
			   PGT_HEAD_FORMAT PGT_FORMAT_VERSION "\n" PGT_HEAD_VERSION_NUM);
	put_string(format, GetConfigOption("server_version_num", true, false));
	put_string(format, "\n");
}

static void
put_host(PgtFormat *format)
{
	struct utsname host;

	if (uname(&host) != 0)
		memset(&host, 0, sizeof(host));
	put_header_field(format, PGT_HEAD_SYSTEM, host.sysname);
	put_header_field(format, PGT_HEAD_NODE, host.nodename);
	put_header_field(format, PGT_HEAD_RELEASE, host.release);
	put_header_field(format, PGT_HEAD_VERSION, host.version);
	put_header_field(format, PGT_HEAD_MACHINE, host.machine);
}

void
pgt_format_header(PgtFormat *format, const PgtSession *session,
				  const char *path, uint64 time_ns)
{
	uint64		now_us = wall_us_at(time_ns);
	uint64		start_us = unix_us_of(session->backend_start);
	const char *cluster = GetConfigOption("cluster_name", true, false);
	char		id[64];

	put_header_field(format, PGT_HEAD_FILE, path);
	put_server(format);
	put_host(format);
	put_header_field(format, PGT_HEAD_INSTANCE,
					 cluster != NULL ? cluster : "");
	put_header_field(format, PGT_HEAD_DATABASE,
					 NameStr(session->database_name));
	put_header_field(format, PGT_HEAD_USER, NameStr(session->role_name));
	appendStringInfo(format->out, PGT_HEAD_NUMBER "%d\n" PGT_HEAD_PID "%d",
					 session->proc_number, session->pid);
	put_header_field(format, PGT_HEAD_IMAGE, session->image);
	put_string(format, PGT_HEAD_START);
	put_iso_time(format, start_us);
	put_string(format, "\n\n");

	pgt_format_wall_clock(format, time_ns);
	snprintf(id, sizeof(id), "%d." UINT64_FORMAT, session->pid,
			 start_us / USECS_PER_SEC);
	put_context(format, PGT_NOTE_SESSION, id, now_us);
	put_context(format, PGT_NOTE_CLIENT, "", now_us);
	put_context(format, PGT_NOTE_SERVICE, NameStr(session->database_name),
				now_us);
	put_context(format, PGT_NOTE_MODULE,
				pgt_redact_value(session->application_name,
								 strlen(session->application_name)) ?
				"***" : session->application_name, now_us);
	put_context(format, PGT_NOTE_ACTION, "", now_us);
	put_string(format, "\n");
}

void
pgt_format_note(PgtFormat *format, const char *text)
{
	put_header_field(format, PGT_STARS, text);
}

void
pgt_format_time_note(PgtFormat *format, const char *text, TimestampTz time)
{
	put_string(format, PGT_STARS);
	put_string(format, text);
	pgt_format_timestamp(format, time);
	put_string(format, "\n");
}

void
pgt_format_wall_clock(PgtFormat *format, uint64 time_ns)
{
	if (format->wall_clock_ns != 0 &&
		time_ns < format->wall_clock_ns + PGT_RUNNING_INTERVAL_NS)
		return;

	put_string(format, PGT_STARS);
	put_iso_time(format, wall_us_at(time_ns));
	put_time(format, " (" PGT_FIELD_TIM "=", time_ns);
	put_string(format, ")\n");
	format->wall_clock_ns = time_ns;
}
