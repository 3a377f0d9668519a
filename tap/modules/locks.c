/*
 * locks.c
 *		A test module that holds locks which SQL doesn't hold for long.
 *
 * lock_extension(relation) holds the lock that those who extend a relation
 * need, until the transaction's end.
 *
 * The lightweight lock is AddinShmemInitLock, which a server that runs uses for
 * nothing.  Times are CLOCK_MONOTONIC in microseconds, as in trace files.
 *
 * hold_lwlock(mode, file) acquires it, makes the file to show that, releases it
 * when the file is gone, and returns when that was.  Whoever holds a
 * lightweight lock can't be interrupted, so it doesn't hold it for ever.
 *
 * fail_with_lock() acquires it and fails; longest_hold() is how long it took at
 * the longest until the transaction was rolled back, in microseconds.
 *
 * wait_for_lwlock(mode) acquires and releases it, and returns when it
 * began to and when it had it.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "access/table.h"
#include "access/xact.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

#define POLL_US		1000
#define MAX_POLLS	60000

PG_FUNCTION_INFO_V1(lock_extension);
PG_FUNCTION_INFO_V1(hold_lwlock);
PG_FUNCTION_INFO_V1(wait_for_lwlock);

Datum
lock_extension(PG_FUNCTION_ARGS)
{
	Relation	relation = table_open(PG_GETARG_OID(0), AccessShareLock);

	LockRelationForExtension(relation, ExclusiveLock);
	table_close(relation, NoLock);
	PG_RETURN_VOID();
}

static int64
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64CONST(1000000) + now.tv_nsec / 1000;
}

/* By the names in trace files; returns whether the lock is held now. */
static bool
acquire(const char *mode)
{
	if (strcmp(mode, "Exclusive") == 0)
		return LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE) || true;
	if (strcmp(mode, "Shared") == 0)
		return LWLockAcquire(AddinShmemInitLock, LW_SHARED) || true;
	if (strcmp(mode, "WaitUntilFree") == 0)
		return LWLockAcquireOrWait(AddinShmemInitLock, LW_EXCLUSIVE);
	elog(ERROR, "unknown mode \"%s\"", mode);
}

Datum
hold_lwlock(PG_FUNCTION_ARGS)
{
	char	   *mode = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *file = text_to_cstring(PG_GETARG_TEXT_PP(1));
	struct stat status;
	int64		released_us;
	int			fd;

	acquire(mode);
	fd = open(file, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (fd < 0)
		elog(ERROR, "could not make \"%s\": %m", file);
	close(fd);
	for (int i = 0; i < MAX_POLLS && stat(file, &status) == 0; i++)
		pg_usleep(POLL_US);
	released_us = now_us();
	LWLockRelease(AddinShmemInitLock);
	PG_RETURN_INT64(released_us);
}

Datum
wait_for_lwlock(PG_FUNCTION_ARGS)
{
	char	   *mode = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int64		begin_us = now_us();
	bool		acquired = acquire(mode);
	int64		end_us = now_us();

	if (acquired)
		LWLockRelease(AddinShmemInitLock);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(INT64_FORMAT " " INT64_FORMAT,
											  begin_us, end_us)));
}

static int64 failed_at = 0;
static int64 longest_us = 0;

static void
note_abort(XactEvent event, void *arg)
{
	(void) arg;
	if (event != XACT_EVENT_ABORT || failed_at == 0)
		return;
	longest_us = Max(longest_us, now_us() - failed_at);
	failed_at = 0;
}

PG_FUNCTION_INFO_V1(fail_with_lock);
PG_FUNCTION_INFO_V1(longest_hold);

Datum
fail_with_lock(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	(void) fcinfo;
	if (!registered)
		RegisterXactCallback(note_abort, NULL);
	registered = true;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	failed_at = now_us();
	ereport(ERROR, (errmsg("failed with a lock")));
}

Datum
longest_hold(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_INT64(longest_us);
}
