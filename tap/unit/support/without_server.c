/*
 * without_server.c
 *		What unit tests have in the place of a server: see without_server.h.
 */
#include "postgres.h"

#include <time.h>

#include "access/xlog.h"
#include "common/fe_memutils.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "extension/redact.h"
#include "tap/unit/support/without_server.h"

int			test_allocations_left = TEST_NO_LIMIT;
uint64		test_now_ns = UINT64CONST(5000000000000);
uint64		test_wall_ns = UINT64CONST(1700000000000000000);
const char *test_secret = NULL;

int			wal_segment_size = 16 * 1024 * 1024;
MemoryContext TopMemoryContext = NULL;
MemoryContext CurrentMemoryContext = NULL;

/* ----------
 * Memory
 * ----------
 */

void *
MemoryContextAllocExtended(MemoryContext context pg_attribute_unused(),
						   Size size, int flags)
{
	if ((flags & MCXT_ALLOC_NO_OOM) != 0 && test_allocations_left >= 0 &&
		test_allocations_left-- == 0)
	{
		test_allocations_left = 0;
		return NULL;
	}
	return palloc_extended(size, flags);
}

void *
MemoryContextAlloc(MemoryContext context pg_attribute_unused(), Size size)
{
	return palloc(size);
}

void *
MemoryContextAllocZero(MemoryContext context pg_attribute_unused(), Size size)
{
	return palloc0(size);
}

/* ----------
 * Errors
 * ----------
 */

bool
errstart(int level pg_attribute_unused(),
		 const char *domain pg_attribute_unused())
{
	return true;
}

bool
errstart_cold(int level, const char *domain)
{
	return errstart(level, domain);
}

int
errmsg_internal(const char *format,...)
{
	fprintf(stderr, "# an error is raised: %s\n", format);
	return 0;
}

void
errfinish(const char *file pg_attribute_unused(),
		  int line pg_attribute_unused(),
		  const char *function pg_attribute_unused())
{
	abort();
}

void
ExceptionalCondition(const char *condition,
#if PG_VERSION_NUM < 160000
					 const char *type pg_attribute_unused(),
#endif
					 const char *file, int line)
{
	fprintf(stderr, "# assertion failed: %s, %s:%d\n", condition, file, line);
	abort();
}

/* ----------
 * Clocks
 * ----------
 */

/* The code under test is compiled with this name for the function. */
#ifndef clock_gettime
#error "needs -Dclock_gettime=test_clock_gettime"
#endif

int
clock_gettime(clockid_t clock, struct timespec *time)
{
	uint64		ns = test_now_ns +
		(clock == CLOCK_REALTIME ? test_wall_ns : 0);

	time->tv_sec = ns / 1000000000;
	time->tv_nsec = ns % 1000000000;
	return 0;
}

/* ----------
 * Numbers, settings, names
 * ----------
 */

int
pg_ulltoa_n(uint64 value, char *text)
{
	char		digits[32];
	int			len = sprintf(digits, UINT64_FORMAT, value);

	memcpy(text, digits, len);
	return len;
}

int
pg_lltoa(int64 value, char *text)
{
	return sprintf(text, INT64_FORMAT, value);
}

const char *
GetConfigOption(const char *name, bool missing_ok pg_attribute_unused(),
				bool restrict_privileged pg_attribute_unused())
{
	if (strcmp(name, "server_version") == 0)
		return "15.0 (Test)";
	if (strcmp(name, "server_version_num") == 0)
		return "150000";
	return NULL;
}

const char *
GetLockmodeName(LOCKMETHODID method pg_attribute_unused(), LOCKMODE mode)
{
	return mode == ExclusiveLock ? "ExclusiveLock" : "OtherLock";
}

/* ----------
 * What hides secrets has tests of its own.
 * ----------
 */

static bool
is_secret(const char *text, Size len)
{
	return test_secret != NULL && strlen(test_secret) == len &&
		memcmp(text, test_secret, len) == 0;
}

bool
pgt_redact_value(const char *value, Size len)
{
	return is_secret(value, len);
}

char *
pgt_redact_foreign(const char *text, Size *len)
{
	if (!is_secret(text, *len))
		return NULL;
	*len = 3;
	return pstrdup("xxx");
}
