/*
 * histogram.c
 *		How often durations were how long.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include <math.h>

#include "port/pg_bitutils.h"

#include "cli/model/histogram.h"

#define BITS		6
#define BUCKETS		(1 << BITS) /* of a power of two */

/*
 * Buckets are numbered from 0 on.  The power of a number is 0 up to 63, then 1
 * for 64 to 127, and so on.
 */
static inline int
power_of(uint64_t value)
{
	return value < BUCKETS ? 0 :
		pg_leftmost_one_pos64(value) - BITS + 1;
}

static inline int
bucket_of(uint64_t value)
{
	int			power = power_of(value);

	return power == 0 ? (int) value :
		power * BUCKETS + (int) ((value >> (power - 1)) - BUCKETS);
}

/* The least and the greatest number in a bucket */
static inline uint64_t
least_of(int bucket)
{
	int			power = bucket / BUCKETS;

	return power == 0 ? (uint64_t) bucket :
		((uint64_t) (bucket % BUCKETS + BUCKETS)) << (power - 1);
}

static inline uint64_t
greatest_of(int bucket)
{
	int			power = bucket / BUCKETS;

	return power == 0 ? (uint64_t) bucket :
		least_of(bucket) + (UINT64CONST(1) << (power - 1)) - 1;
}

/* Make room for a power. */
static void
extend(PgtHistogram *histogram, int power)
{
	int			low = Min(histogram->low, power);
	int			high = Max(histogram->low + histogram->powers - 1, power);
	uint32_t   *buckets;

	if (histogram->powers == 0)
		low = high = power;
	buckets = palloc0((high - low + 1) * BUCKETS * sizeof(uint32_t));
	if (histogram->powers > 0)
	{
		memcpy(buckets + (histogram->low - low) * BUCKETS, histogram->buckets,
			   histogram->powers * BUCKETS * sizeof(uint32_t));
		pfree(histogram->buckets);
	}
	histogram->buckets = buckets;
	histogram->low = low;
	histogram->powers = high - low + 1;
}

static void
add_to_bucket(PgtHistogram *histogram, int bucket, uint32_t count)
{
	int			power = bucket / BUCKETS;
	uint32_t   *target;

	if (power < histogram->low ||
		power >= histogram->low + histogram->powers)
		extend(histogram, power);
	target = &histogram->buckets[bucket - histogram->low * BUCKETS];
	*target = *target > PG_UINT32_MAX - count ? PG_UINT32_MAX : *target + count;
}

void
pgt_histogram_add(PgtHistogram *histogram, int64_t value)
{
	if (value < 0)
		value = 0;
	if (histogram->count == 0 || value < histogram->min)
		histogram->min = value;
	if (histogram->count == 0 || value > histogram->max)
		histogram->max = value;
	histogram->count++;
	histogram->sum += value;
	add_to_bucket(histogram, bucket_of(value), 1);
}

void
pgt_histogram_merge(PgtHistogram *histogram, const PgtHistogram *other)
{
	if (other->count == 0)
		return;
	if (histogram->count == 0 || other->min < histogram->min)
		histogram->min = other->min;
	if (histogram->count == 0 || other->max > histogram->max)
		histogram->max = other->max;
	histogram->count += other->count;
	histogram->sum += other->sum;
	for (int i = 0; i < other->powers * BUCKETS; i++)
	{
		if (other->buckets[i] > 0)
			add_to_bucket(histogram, other->low * BUCKETS + i,
						  other->buckets[i]);
	}
}

void
pgt_histogram_free(PgtHistogram *histogram)
{
	if (histogram->buckets != NULL)
		pfree(histogram->buckets);
	memset(histogram, 0, sizeof(*histogram));
}

int64_t
pgt_histogram_percentile(const PgtHistogram *histogram, double percent)
{
	uint64_t	rank = (uint64_t) ceil(percent / 100 * histogram->count);
	uint64_t	seen = 0;

	for (int i = 0; i < histogram->powers * BUCKETS; i++)
	{
		seen += histogram->buckets[i];
		if (seen >= rank && seen > 0)
			return Min((int64_t) greatest_of(histogram->low * BUCKETS + i),
					   histogram->max);
	}
	return histogram->max;
}

uint64_t
pgt_histogram_between(const PgtHistogram *histogram, int64_t low, int64_t high)
{
	uint64_t	count = 0;

	for (int i = 0; i < histogram->powers * BUCKETS; i++)
	{
		int64_t		least = least_of(histogram->low * BUCKETS + i);

		if (least >= low && least < high)
			count += histogram->buckets[i];
	}
	return count;
}
