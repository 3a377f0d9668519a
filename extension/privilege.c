/*
 * privilege.c
 *		Keeps CAP_BPF and CAP_PERFMON to the worker.
 *
 * The postmaster is started with both capabilities, ambient (systemd,
 * setpriv) or from the binary's file capabilities.  When the library is
 * loaded, the postmaster gives up all but these two, and keeps them only as
 * permitted: it can't use them itself, and nothing that it executes inherits
 * them.  Each process that it forks passes through drop_in_child() before it
 * has run a line of PostgreSQL, and loses them for good unless it is going to
 * be our worker.  So no user's code ever runs with a capability.
 *
 * See capabilities(7) for the sets, pthread_atfork(3) for the handler.
 */
#include "postgres.h"

#include <pthread.h>
#include <sys/capability.h>
#include <unistd.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"

#include "bgworker/worker.h"
#include "extension/compat.h"
#include "extension/privilege.h"

static const struct
{
	cap_value_t value;
	const char *name;
}			wanted[] = {
	{CAP_BPF, "cap_bpf"},
	{CAP_PERFMON, "cap_perfmon"},
};

/*
 * Reduce the process's capabilities to those of the wanted ones that it has
 * permitted and that keep asks for; make them effective or not.  Returns how
 * many are left, -1 on error.
 */
static int
reduce(bool keep, bool effective)
{
	cap_t		have = cap_get_proc();
	cap_t		left = cap_init();
	int			nleft = 0;
	bool		ok = have != NULL && left != NULL;

	for (int i = 0; ok && keep && i < (int) lengthof(wanted); i++)
	{
		cap_flag_value_t permitted = CAP_CLEAR;

		/* a kernel that doesn't know the capability reports an error */
		if (cap_get_flag(have, wanted[i].value, CAP_PERMITTED,
						 &permitted) != 0 || permitted != CAP_SET)
			continue;
		nleft++;
		ok = cap_set_flag(left, CAP_PERMITTED, 1, &wanted[i].value,
						  CAP_SET) == 0;
		if (ok && effective)
			ok = cap_set_flag(left, CAP_EFFECTIVE, 1, &wanted[i].value,
							  CAP_SET) == 0;
	}
	/* an emptied inheritable set empties the ambient set with it */
	if (ok)
		ok = cap_set_proc(left) == 0;

	cap_free(have);
	cap_free(left);
	return ok ? nleft : -1;
}

static void
drop_in_child(void)
{
	BackgroundWorker *worker = pgt_starting_worker();

	if (worker != NULL &&
		strcmp(worker->bgw_library_name, PGT_LIBRARY_NAME) == 0 &&
		strcmp(worker->bgw_function_name, PGT_WORKER_MAIN) == 0)
		return;

	/*
	 * Giving up capabilities needs no permission, so this can't fail; if it
	 * does, there is no such process rather than one with capabilities.
	 */
	if (reduce(false, false) != 0)
		_exit(1);
}

void
pgt_privilege_install(void)
{
	int			rc;

	if (reduce(true, false) < 0)
		ereport(FATAL,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not reduce the capabilities of the server: %m")));

	rc = pthread_atfork(NULL, NULL, drop_in_child);
	if (rc != 0)
	{
		errno = rc;
		ereport(FATAL,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not register a fork handler: %m")));
	}
}

bool
pgt_privilege_raise(char *buffer, size_t len)
{
	int			nleft = reduce(true, true);
	cap_t		have = cap_get_proc();

	buffer[0] = '\0';
	for (int i = 0; have != NULL && i < (int) lengthof(wanted); i++)
	{
		cap_flag_value_t effective = CAP_CLEAR;

		if (cap_get_flag(have, wanted[i].value, CAP_EFFECTIVE,
						 &effective) != 0 || effective != CAP_SET)
			continue;
		if (buffer[0] != '\0')
			strlcat(buffer, ",", len);
		strlcat(buffer, wanted[i].name, len);
	}
	cap_free(have);
	if (buffer[0] == '\0')
		strlcpy(buffer, "none", len);
	return nleft == (int) lengthof(wanted);
}
