/*
 * wakeup.c
 *		What wakes the worker.
 *
 * All that it may wait for besides its latch is in one epoll instance: the
 * ring buffer of waits, the processes that are traced, and, as an instance of
 * its own, the ring buffer of waits for locks.  While there is much to do, the
 * worker naps for a fixed time between rounds, in order to handle many events
 * at a time, and only the waits for locks matter then.
 */
#include "postgres.h"

#include <sys/epoll.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "bgworker/wakeup.h"
#include "extension/clock.h"
#include "extension/compat.h"

static int	all_fd = -1;
static int	locks_fd = -1;
static WaitEventSet *sleep_set = NULL;	/* for all_fd */
static WaitEventSet *nap_set = NULL;	/* for locks_fd */

static int
create_epoll(void)
{
	int			fd;

	ReserveExternalFD();
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("epoll_create1 failed: %m")));
	return fd;
}

static WaitEventSet *
create_wait_set(int fd)
{
	WaitEventSet *set = pgt_create_wait_event_set(3);

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(set, WL_SOCKET_READABLE, fd, NULL, NULL);
	return set;
}

static void
watch(int set, int fd, uint32 id)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = id};

	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not watch a file descriptor: %m")));
}

void
pgt_wakeup_init(void)
{
	all_fd = create_epoll();
	locks_fd = create_epoll();
	watch(all_fd, locks_fd, PGT_LOCKS_ID);
	sleep_set = create_wait_set(all_fd);
	nap_set = create_wait_set(locks_fd);
}

void
pgt_wakeup_watch(int fd, uint32 id)
{
	watch(all_fd, fd, id);
}

void
pgt_wakeup_watch_locks(int fd)
{
	watch(locks_fd, fd, PGT_LOCKS_ID);
}

int
pgt_wakeup_ready(uint32 *ids, int max)
{
	struct epoll_event events[64];
	int			nevents = epoll_wait(all_fd, events,
									 Min(max, (int) lengthof(events)), 0);

	for (int i = 0; i < nevents; i++)
		ids[i] = events[i].data.u32;
	return Max(nevents, 0);
}

void
pgt_wakeup_sleep(long timeout_ms)
{
	static uint32 wait_event = 0;
	WaitEvent	event;

	(void) WaitEventSetWait(sleep_set, timeout_ms, &event, 1,
							pgt_wait_event(&wait_event, "PgTraceWorkerMain"));
}

void
pgt_wakeup_nap(long ms, void (*on_lock_wait) (void))
{
	static uint32 wait_event = 0;
	uint64		end_ns = pgt_clock_now() + (uint64) ms * NS_IN_MS;
	uint64		now_ns;

	while ((now_ns = pgt_clock_now()) < end_ns)
	{
		WaitEvent	event;

		if (WaitEventSetWait(nap_set, (end_ns - now_ns) / NS_IN_MS + 1,
							 &event, 1,
							 pgt_wait_event(&wait_event,
											"PgTraceWorkerNap")) == 0 ||
			event.events != WL_SOCKET_READABLE)
			break;
		on_lock_wait();
	}
}
