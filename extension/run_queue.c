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
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "storage/fd.h"

#include "extension/run_queue.h"

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

uint64
pgt_run_queue_ns(void)
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
