/*
 * patience.c
 *		Bounds the time that PostgreSQL's own code takes in the worker.
 *
 * Whoever reads pg_stat_activity's memory reads an entry again for as long as
 * its process seems to be changing it; if that process has been stopped there,
 * for ever.  Such loops can be cancelled, so that is what happens.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timeout.h"

#include "bgworker/tracer/patience.h"

#define PATIENCE_MS		100

static void
cancel(void)
{
	InterruptPending = true;
	QueryCancelPending = true;
}

void
pgt_patience_begin(void)
{
	static bool registered = false;
	static TimeoutId id;

	if (!registered)
		id = RegisterTimeout(USER_TIMEOUT, cancel);
	registered = true;
	enable_timeout_after(id, PATIENCE_MS);
}

void
pgt_patience_end(void)
{
	disable_all_timeouts(false);
	QueryCancelPending = false;
}
