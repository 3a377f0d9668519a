/*
 * trace_name.c
 *		The names of a trace file and of the folder that it is in.
 *
 * Made for new files (writer.c), and read where a file is to be continued,
 * completed, counted or removed (writer.c, folders.c).  An identifier, which
 * any user may choose, can't have a dot, so it can't pretend to be a role.
 *
 * Folders are called as PostgreSQL calls what is temporary.  So base backups
 * leave them out, as do pg_rewind and other programs for backups: "any file or
 * directory beginning with pgsql_tmp", as the documentation of BASE_BACKUP
 * says.  What users have sent isn't to get into backups, and pg_basebackup
 * fails where a name has 100 bytes, as those here can.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bgworker/trace/trace_name.h"

#define PREFIX			"pg_trace_"
#define SUFFIX			".trc"
#define PART_PREFIX		".p"
#define TIME_FORMAT		"%Y%m%dT%H%M%S"

#define FOLDER_PREFIX	"pgsql_tmp_"
#define DAY_FORMAT		"%Y%m%d"

/* What PostgreSQL allows a name, and what an identifier is made of */
#define IDENTIFIER_LEN	63
#define IDENTIFIER_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define DIGITS			"0123456789"

static bool
is_identifier(const char *identifier)
{
	size_t		len = strnlen(identifier, IDENTIFIER_LEN + 1);

	return len > 0 && len <= IDENTIFIER_LEN &&
		strspn(identifier, IDENTIFIER_CHARS) == len;
}

void
pgt_trace_name_make(char name[PGT_TRACE_NAME_LEN], int pid, time_t time,
					int number, const char *identifier, unsigned role)
{
	struct tm	tm;
	char		stamp[32];
	char		number_part[16] = "";
	char		identifier_part[IDENTIFIER_LEN + 2] = "";
	char		role_part[16] = "";

	gmtime_r(&time, &tm);
	strftime(stamp, sizeof(stamp), TIME_FORMAT, &tm);
	if (number > 1)
		snprintf(number_part, sizeof(number_part), "_%d", number);
	if (is_identifier(identifier))
		snprintf(identifier_part, sizeof(identifier_part), "_%s", identifier);
	if (role != 0)
		snprintf(role_part, sizeof(role_part), ".%u", role);
	snprintf(name, PGT_TRACE_NAME_LEN, PREFIX "%d_%s%s%s%s" SUFFIX, pid,
			 stamp, number_part, identifier_part, role_part);
}

/*
 * A number from 1 to max at *p, written as printf does; *p moves behind it.
 * 0 if there is none.
 */
static unsigned
take_number(const char **p, unsigned max)
{
	size_t		len = strspn(*p, DIGITS);
	unsigned long long number = 0;

	if (len == 0 || len > 10 || **p == '0')
		return 0;
	for (size_t i = 0; i < len; i++)
		number = number * 10 + ((*p)[i] - '0');
	*p += len;
	return number <= max ? (unsigned) number : 0;
}

/* The number that so many digits are */
static int
number_of(const char *digits, int len)
{
	int			number = 0;

	for (int i = 0; i < len; i++)
		number = number * 10 + (digits[i] - '0');
	return number;
}

/* The time at *p, as it is made above; *p moves behind it. */
static bool
take_time(const char **p, time_t *time)
{
	const char *at = *p;
	struct tm	tm = {0};

	if (strspn(at, DIGITS) != 8 || at[8] != 'T' || strspn(at + 9, DIGITS) != 6)
		return false;
	tm.tm_year = number_of(at, 4) - 1900;
	tm.tm_mon = number_of(at + 4, 2) - 1;
	tm.tm_mday = number_of(at + 6, 2);
	tm.tm_hour = number_of(at + 9, 2);
	tm.tm_min = number_of(at + 11, 2);
	tm.tm_sec = number_of(at + 13, 2);
	*time = timegm(&tm);
	*p += 15;
	return true;
}

/* What is behind all else */
static bool
take_suffix(const char *p, PgtTraceName *parsed)
{
	size_t		len = strlen(SUFFIX);

	if (strncmp(p, SUFFIX, len) != 0)
		return false;
	p += len;
	parsed->compressed = strcmp(p, PGT_COMPRESSED_SUFFIX) == 0;
	return *p == '\0' || parsed->compressed;
}

bool
pgt_trace_name_parse(const char *name, PgtTraceName *parsed)
{
	const char *p = name;

	if (strnlen(name, PGT_TRACE_NAME_LEN) == PGT_TRACE_NAME_LEN ||
		strncmp(p, PREFIX, strlen(PREFIX)) != 0)
		return false;
	p += strlen(PREFIX);
	parsed->pid = (int) take_number(&p, INT_MAX);
	if (parsed->pid == 0 || *p++ != '_' || !take_time(&p, &parsed->began))
		return false;

	/* number and identifier, which may look like one */
	if (*p == '_')
		p += strspn(p, IDENTIFIER_CHARS);

	parsed->part = 1;
	if (strncmp(p, PART_PREFIX, strlen(PART_PREFIX)) == 0)
	{
		p += strlen(PART_PREFIX);
		parsed->part = take_number(&p, UINT_MAX);
		if (parsed->part < 2)
			return false;
	}
	parsed->role = 0;
	if (take_suffix(p, parsed))
		return true;
	if (*p++ != '.')
		return false;
	parsed->role = take_number(&p, UINT_MAX);
	return parsed->role != 0 && take_suffix(p, parsed);
}

bool
pgt_trace_name_part(char name[PGT_TRACE_NAME_LEN], const char *of,
					unsigned part)
{
	PgtTraceName parsed;
	size_t		len;
	char		part_part[16] = "";
	char		role_part[16] = "";

	if (!pgt_trace_name_parse(of, &parsed))
		return false;
	/* the first dot is where the part and the role are */
	len = strcspn(of, ".");
	if (part > 1)
		snprintf(part_part, sizeof(part_part), PART_PREFIX "%u", part);
	if (parsed.role != 0)
		snprintf(role_part, sizeof(role_part), ".%u", parsed.role);
	return snprintf(name, PGT_TRACE_NAME_LEN, "%.*s%s%s" SUFFIX, (int) len, of,
					part_part, role_part) < PGT_TRACE_NAME_LEN;
}

void
pgt_trace_folder_make(char name[PGT_TRACE_FOLDER_LEN], time_t time,
					  int number)
{
	struct tm	tm;
	char		day[16];

	gmtime_r(&time, &tm);
	strftime(day, sizeof(day), DAY_FORMAT, &tm);
	if (number > 1)
		snprintf(name, PGT_TRACE_FOLDER_LEN, FOLDER_PREFIX "%s_%d", day,
				 number);
	else
		snprintf(name, PGT_TRACE_FOLDER_LEN, FOLDER_PREFIX "%s", day);
}

bool
pgt_trace_folder_parse(const char *name, PgtTraceFolder *parsed)
{
	const char *p = name;

	if (strncmp(p, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) != 0)
		return false;
	p += strlen(FOLDER_PREFIX);
	if (strspn(p, DIGITS) != 8)
		return false;
	parsed->day = number_of(p, 8);
	p += 8;
	parsed->number = 1;
	if (*p == '\0')
		return true;
	if (*p++ != '_')
		return false;
	parsed->number = take_number(&p, INT_MAX);
	return parsed->number > 1 && *p == '\0';
}
