/*
 * waiter.c
 *		A test module that reports waits by itself.
 *
 * waits(n, us) does n times what follows, with us microseconds for each wait:
 * two waits for the same event, one right after the other, so that the
 * compiler leaves nothing between the end of the first and the start of the
 * second, and a third one for another event.
 *
 * waits_while(us, file) does it as long as the file exists.
 *
 * burn(n, cpu_us, sleep_us) is one wait in which it uses the CPU for cpu_us and
 * then sleeps for sleep_us, n times.  It returns how much CPU time has passed
 * within the wait at least, and at most, in nanoseconds.
 *
 * take_lock(n, us) takes a lightweight lock n times and holds it for us
 * microseconds each time.
 *
 * With WITH_HIDDEN_STORE there is one more place that starts a wait, in a way
 * that no compiler would: the pointer can't be followed to the store.
 */
#include "postgres.h"

#include <time.h>
#include <unistd.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

#ifdef WITH_HIDDEN_STORE
static pg_noinline void
start_hidden(uint32 wait_event_info)
{
	__asm__ volatile ("movq %0, %%rdi\n"
					  "bswapq %%rdi\n"
					  "bswapq %%rdi\n"
					  "movl %1, (%%rdi)\n"
					  :
					  :"r" (my_wait_event_info), "r"(wait_event_info)
					  :"rdi", "memory");
}
#else
#define start_hidden(wait_event_info) pgstat_report_wait_start(wait_event_info)
#endif

static void
three_waits(int32 us)
{
	pgstat_report_wait_start(PG_WAIT_EXTENSION);
	pg_usleep(us);
	pgstat_report_wait_end();
	pgstat_report_wait_start(PG_WAIT_EXTENSION);
	pg_usleep(us);
	pgstat_report_wait_end();
	CHECK_FOR_INTERRUPTS();
	start_hidden(WAIT_EVENT_PG_SLEEP);
	pg_usleep(us);
	pgstat_report_wait_end();
}

PG_FUNCTION_INFO_V1(waits);
PG_FUNCTION_INFO_V1(waits_while);

Datum
waits(PG_FUNCTION_ARGS)
{
	int32		n = PG_GETARG_INT32(0);
	int32		us = PG_GETARG_INT32(1);

	for (int i = 0; i < n; i++)
		three_waits(us);
	PG_RETURN_INT32(3 * n);
}

static int64
cpu_clock(void)
{
	struct timespec used;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0)
		elog(ERROR, "clock_gettime: %m");
	return used.tv_sec * INT64CONST(1000000000) + used.tv_nsec;
}

PG_FUNCTION_INFO_V1(burn);

Datum
burn(PG_FUNCTION_ARGS)
{
	int32		n = PG_GETARG_INT32(0);
	int32		cpu_us = PG_GETARG_INT32(1);
	int32		sleep_us = PG_GETARG_INT32(2);
	int64		clocks[4];

	clocks[0] = cpu_clock();
	pgstat_report_wait_start(PG_WAIT_EXTENSION);
	clocks[1] = cpu_clock();
	for (int i = 0; i < n; i++)
	{
		int64		until = cpu_clock() + cpu_us * INT64CONST(1000);

		while (cpu_us > 0 && cpu_clock() < until)
			;
		if (sleep_us > 0)
			pg_usleep(sleep_us);
	}
	clocks[2] = cpu_clock();
	pgstat_report_wait_end();
	clocks[3] = cpu_clock();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(INT64_FORMAT " " INT64_FORMAT,
											  clocks[2] - clocks[1],
											  clocks[3] - clocks[0])));
}

PG_FUNCTION_INFO_V1(take_lock);

Datum
take_lock(PG_FUNCTION_ARGS)
{
	int32		n = PG_GETARG_INT32(0);
	int32		us = PG_GETARG_INT32(1);

	for (int i = 0; i < n; i++)
	{
		LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
		pg_usleep(us);
		LWLockRelease(AddinShmemInitLock);
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_VOID();
}

Datum
waits_while(PG_FUNCTION_ARGS)
{
	int32		us = PG_GETARG_INT32(0);
	char	   *file = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int32		n = 0;

	for (; access(file, F_OK) == 0; n += 3)
		three_waits(us);
	PG_RETURN_INT32(n);
}
