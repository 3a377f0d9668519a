/*
 * histogram.h
 *		How often durations were how long.
 *
 * Log-linear: up to 63 each number has its bucket, above, 64 buckets are between
 * a power of two and the next one.  So what a bucket says is at most 1/64 = 1.6 %
 * more than what was put in.  Memory is that of the powers of two in use.
 */
#ifndef PGT_MODEL_HISTOGRAM_H
#define PGT_MODEL_HISTOGRAM_H

#include <stdint.h>

typedef struct PgtHistogram
{
	uint64_t	count;
	int64_t		sum;
	int64_t		min;
	int64_t		max;
	uint32_t   *buckets;		/* of the powers from low on */
	int			low;
	int			powers;			/* how many */
} PgtHistogram;

/* All zero is an empty one.  Negative numbers count as 0. */
extern void pgt_histogram_add(PgtHistogram *histogram, int64_t value);
extern void pgt_histogram_merge(PgtHistogram *histogram,
								const PgtHistogram *other);
extern void pgt_histogram_free(PgtHistogram *histogram);

/*
 * The percentile by nearest rank: the least value that at least percent of all
 * aren't above, as the greatest one of its bucket, but at most max.
 */
extern int64_t pgt_histogram_percentile(const PgtHistogram *histogram,
										double percent);

/* How many are from low on and below high: exact for powers of two. */
extern uint64_t pgt_histogram_between(const PgtHistogram *histogram,
									  int64_t low, int64_t high);

#endif							/* PGT_MODEL_HISTOGRAM_H */
