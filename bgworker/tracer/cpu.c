/*
 * cpu.c
 *		What the kernel tells of another process's time on a CPU.
 *
 * Where a trace begins, or sampling in the middle of a call, the process's own
 * hooks don't tell what it has used so far.
 */
#include "postgres.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "bgworker/tracer/cpu.h"
#include "extension/clock.h"
#include "extension/run_queue.h"

#define RATE_INTERVAL_NS	UINT64CONST(1000000000)

uint64
pgt_cpu_ns(int pid)
{
	clockid_t	clock;
	struct timespec used;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
		clock_gettime(clock, &used) != 0)
		return 0;
	return used.tv_sec * UINT64CONST(1000000000) + used.tv_nsec;
}

/*
 * The kernel counts CPU time by the processor's own clock, which is that of
 * CLOCK_MONOTONIC_RAW as well, while NTP makes CLOCK_MONOTONIC go faster or
 * slower, by 500 ppm at most.  The rate between the two is that since this was
 * asked for last, a second ago at least, so that it doesn't hang on the time
 * between the two readings.
 */
int64
pgt_cpu_clock_gain(uint64 ns)
{
	static uint64 base_ns = 0;
	static uint64 base_raw_ns = 0;
	static double rate = 0;
	uint64		now_ns = pgt_clock_now();
	uint64		raw_ns = pgt_clock_read(CLOCK_MONOTONIC_RAW);

	if (base_ns == 0 || now_ns - base_ns > RATE_INTERVAL_NS)
	{
		if (base_ns != 0)
			rate = (double) ((int64) (now_ns - base_ns) - (int64) (raw_ns - base_raw_ns)) /
				(now_ns - base_ns);
		base_ns = now_ns;
		base_raw_ns = raw_ns;
	}
	return (int64) (rate * ns);
}

/* It needs CONFIG_SCHED_INFO, which nearly all have. */
bool
pgt_cpu_run_queue_is_known(void)
{
	return access("/proc/self/schedstat", R_OK) == 0;
}

uint64
pgt_cpu_run_queue_ns(int pid)
{
	char		path[64];
	uint64		result;
	int			fd;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	result = pgt_run_queue_read(fd);
	close(fd);
	return result;
}
