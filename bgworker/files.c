/*
 * files.c
 *		Looks after the files of all traces.
 *
 * What each trace does about its file is tracer/file.c's.  Here is when: at once
 * when the kernel tells that something has happened in the directory, and from
 * time to time while the worker is awake anyway.  The worker wakes up by the
 * clock only while there is something to be tried again.
 */
#include "postgres.h"

#include "bgworker/files.h"
#include "bgworker/trace/leftovers.h"
#include "bgworker/trace/unfinished.h"
#include "bgworker/trace/watch.h"
#include "bgworker/tracer/file.h"
#include "bgworker/tracers.h"
#include "extension/clock.h"

#define LOOK_MS			2000
#define RETRY_MS		1000
#define LEFTOVERS_MS	10000

static int	watch_fd = -1;
static uint64 looked_ns = 0;
static bool leftovers = false;	/* some could not be completed */
static uint64 leftovers_ns;		/* when that was tried */

int
pgt_files_init(void)
{
	watch_fd = pgt_watch_open();
	return watch_fd;
}

static bool
is_in_use(const char *name)
{
	return pgt_tracers_write(name) || pgt_unfinished_has(name);
}

static bool
is_due(uint64 since_ns, uint64 ms)
{
	return pgt_clock_now() - since_ns >= ms * UINT64CONST(1000000);
}

void
pgt_files_look_for_leftovers(void)
{
	leftovers = !pgt_leftovers_complete(is_in_use, false);
	leftovers_ns = pgt_clock_now();
}

/* Returns whether something has to be tried again. */
static bool
follow_tracers(bool look)
{
	bool		again = false;

	for (PgtTracer *tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
		again |= pgt_file_follow(tracer, look);
	return again;
}

long
pgt_files_follow(void)
{
	bool		look = pgt_watch_take() || is_due(looked_ns, LOOK_MS);
	bool		again = follow_tracers(look);

	if (look)
		looked_ns = pgt_clock_now();
	again |= pgt_unfinished_try();
	if (leftovers && is_due(leftovers_ns, LEFTOVERS_MS))
	{
		leftovers = !pgt_leftovers_complete(is_in_use, true);
		leftovers_ns = pgt_clock_now();
	}
	if (again)
		return RETRY_MS;
	if (watch_fd < 0 && pgt_tracers_next(NULL) != NULL)
		return LOOK_MS;
	return leftovers ? LEFTOVERS_MS : -1;
}
