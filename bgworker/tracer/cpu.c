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
#include "extension/run_queue.h"

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
