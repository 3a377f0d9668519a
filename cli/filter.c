/*
 * filter.c
 *		Options that all commands have: whose entries count, when, and which
 *		zone times are shown in.
 */
#include "postgres_fe.h"

#include <time.h>

#include "cli/filter.h"
#include "cli/parse/time.h"

#define DAY_US	INT64_C(86400000000)

/* A time on the command line, which may be one of any day */
typedef struct Moment
{
	bool		is_set;
	bool		has_day;
	bool		has_zone;
	int64_t		us;				/* since 1970, or since midnight */
} Moment;

static const char *wanted[PGT_SESSION_FACTS];
static bool any_wanted;
static uint64_t wanted_sql_id;
static bool has_sql_id;
static Moment since;
static Moment until;
static Moment around;
static int64_t around_us;
static bool utc;
static const char *zone;

/* ----------
 * Options
 * ----------
 */

static const char *
set_fact(void *target, const char *value)
{
	wanted[(const char **) target - wanted] = value;
	any_wanted = true;
	return NULL;
}

static const char *
set_sql_id(void *target, const char *value)
{
	PgtSpan		span = {value, strlen(value)};
	int64_t		number;

	(void) target;
	if (span.len == 13 && pgt_span_sql_id(span, &wanted_sql_id))
		has_sql_id = true;
	else if (pgt_span_int64(span, &number))
	{
		wanted_sql_id = (uint64_t) number;
		has_sql_id = true;
	}
	return has_sql_id ? NULL : "it is neither an sqlid nor a queryid";
}

/* "14:03", "14:03:05.5", or with the day before it, and maybe a zone */
static bool
take_moment(const char **p, const char *end, Moment *moment)
{
	char		text[64];
	size_t		len = 0;
	const char *begin;
	int			offset_s;
	bool		day = end - *p > 10 && (*p)[4] == '-';
	int			colons = 0;

	/* what isn't there is that of 1970-01-01, and 0 seconds */
	len = snprintf(text, sizeof(text), "%s", day ? "" : "1970-01-01T");
	while (*p < end && len < sizeof(text) - 4 &&
		   (strchr("0123456789-:. TZ", **p) != NULL || (day && **p == '+')))
		text[len++] = *(*p)++;
	text[len] = '\0';
	for (const char *c = text; *c != '\0' && strchr("+Z", *c) == NULL; c++)
		colons += *c == ':';
	if (colons == 1 && strchr(text, '+') == NULL)
		len += snprintf(text + len, sizeof(text) - len, ":00");
	begin = text;
	moment->has_day = day;
	if (!pgt_take_time(&begin, text + len, &moment->us, &offset_s) ||
		begin != text + len)
		return false;
	moment->has_zone = len > 6 && (text[len - 1] == 'Z' ||
								   text[len - 6] == '+' ||
								   (text[len - 6] == '-' && len > 19));
	moment->is_set = true;
	return true;
}

static const char *
set_moment(void *target, const char *value)
{
	const char *end = value + strlen(value);

	if (!take_moment(&value, end, target) || value != end)
		return "it is no time, such as 14:03:05 or 2026-11-25T14:03:05+01:00";
	return NULL;
}

/* "14:03:05+-30s", as well with the sign for that, in UTF-8 */
static const char *
set_around(void *target, const char *value)
{
	static const char wrong[] = "it is no time and duration, such as 14:03:05+-30s";
	const char *sign = strstr(value, "\xc2\xb1");
	size_t		len = strlen("\xc2\xb1");
	const char *p = value;

	(void) target;
	if (sign == NULL)
	{
		sign = strstr(value, "+-");
		len = 2;
	}
	if (sign == NULL || !take_moment(&p, sign, &around) || p != sign ||
		!pgt_duration_parse(sign + len, &around_us))
		return wrong;
	return NULL;
}

static const char *
set_zone(void *target, const char *value)
{
	(void) target;
	zone = value;
	setenv("TZ", value, 1);
	tzset();
	return NULL;
}

#define FACT(option, argument, help, fact) \
	{option, argument, help, PGT_OPTION_SET, &wanted[fact], set_fact}

const PgtOption pgt_filter_options[] = {
	FACT("session", "PID[.SERIAL]", "only this session", PGT_SESSION_ID),
	FACT("client-id", "TEXT", "only with this client identifier",
		 PGT_SESSION_CLIENT),
	FACT("module", "TEXT", "only with this module, or application_name",
		 PGT_SESSION_MODULE),
	FACT("action", "TEXT", "only with this action", PGT_SESSION_ACTION),
	FACT("service", "NAME", "only in this database", PGT_SESSION_SERVICE),
	FACT("user", "NAME|OID", "only of this user", PGT_SESSION_USER),
	{"sqlid", "SQLID|QUERYID", "only this statement", PGT_OPTION_SET, NULL, set_sql_id},
	{"since", "TIME", "only from this time on", PGT_OPTION_SET, &since, set_moment},
	{"until", "TIME", "only up to this time", PGT_OPTION_SET, &until, set_moment},
	{"around", "TIME+-DURATION", "only around this time", PGT_OPTION_SET, NULL, set_around},
	{"utc", NULL, "show times in UTC, and read them so", PGT_OPTION_FLAG, &utc, NULL},
	{"timezone", "NAME", "show times in this zone, and read them so", PGT_OPTION_SET, NULL, set_zone},
	{NULL}
};

/* ----------
 * Whose
 * ----------
 */

/* "24771" or "24771.1795614205" */
static bool
is_session(const PgtSession *session, const char *name)
{
	const char *id = session->facts[PGT_SESSION_ID];
	size_t		len = strlen(name);

	return strcmp(id, name) == 0 ||
		(strchr(name, '.') == NULL && strncmp(id, name, len) == 0 &&
		 id[len] == '.');
}

bool
pgt_filter_session(const PgtSession *session)
{
	if (!any_wanted)
		return true;
	for (int i = 0; i < PGT_SESSION_FACTS; i++)
	{
		if (wanted[i] == NULL)
			continue;
		if (i == PGT_SESSION_ID)
		{
			if (!is_session(session, wanted[i]))
				return false;
		}
		else if (strcmp(session->facts[i], wanted[i]) != 0 &&
				 (i != PGT_SESSION_USER ||
				  strcmp(session->facts[PGT_SESSION_USER_ID],
						 wanted[i]) != 0))
			return false;
	}
	return true;
}

bool
pgt_filter_sql_id(uint64_t id)
{
	return !has_sql_id || id == wanted_sql_id;
}

bool
pgt_filter_has_sql_id(void)
{
	return has_sql_id;
}

bool
pgt_filter_is_set(void)
{
	return any_wanted || has_sql_id || since.is_set || until.is_set ||
		around.is_set;
}

/* ----------
 * When
 * ----------
 */

/* us by which the zone is ahead of UTC at that time */
static int64_t
zone_offset(const PgtSession *session, int64_t time_us)
{
	time_t		seconds = time_us / 1000000;
	struct tm	local;

	if (utc)
		return 0;
	if (zone == NULL)
		return session->offset_s * INT64_C(1000000);
	localtime_r(&seconds, &local);
	return local.tm_gmtoff * INT64_C(1000000);
}

/*
 * A moment in a file, us since 1970.  A time of any day is that of the day on
 * which the file begins, or of the next one if it is before that.
 */
static int64_t
moment_us(const PgtSession *session, const Moment *moment)
{
	int64_t		first = session->first_clock_us;
	int64_t		offset;
	int64_t		us = moment->us;

	if (!moment->has_day)
	{
		offset = moment->has_zone ? 0 : zone_offset(session, first);
		us += (first + offset) / DAY_US * DAY_US - offset;
		/* an hour before the file's begin may be meant as well */
		if (us < first - DAY_US / 2)
			us += DAY_US;
		return us;
	}
	if (!moment->has_zone)
	{
		/* the offset at that time, which is nearly that at the result */
		us -= zone_offset(session, us);
		us = moment->us - zone_offset(session, us);
	}
	return us;
}

bool
pgt_filter_time(const PgtSession *session, int64_t tim)
{
	int64_t		us;
	int64_t		center;

	if (!since.is_set && !until.is_set && !around.is_set)
		return true;
	if (!pgt_session_time(session, tim, &us))
		return false;
	if ((since.is_set && us < moment_us(session, &since)) ||
		(until.is_set && us > moment_us(session, &until)))
		return false;
	if (!around.is_set)
		return true;
	center = moment_us(session, &around);
	return us >= center - around_us && us <= center + around_us;
}

void
pgt_time_format(const PgtSession *session, int64_t time_us,
				char text[PGT_TIME_LEN])
{
	int64_t		offset = zone_offset(session, time_us);
	int64_t		local = time_us + offset;
	time_t		seconds = local / 1000000;
	int			minutes = abs((int) (offset / 60000000));
	struct tm	tm;
	size_t		len;

	gmtime_r(&seconds, &tm);
	len = strftime(text, PGT_TIME_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, PGT_TIME_LEN - len, ".%06d%c%02d:%02d",
			 (int) (local % 1000000), offset < 0 ? '-' : '+', minutes / 60,
			 minutes % 60);
}

void
pgt_tim_format(const PgtSession *session, int64_t tim, char text[PGT_TIME_LEN])
{
	int64_t		time_us;

	if (pgt_session_time(session, tim, &time_us))
		pgt_time_format(session, time_us, text);
	else
		strlcpy(text, "-", PGT_TIME_LEN);
}
