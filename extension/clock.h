/*
 * clock.h
 *		The clocks of the trace.
 *
 * CLOCK_MONOTONIC is what bpf_ktime_get_ns() returns (bpf-helpers(7)), so
 * that the backends' records and the BPF program's events can be merged by
 * time.  instr_time isn't used because its clock and unit are PostgreSQL's
 * choice and differ between majors.
 */
#ifndef PGT_CLOCK_H
#define PGT_CLOCK_H

#include <time.h>

#define NS_IN_US	1000
#define NS_IN_MS	1000000

static inline uint64
pgt_clock_read(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64) ts.tv_sec * UINT64CONST(1000000000) + ts.tv_nsec;
}

/*
 * A duration in ns, as lines have it: in whole us, from one time as it is shown
 * to the other.
 */
static inline uint64
pgt_clock_shown(uint64 begin_ns, uint64 elapsed_ns)
{
	return ((begin_ns + elapsed_ns) / 1000 - begin_ns / 1000) * 1000;
}

/* ns since some point in the past, the same one in all processes */
#define pgt_clock_now() pgt_clock_read(CLOCK_MONOTONIC)

/* ns of CPU time that the calling thread has used */
#define pgt_clock_cpu() pgt_clock_read(CLOCK_THREAD_CPUTIME_ID)

/* µs since 1970 */
#define pgt_clock_wall_us() (pgt_clock_read(CLOCK_REALTIME) / 1000)

#endif							/* PGT_CLOCK_H */
