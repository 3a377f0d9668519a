/*
 * time.c
 *		Times of a wall clock, as trace files have them.
 */
#include "cli/parse/time.h"

/* That many digits */
static bool
take_digits(const char **p, const char *end, int n, int *number)
{
	*number = 0;
	if (end - *p < n)
		return false;
	for (int i = 0; i < n; i++)
	{
		unsigned char digit = (unsigned char) (**p - '0');

		if (digit > 9)
			return false;
		*number = *number * 10 + digit;
		(*p)++;
	}
	return true;
}

static bool
take_char(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* Days from 1970-01-01 on, in the calendar of today */
static int64_t
days_of(int year, int month, int day)
{
	int64_t		years = month > 2 ? year : year - 1;
	int64_t		era_day = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 +
		day - 1;

	return years * 365 + years / 4 - years / 100 + years / 400 + era_day -
		719468;
}

/* ".123456", to us */
static int
take_fraction(const char **p, const char *end)
{
	int			us = 0;
	int			digits = 0;

	if (end - *p < 2 || **p != '.')
		return 0;
	(*p)++;
	while (*p < end && (unsigned char) (**p - '0') <= 9)
	{
		if (digits++ < 6)
			us = us * 10 + (**p - '0');
		(*p)++;
	}
	for (; digits < 6; digits++)
		us *= 10;
	return us;
}

static bool
take_zone(const char **p, const char *end, int *offset_s)
{
	int			sign = 1;
	int			hours;
	int			minutes = 0;

	*offset_s = 0;
	if (take_char(p, end, 'Z'))
		return true;
	if (take_char(p, end, '-'))
		sign = -1;
	else if (!take_char(p, end, '+'))
		return true;
	if (!take_digits(p, end, 2, &hours))
		return false;
	if (take_char(p, end, ':') && !take_digits(p, end, 2, &minutes))
		return false;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool
pgt_take_time(const char **position, const char *end, int64_t *time_us,
			  int *offset_s)
{
	const char *p = *position;
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;
	int			us;

	if (!take_digits(&p, end, 4, &year) || !take_char(&p, end, '-') ||
		!take_digits(&p, end, 2, &month) || !take_char(&p, end, '-') ||
		!take_digits(&p, end, 2, &day) ||
		!(take_char(&p, end, 'T') || take_char(&p, end, ' ')) ||
		!take_digits(&p, end, 2, &hour) || !take_char(&p, end, ':') ||
		!take_digits(&p, end, 2, &minute) || !take_char(&p, end, ':') ||
		!take_digits(&p, end, 2, &second) ||
		month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	us = take_fraction(&p, end);
	if (!take_zone(&p, end, offset_s))
		return false;
	*time_us = (days_of(year, month, day) * 86400 + hour * 3600 +
				minute * 60 + second - *offset_s) * INT64_C(1000000) + us;
	*position = p;
	return true;
}
