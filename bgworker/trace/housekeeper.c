/*
 * housekeeper.c
 *		A helper thread that removes and compresses trace files.
 *
 * To look at 100,000 files, or to compress one of a gigabyte, takes from tenths
 * of a second to seconds, in which nobody would read what sessions send.  So a
 * thread does that (sweep.c), at the lowest priority, with all signals blocked,
 * and touches no memory of PostgreSQL.  It gets an order by a pipe and answers
 * by another one; orders and results fit what a pipe passes on as a whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bgworker/trace/housekeeper.h"

_Static_assert(sizeof(PgtSweepOrder) <= PIPE_BUF &&
			   sizeof(PgtSweepResult) <= PIPE_BUF, "doesn't fit a pipe");

#define LOWEST_PRIORITY	19

/* The thread's ends and the worker's */
static int	orders[2] = {-1, -1};
static int	results[2] = {-1, -1};

static bool ordered = false;	/* and no result taken yet */

static void *
housekeeper_main(void *arg)
{
	PgtSweepOrder order;

	(void) arg;
	/* on Linux, a priority is each thread's own */
	(void) setpriority(PRIO_PROCESS, (id_t) syscall(SYS_gettid),
					   LOWEST_PRIORITY);
	while (read(orders[0], &order, sizeof(order)) == sizeof(order))
	{
		PgtSweepResult result;

		pgt_sweep(&order, &result);
		close(order.directory_fd);
		if (write(results[1], &result, sizeof(result)) != sizeof(result))
			break;
	}
	return NULL;
}

static bool
start_thread(void)
{
	sigset_t	all;
	sigset_t	before;
	pthread_t	thread;
	pthread_attr_t attributes;
	int			rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attributes, housekeeper_main, NULL);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		errno = rc;
	return rc == 0;
}

int
pgt_housekeeper_start(void)
{
	/* the worker never waits for the thread */
	if (pipe2(orders, O_CLOEXEC) == 0 && pipe2(results, O_CLOEXEC) == 0 &&
		fcntl(orders[1], F_SETFL, O_NONBLOCK) == 0 &&
		fcntl(results[0], F_SETFL, O_NONBLOCK) == 0 && start_thread())
		return results[0];
	for (int i = 0; i < 2; i++)
	{
		if (orders[i] >= 0)
			close(orders[i]);
		if (results[i] >= 0)
			close(results[i]);
		orders[i] = results[i] = -1;
	}
	return -1;
}

bool
pgt_housekeeper_order(const PgtSweepOrder *order)
{
	if (!ordered &&
		write(orders[1], order, sizeof(*order)) == sizeof(*order))
	{
		ordered = true;
		return true;
	}
	close(order->directory_fd);
	return false;
}

bool
pgt_housekeeper_result(PgtSweepResult *result)
{
	if (!ordered || read(results[0], result, sizeof(*result)) != sizeof(*result))
		return false;
	ordered = false;
	return true;
}
