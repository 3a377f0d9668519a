/*
 * trace_name.c
 *		The name of a trace file.
 *
 * Made for new files (writer.c), and read where a file is to be continued,
 * completed or counted (writer.c, leftovers.c).  An identifier, which any
 * user may choose, can't have a dot, so it can't pretend to be a role.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bgworker/trace/trace_name.h"

#define PREFIX			"pg_trace_"
#define SUFFIX			".trc"
#define TIME_FORMAT		"%Y%m%dT%H%M%S"

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

bool
pgt_trace_name_parse(const char *name, int *pid, unsigned *role)
{
	const char *p = name;

	if (strnlen(name, PGT_TRACE_NAME_LEN) == PGT_TRACE_NAME_LEN ||
		strncmp(p, PREFIX, strlen(PREFIX)) != 0)
		return false;
	p += strlen(PREFIX);
	*pid = (int) take_number(&p, INT_MAX);
	if (*pid == 0 || *p++ != '_')
		return false;

	/* the time */
	if (strspn(p, DIGITS) != 8 || p[8] != 'T' || strspn(p + 9, DIGITS) != 6)
		return false;
	p += 15;

	/* number and identifier, which may look like one */
	if (*p == '_')
		p += strspn(p, IDENTIFIER_CHARS);

	*role = 0;
	if (strcmp(p, SUFFIX) == 0)
		return true;
	if (*p++ != '.')
		return false;
	*role = take_number(&p, UINT_MAX);
	return *role != 0 && strcmp(p, SUFFIX) == 0;
}
