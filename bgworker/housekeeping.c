/*
 * housekeeping.c
 *		Keeps the trace files within the settings' limits.
 *
 * The work is a thread's (trace/housekeeper.c).  Here is when it is to be done,
 * and what the log says of it.  There is a reason to look at the files when one
 * was begun or completed or the settings have changed, every ten seconds while
 * files grow, and every minute if files are to be removed by their age.  How
 * often that is at most depends on how long it takes, so that many files don't
 * keep a CPU busy.
 */
#include "postgres.h"

#include <unistd.h>

#include "storage/fd.h"

#include "bgworker/housekeeping.h"
#include "bgworker/trace/directory.h"
#include "bgworker/trace/housekeeper.h"
#include "bgworker/wakeup.h"
#include "extension/clock.h"
#include "extension/guc.h"

/* At least so long between two looks, and so many times what one took */
#define MIN_INTERVAL_NS		UINT64CONST(1000000000)
#define INTERVAL_FACTOR		20

/* While files are being written, and if age matters */
#define WRITING_INTERVAL_NS	UINT64CONST(10000000000)
#define AGE_INTERVAL_NS		UINT64CONST(60000000000)

#define BYTES_IN_MB			UINT64CONST(1048576)
#define SECONDS_IN_MINUTE	60

/* Among the ids of what wakes the worker, what isn't a slot */
#define RESULT_ID			(PGT_LOCKS_ID - 3)

static bool started = false;	/* there is a thread */
static bool wanted = true;
static bool running = false;
static uint64 looked_ns = 0;	/* when the last look began, 0: none has */
static uint64 interval_ns = MIN_INTERVAL_NS;
static bool over_limit = false; /* the log says so */

void
pgt_housekeeping_start(void)
{
	int			fd = pgt_housekeeper_start();

	started = fd >= 0;
	if (started)
		pgt_wakeup_watch(fd, RESULT_ID);
	else
		ereport(LOG,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("trace files are neither removed nor compressed: %m")));
}

void
pgt_housekeeping_wanted(void)
{
	wanted = true;
}

/* ----------
 * What has been done
 * ----------
 */

static void
log_removed(const PgtRemoved *removed, const char *reason)
{
	if (removed->nfiles == 0)
		return;
	ereport(LOG,
			(errmsg_plural("removed %u trace file, " UINT64_FORMAT " bytes: %s",
						   "removed %u trace files, " UINT64_FORMAT " bytes: %s",
						   removed->nfiles, removed->nfiles, removed->bytes,
						   reason),
			 removed->nfiles == 1 ?
			 errdetail("It was \"%s\".", removed->first) :
			 errdetail("They were \"%s\" to \"%s\".", removed->first,
					   removed->last)));
}

/* What is being written can't be removed. */
static void
log_limit(const PgtSweepResult *result)
{
	uint64		limit = (uint64) pgt_max_total_size * BYTES_IN_MB;
	bool		over = limit > 0 && result->total > limit;

	if (over && !over_limit)
		ereport(LOG,
				(errmsg("the trace files that are being written have more than pg_trace.max_total_size"),
				 errdetail("All files together have " UINT64_FORMAT " bytes.",
						   result->total),
				 errhint("Trace fewer sessions, or make pg_trace.max_file_size smaller.")));
	over_limit = over;
}

static void
take_result(void)
{
	PgtSweepResult result;

	if (!pgt_housekeeper_result(&result))
		return;
	running = false;
	interval_ns = Max(MIN_INTERVAL_NS, INTERVAL_FACTOR * result.elapsed_ns);
	log_removed(&result.too_old, "they were older than pg_trace.retention");
	log_removed(&result.too_much,
				"there were more than pg_trace.max_total_size");
	if (result.ncompressed > 0)
		ereport(DEBUG1,
				(errmsg_internal("compressed %u trace files, " UINT64_FORMAT " bytes to " UINT64_FORMAT,
								 result.ncompressed, result.before,
								 result.after)));
	if (result.nerrors > 0)
		ereport(LOG,
				(errmsg("%u trace files could not be removed or compressed",
						result.nerrors),
				 errdetail("The first one: %s", result.error)));
	log_limit(&result);
}

/* ----------
 * What is to be done
 * ----------
 */

/* From when on is the next look due, by the monotonic clock?  0 is never. */
static uint64
due_at(bool writing)
{
	uint64		due_ns = 0;

	if (pgt_max_total_size == 0 && pgt_retention == 0 &&
		pgt_compression == PGT_COMPRESSION_OFF)
		return 0;
	if (wanted)
		due_ns = looked_ns + MIN_INTERVAL_NS;
	else if (writing)
		due_ns = looked_ns + WRITING_INTERVAL_NS;
	else if (pgt_retention > 0)
		due_ns = looked_ns + AGE_INTERVAL_NS;
	else
		return 0;
	return Max(due_ns, looked_ns + interval_ns);
}

static void
look(uint64 now_ns)
{
	char		path[MAXPGPATH];
	char		error[MAXPGPATH + 256];
	PgtSweepOrder order = {
		.max_total = (uint64) pgt_max_total_size * BYTES_IN_MB,
		.retention_s = (int64) pgt_retention * SECONDS_IN_MINUTE,
		.compress = pgt_compression == PGT_COMPRESSION_ZSTD,
	};

	looked_ns = now_ns;
	wanted = false;
	order.directory_fd = pgt_trace_directory_open(path, error, sizeof(error));
	if (order.directory_fd >= 0)	/* else whoever starts a trace is told */
		running = pgt_housekeeper_order(&order);
}

long
pgt_housekeeping_follow(bool writing)
{
	uint64		now_ns = pgt_clock_now();
	uint64		due_ns;

	if (!started)
		return -1;
	if (running)
		take_result();
	if (running)
		return -1;				/* the result will wake the worker */
	due_ns = due_at(writing);
	if (due_ns == 0)
		return -1;
	if (due_ns > now_ns)
		return (due_ns - now_ns) / NS_IN_MS + 1;
	look(now_ns);
	return -1;
}
