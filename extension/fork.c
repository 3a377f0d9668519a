/*
 * fork.c
 *		What becomes of each process that is forked.
 *
 * The postmaster has capabilities to pass on, and only here, right after the
 * fork and before a line of PostgreSQL has run, is it known what the child is
 * going to be and that nobody else's code has run in it.  So this is where our
 * worker is told from all other processes, once and for all: they lose the
 * capabilities (privilege.c), and those that are going to be parallel workers
 * of a traced session wait to be traced (arrival.c).
 *
 * A fork handler stays for good, in all processes that come of this one: it
 * also runs in what a backend forks, or our worker.  There the postmaster's
 * lists are stale or freed, and nothing is wanted from them.  A process is
 * taken for a child of the postmaster only if no PostgreSQL code has run in it
 * that makes it one, as InitPostmasterChild() does first, and if the
 * postmaster is its parent.
 */
#include "postgres.h"

#include <pthread.h>
#include <unistd.h>

#include "miscadmin.h"

#include "extension/arrival.h"
#include "extension/compat.h"
#include "extension/fork.h"
#include "extension/privilege.h"

static bool (*is_own) (const BackgroundWorker *entry);
static bool is_worker = false;

/* Signals may be blocked here, and only the forking thread is left. */
static void
in_child(void)
{
	const BackgroundWorker *starting = NULL;

	if (!IsUnderPostmaster && getppid() == PostmasterPid)
		starting = pgt_starting_worker();
	is_worker = starting != NULL && is_own(starting);

	if (!is_worker)
		pgt_privilege_drop();
	if (starting != NULL)
		pgt_arrival_hold(starting);
}

void
pgt_fork_install(bool (*is_own_worker) (const BackgroundWorker *entry))
{
	int			rc;

	is_own = is_own_worker;
	rc = pthread_atfork(NULL, NULL, in_child);
	if (rc != 0)
	{
		errno = rc;
		ereport(FATAL,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not register a fork handler: %m")));
	}
}

bool
pgt_fork_is_worker(void)
{
	return is_worker;
}
