/*
 * run_queue.c
 *		How long this process has waited for a CPU.
 *
 * The kernel adds up the time that a task is ready to run and doesn't
 * (task_struct.sched_info.run_delay).  The BPF program reads the sum at the
 * wait events, and the hooks read it here at the calls of the trace.  What it
 * has grown by between two of these is the time that the process was kept
 * waiting there.  So no scheduler event has to be watched, and nobody else on
 * the machine pays for it.
 *
 * To read it is a system call of 0.6 us, much for a call of 10 us.  But a process
 * that has used the CPU all the time since the last reading has not waited for
 * one, and its CPU time is known at each boundary of a call.  So the kernel is
 * asked only if that leaves more than OFF_CPU_NS.  This is twice what is wrong
 * with the CPU time at most, some times what the reading takes, and a fraction
 * of the slice that the scheduler grants to whoever has the CPU instead, which
 * is a millisecond or more.
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xact.h"
#include "storage/fd.h"

#include "extension/clock.h"
#include "extension/emit.h"
#include "extension/run_queue.h"

#define OFF_CPU_NS		20000
#define LONG_ANALYSIS_NS	100000
#define NS_IN_US		1000

/* When the process was known last not to have waited since what it has told */
static uint64 base_ns = 0;
static uint64 base_cpu_ns = 0;

/* The file's numbers: time on a CPU, time in the run queue, and more */
uint64
pgt_run_queue_read(int fd)
{
	char		buffer[96];
	ssize_t		len = pread(fd, buffer, sizeof(buffer) - 1, 0);
	char	   *end;

	if (len <= 0)
		return 0;
	buffer[len] = '\0';
	(void) strtoull(buffer, &end, 10);
	return strtoull(end, NULL, 10);
}

static uint64
ask(void)
{
	static int	fd = -1;
	static bool failed = false;
	int			save_errno = errno;
	uint64		result = 0;

	if (fd < 0 && !failed)
	{
		failed = !AcquireExternalFD();
		if (!failed)
		{
			fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
			failed = fd < 0;
			if (failed)
				ReleaseExternalFD();
		}
	}
	if (fd >= 0)
		result = pgt_run_queue_read(fd);
	errno = save_errno;
	return result;
}

static void
rebase(uint64 now_ns, uint64 cpu_ns)
{
	base_ns = now_ns;
	base_cpu_ns = cpu_ns;
}

/* Can the process have been off the CPU for long, of this time until now? */
static bool
is_due(uint64 elapsed_ns, uint64 cpu_ns)
{
	return elapsed_ns > cpu_ns - base_cpu_ns + OFF_CPU_NS;
}

static bool
is_wanted(void)
{
	return pgt_trace.session != NULL && pgt_trace.options.cpu;
}

uint64
pgt_run_queue_within(uint64 now_ns, uint64 cpu_ns)
{
	if (!is_wanted() || !is_due(now_ns - base_ns, cpu_ns))
		return 0;
	rebase(now_ns, cpu_ns);
	return ask();
}

uint64
pgt_run_queue_at_last_end(uint64 now_ns, uint64 cpu_ns)
{
	uint64		result = pgt_run_queue_within(now_ns, cpu_ns);

	rebase(now_ns, cpu_ns);
	return result;
}

/*
 * Since the last call, the process has mostly waited for the client, which the
 * BPF program has seen, if it looks.  What came after that is in question, and
 * how much CPU time of it was before.
 */
uint64
pgt_run_queue_at_first_begin(uint64 now_ns, uint64 cpu_ns)
{
	int64		since_message_us;
	uint64		elapsed_ns = now_ns - base_ns;
	bool		due = true;

	if (!is_wanted())
		return 0;
	if (pgt_trace.options.waits)
	{
		since_message_us = GetCurrentTimestamp() - GetCurrentStatementStartTimestamp();
		if (since_message_us >= 0)
			elapsed_ns = Min(elapsed_ns, (uint64) since_message_us * NS_IN_US);
		due = is_due(elapsed_ns, cpu_ns) || elapsed_ns > LONG_ANALYSIS_NS;
	}
	rebase(now_ns, cpu_ns);
	return due ? ask() : 0;
}
