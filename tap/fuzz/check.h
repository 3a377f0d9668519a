/*
 * check.h
 *		What fuzz targets assert.
 */
#ifndef PGT_FUZZ_CHECK_H
#define PGT_FUZZ_CHECK_H

#include <stdio.h>
#include <stdlib.h>

/* Must hold; libFuzzer writes down the input where it doesn't. */
#define check(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "%s:%d: does not hold: %s\n", \
					__FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

#endif							/* PGT_FUZZ_CHECK_H */
