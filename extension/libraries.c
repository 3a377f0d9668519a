/*
 * libraries.c
 *		Tells the worker of libraries that a traced session has loaded.
 *
 * Libraries that report waits need probes of their own.  Nearly all that are
 * loaded in a session are loaded when the executor starts, since that looks up
 * the functions of a statement; LOAD, CREATE FUNCTION and the like are utility
 * statements.  So hooks.c asks here before the executor runs and after a
 * utility statement.  The dynamic loader counts what it loads; if the number
 * has changed, the worker is asked to look, and is waited for, so that the
 * library's first wait isn't missed.
 */
#include "postgres.h"

#include <link.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "extension/emit.h"
#include "extension/guc.h"
#include "extension/libraries.h"
#include "extension/tracer_wait.h"

/* The loader's count at the last look, 0 if there was none in this trace */
static unsigned long long seen = 0;
static bool wait_at_first = false;

/* The loader's count when the postmaster had loaded all that it does, or 0 */
static unsigned long long inherited = 0;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

static int
take_count(struct dl_phdr_info *info, size_t size, void *arg)
{
	if (size >= offsetof(struct dl_phdr_info, dlpi_adds) +
		sizeof(info->dlpi_adds))
		*(unsigned long long *) arg = info->dlpi_adds;
	return 1;					/* the same in all */
}

static unsigned long long
count_loaded(void)
{
	unsigned long long count = 0;

	(void) dl_iterate_phdr(take_count, &count);
	return count;
}

/* By now, all of shared_preload_libraries are loaded. */
static void
shmem_startup(void)
{
	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	inherited = count_loaded();
}

void
pgt_libraries_install(void)
{
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}

bool
pgt_libraries_are_inherited(void)
{
	return inherited != 0 && count_loaded() == inherited;
}

void
pgt_libraries_reset(bool remote, bool forked)
{
	/*
	 * Whoever waited for the worker has loaded nothing since that has looked,
	 * but for a parallel worker that has started since.  Others may have, but
	 * are not made to wait because of that.
	 */
	seen = remote || forked ? 0 : count_loaded();
	wait_at_first = forked;
}

static void
wait_for_worker(PgtSession *session, uint32 wanted)
{
	PgtTracerWait wait;
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													   pgt_attach_timeout);

	/* without a check for interrupts: those must not end a hook halfway */
	pgt_tracer_wait_begin(&wait, PGT_TRACER_LIBRARY, session);
	while (pgt_emit_active() && !QueryCancelPending && !ProcDiePending &&
		   pg_atomic_read_u32(&session->libraries_done) != wanted)
	{
		long		left_ms =
			TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		if (left_ms <= 0)
			break;
		pgt_tracer_wait_sleep(&wait, left_ms);
	}
	pgt_tracer_wait_end();

	/*
	 * an interrupt may need it; else, the statement's next wait would end at
	 * once
	 */
	if (InterruptPending)
		SetLatch(MyLatch);
}

void
pgt_libraries_check(void)
{
	PgtSession *session = pgt_trace.session;

	/* who has gone on before there were any probes gets all of them later */
	bool		wait = (seen != 0 || wait_at_first) &&
		pgt_emit_has_probes();
	unsigned long long count;
	uint32		wanted;

	if (!pgt_trace.options.waits)
		return;
	count = count_loaded();
	if (count == seen)
		return;
	seen = count;
	if (!pgt_emit_active())
		return;
	wanted = pg_atomic_add_fetch_u32(&session->libraries_wanted, 1);
	pgt_session_wake_worker();
	if (wait)
		wait_for_worker(session, wanted);
}
