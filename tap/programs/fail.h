/*
 * fail.h
 *		How the test programs end when something goes wrong.
 */
#ifndef PGT_FAIL_H
#define PGT_FAIL_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Say what went wrong and exit. */
static inline void
__attribute__((format(printf, 1, 2), noreturn))
fail(const char *format,...)
{
	va_list		args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

#endif							/* PGT_FAIL_H */
