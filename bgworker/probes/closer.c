/*
 * closer.c
 *		A helper thread that closes file descriptors.
 *
 * Closing a link takes the kernel 20 to 50 ms, during which events of other
 * sessions would pile up.  So the worker gives its links to a thread that does
 * that and nothing else: it reads file descriptors from a pipe and closes
 * them, with all signals blocked, and touches no memory of PostgreSQL.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "bgworker/probes/closer.h"

static void *
closer_main(void *arg)
{
	int			pipe_fd = (int) (intptr_t) arg;
	int			fd;

	while (read(pipe_fd, &fd, sizeof(fd)) == sizeof(fd))
		close(fd);
	close(pipe_fd);
	return NULL;
}

int
pgt_closer_start(void)
{
	int			ends[2];
	sigset_t	all;
	sigset_t	before;
	pthread_t	thread;
	pthread_attr_t attributes;
	int			rc;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attributes, closer_main,
						(void *) (intptr_t) ends[0]);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
	{
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	return ends[1];
}

void
pgt_closer_close(int closer, int fd)
{
	if (closer < 0 || write(closer, &fd, sizeof(fd)) != sizeof(fd))
		close(fd);
}

void
pgt_closer_stop(int closer)
{
	if (closer >= 0)
		close(closer);
}
