/*
 * tap.h
 *		What unit tests print: the Test Anything Protocol, which prove reads.
 *
 * A test program calls ok() and is(), and returns done() from main().
 */
#ifndef PGT_UNIT_TAP_H
#define PGT_UNIT_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int	tap_tests = 0;
static int	tap_failures = 0;

/* One test; its name is a format of printf(). */
__attribute__((format(printf, 2, 3))) static inline bool
ok(bool passed, const char *name,...)
{
	va_list		args;

	printf("%sok %d - ", passed ? "" : "not ", ++tap_tests);
	va_start(args, name);
	vprintf(name, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	if (!passed)
		tap_failures++;
	return passed;
}

/* Are two texts the same?  Shows them if they aren't. */
static inline bool
is(const char *got, const char *expected, const char *name)
{
	if (ok(strcmp(got, expected) == 0, "%s", name))
		return true;
	fprintf(stderr, "#   got:      '%s'\n#   expected: '%s'\n", got, expected);
	return false;
}

/* Say how many tests there were; returns what main() has to. */
static inline int
done(void)
{
	printf("1..%d\n", tap_tests);
	return tap_failures > 0 || tap_tests == 0;
}

#endif							/* PGT_UNIT_TAP_H */
