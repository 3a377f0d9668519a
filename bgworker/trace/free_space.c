/*
 * free_space.c
 *		Is there enough space on the disk to go on tracing?
 *
 * A server whose disk is full can't write its WAL and goes down, so traces have
 * to stop before that.  While they do, writer.c behaves as if the disk was full.
 */
#include "postgres.h"

#include <sys/statvfs.h>

#include "miscadmin.h"

#include "bgworker/trace/free_space.h"
#include "extension/clock.h"
#include "extension/guc.h"

#define LOOK_INTERVAL_NS	UINT64CONST(1000000000)
#define BYTES_IN_MB			UINT64CONST(1048576)

static bool is_short = false;
static uint64 looked_ns = 0;	/* 0: never */

/*
 * Is less free there, for users other than root?  What can't be looked at will
 * not be written to either.
 */
static bool
is_short_at(const char *path, uint64 limit, uint64 *nbytes)
{
	struct statvfs fs;

	if (statvfs(path, &fs) != 0)
		return false;
	*nbytes = (uint64) fs.f_bavail * fs.f_frsize;
	return *nbytes < limit;
}

static void
look(void)
{
	uint64		limit = (uint64) pgt_min_free_space * BYTES_IN_MB;
	uint64		nbytes = 0;
	bool		before = is_short;
	const char *path = DataDir;

	is_short = false;
	if (limit > 0)
	{
		is_short = is_short_at(path, limit, &nbytes);
		/* the worker's working directory is the data directory */
		if (!is_short)
		{
			path = pgt_output_directory;
			is_short = is_short_at(path, limit, &nbytes);
		}
	}
	if (is_short && !before)
		ereport(LOG,
				(errcode(ERRCODE_DISK_FULL),
				 errmsg("tracing is paused: %s", PGT_FREE_SPACE_REASON),
				 errdetail(UINT64_FORMAT " MB are free on the disk of \"%s\", and the setting is %d MB.",
						   nbytes / BYTES_IN_MB, path, pgt_min_free_space),
				 errhint("Make room, for example by pg_trace_remove() or a smaller pg_trace.max_total_size, or move the files by pg_trace.output_directory.")));
	else if (!is_short && before)
		ereport(LOG,
				(errmsg("tracing goes on: there is room on the disk")));
}

bool
pgt_free_space_is_short(void)
{
	uint64		now_ns = pgt_clock_now();

	if (looked_ns == 0 || now_ns - looked_ns >= LOOK_INTERVAL_NS)
	{
		looked_ns = now_ns;
		look();
	}
	return is_short;
}
