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

#define OWN_FILE	"/proc/thread-self/schedstat"

/* The file's numbers: time on a CPU, time in the run queue, and more */
static uint64
read_run_delay(int fd)
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

bool
pgt_run_queue_is_known(void)
{
	return access(OWN_FILE, R_OK) == 0;
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
			fd = open(OWN_FILE, O_RDONLY | O_CLOEXEC);
			failed = fd < 0;
			if (failed)
				ReleaseExternalFD();
		}
	}
	if (fd >= 0)
		result = read_run_delay(fd);
	errno = save_errno;
	return result;
}

uint64
pgt_run_queue_ns_of(int pid)
{
	char		path[64];
	uint64		result;
	int			fd;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	result = read_run_delay(fd);
	close(fd);
	return result;
}
