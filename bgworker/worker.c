/*
 * worker.c
 *		The background worker that observes waits and writes trace files.
 *
 * One loop: follow the settings, begin and end the traces that sessions ask
 * for (traces.c, arrivals.c), drain and write what there is (rounds.c), sleep
 * (wakeup.c).  While there is work the worker naps between rounds, so
 * that it handles many events at a time; when there is none, it sleeps until
 * its latch is set, a wait event comes in or a traced process ends.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "bgworker/arrivals.h"
#include "bgworker/files.h"
#include "bgworker/housekeeping.h"
#include "bgworker/probes/layout.h"
#include "bgworker/probes/probes.h"
#include "bgworker/rounds.h"
#include "bgworker/status.h"
#include "bgworker/tracers.h"
#include "bgworker/traces.h"
#include "bgworker/wakeup.h"
#include "bgworker/worker.h"
#include "extension/compat.h"
#include "extension/fork.h"
#include "extension/guc.h"
#include "extension/privilege.h"
#include "extension/session.h"

#define WORKER_MAIN			"pgt_worker_main"
#define RESTART_SECONDS		1

/* Between two rounds while there is work: so far are the files behind. */
#define NAP_MS				100

/*
 * Who wants something sets the latch, which is found by what the worker has
 * written to shared memory.  Whatever another process writes over that is put
 * right after this time at the latest.
 */
#define LONGEST_SLEEP_MS	60000

/* At shutdown, how long the traced processes have to end first. */
#define SHUTDOWN_MS			500

/* Among the ids of what wakes the worker, what isn't a slot */
#define RING_BUFFER_ID		(PGT_LOCKS_ID - 1)
#define FILES_ID			(PGT_LOCKS_ID - 2)

#define NO_CAPABILITIES \
	"the worker lacks CAP_BPF and CAP_PERFMON"
#define NO_CAPABILITIES_HINT \
	"Start the server with both as ambient capabilities, e.g. with AmbientCapabilities=CAP_BPF CAP_PERFMON in a systemd drop-in."

/* What was registered; set in the postmaster */
static const BackgroundWorker *own_entry = NULL;
static char own_library[MAXPGPATH];

static PgtProbes *probes = NULL;	/* NULL: waits aren't observed */
static char probe_error[PGT_ERROR_LEN] = "";	/* why not */
static bool has_capabilities = false;

/* ----------
 * Registration
 * ----------
 */

/*
 * A name by which each start of the worker finds this library, and no other.
 *
 * PostgreSQL looks the library up anew in each worker, which has capabilities
 * by then.  A bare name, and from 18 on one that begins with $libdir/ as well,
 * leads to where dynamic_library_path does at that time, and a path may lead
 * to another file by then, and be too long for 15 and 16.  A descriptor leads
 * to this very file wherever it has gone, and by its device and inode
 * PostgreSQL knows that it is loaded.  The postmaster keeps it open, for its
 * children.
 */
static void
name_library(char *name, size_t len)
{
	Dl_info		library;
	struct stat opened;
	struct stat named;
	int			fd = -1;

	if (dladdr((void *) pgt_worker_main, &library) != 0)
		fd = open(library.dli_fname, O_RDONLY | O_CLOEXEC);
	snprintf(name, len, "/proc/self/fd/%d", fd);
	if (fd < 0 || fstat(fd, &opened) != 0 || stat(name, &named) != 0 ||
		named.st_dev != opened.st_dev || named.st_ino != opened.st_ino)
		ereport(FATAL,
				(errcode_for_file_access(),
				 errmsg("could not open the library of pg_trace_bgw: %m"),
				 errhint("The library's file must be readable, and /proc be mounted.")));
}

void
pgt_worker_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker.bgw_start_time = BgWorkerStart_PostmasterStart;
	worker.bgw_restart_time = RESTART_SECONDS;
	name_library(own_library, sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_library_name, own_library,
			sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, WORKER_MAIN, BGW_MAXLEN);
	strlcpy(worker.bgw_name, "pg_trace_bgw", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "pg_trace_bgw", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);

	/* if that was refused, this is another one, or none */
	own_entry = pgt_newest_worker();
}

/*
 * An entry of the same names, as others can make it, is at another address.
 * They can also have the postmaster free ours, and get its address for another
 * one; if that has our names, it is ours.
 */
bool
pgt_worker_is_own(const BackgroundWorker *entry)
{
	return entry == own_entry &&
		strcmp(entry->bgw_library_name, own_library) == 0 &&
		strcmp(entry->bgw_function_name, WORKER_MAIN) == 0;
}

/* ----------
 * Probes
 * ----------
 */

static void
report_probe_error(const char *hint)
{
	ereport(LOG,
			(errmsg("waits are not traced: %s", probe_error),
			 hint != NULL ? errhint("%s", hint) : 0));
	if (hint != NULL)
	{
		strlcat(probe_error, ". ", sizeof(probe_error));
		strlcat(probe_error, hint, sizeof(probe_error));
	}
}

/* Load the BPF program if waits are to be observed and it isn't loaded. */
static void
open_probes(void)
{
	const char *hint = NULL;

	if (probes != NULL)
		return;
	if (pgt_wait_probe == PGT_WAIT_PROBE_OFF)
		strlcpy(probe_error, "pg_trace.wait_probe is off",
				sizeof(probe_error));
	else if (!has_capabilities)
	{
		strlcpy(probe_error, NO_CAPABILITIES, sizeof(probe_error));
		report_probe_error(NO_CAPABILITIES_HINT);
	}
	else if (!pgt_server_layout_fits(probe_error, sizeof(probe_error)))
		report_probe_error(PGT_SERVER_LAYOUT_HINT);
	else
	{
		PgtProbesOptions options = {
			.setting = pgt_wait_probe,
			.nslots = pgt_nsessions,
			.ring_size = (Size) pgt_ring_buffer_size * 1024,
			.callback = pgt_tracers_wait,
			.lock_callback = pgt_tracers_lock_wait,
		};

		probe_error[0] = '\0';
		probes = pgt_probes_open(&options, probe_error, sizeof(probe_error),
								 &hint);
		if (probes != NULL)
		{
			pgt_wakeup_watch(pgt_probes_fd(probes), RING_BUFFER_ID);
			pgt_wakeup_watch_locks(pgt_probes_lock_fd(probes));
		}
		else
			report_probe_error(hint);
	}
	pgt_status_set_probes(probes, probe_error);
	pgt_traces_use(probes, probe_error);
}

/* No session may be attached. */
static void
close_probes(void)
{
	pgt_probes_close(probes);
	probes = NULL;
	probe_error[0] = '\0';
	pgt_status_set_probes(probes, probe_error);
	pgt_traces_use(probes, probe_error);
}

/* ----------
 * Sleeping
 * ----------
 */

static void
sleep_until_needed(long timeout_ms)
{
	/*
	 * A backend that publishes a record after this looks at the flag, and one
	 * that has published before it is seen below.
	 */
	pg_atomic_exchange_u32(&pgt_shared->worker_asleep, 1);
	if (pgt_rounds_are_done())
		pgt_wakeup_sleep(timeout_ms < 0 ? LONGEST_SLEEP_MS :
						 Min(timeout_ms, LONGEST_SLEEP_MS));
	pg_atomic_write_u32(&pgt_shared->worker_asleep, 0);
}

/* Who blocks a process can only be found out at once, also during a nap. */
static void
nap(long ms)
{
	pgt_wakeup_nap(ms, pgt_rounds_look_for_blockers);
}

/* ----------
 * Main
 * ----------
 */

static void
worker_exit(int code pg_attribute_unused(),
			Datum arg pg_attribute_unused())
{
	pgt_status_stopped();
}

static void
initialize(void)
{
	char		capabilities[64];
	int			files_fd;

	has_capabilities = pgt_privilege_raise(capabilities,
										   sizeof(capabilities));

	pgt_tracers_init();
	pgt_wakeup_init();
	files_fd = pgt_files_init();
	if (files_fd >= 0)
		pgt_wakeup_watch(files_fd, FILES_ID);
	pgt_housekeeping_start();
	pgt_status_started(capabilities);
	before_shmem_exit(worker_exit, (Datum) 0);
}

/* Follow pg_trace.enabled and pg_trace.wait_probe. */
static void
follow_settings(void)
{
	static int	opened_as = -1;
	static bool first = true;	/* then sessions may be traced already */

	if (!pgt_enabled || (opened_as >= 0 && opened_as != pgt_wait_probe))
	{
		pgt_traces_stop();
		close_probes();
		opened_as = -1;
	}
	if (pgt_enabled && opened_as < 0)
	{
		open_probes();
		opened_as = pgt_wait_probe;
		if (!first)
			pgt_files_look_for_leftovers();
	}
	if (first)
	{
		pgt_traces_resume();
		pgt_files_look_for_leftovers();
	}
	first = false;
	pgt_housekeeping_wanted();
	pgt_status_set_state(pgt_enabled ? "enabled" : "disabled");
}

/* The last rounds, while the traced sessions end with the server. */
static void
shut_down(void)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													   SHUTDOWN_MS);
	bool		any_left;

	pgt_status_set_state("stopping");
	do
	{
		ResetLatch(MyLatch);
		(void) pgt_rounds_drain();
		pgt_traces_look_for_ended();
		(void) pgt_traces_end();
		any_left = pgt_traces_any();
		if (any_left)
			nap(10);
	} while (any_left && GetCurrentTimestamp() < deadline);

	/* the others go on when the worker is started again */
	pgt_traces_leave();
}

void
pgt_worker_main(Datum arg pg_attribute_unused())
{
	bool		busy = false;

	/*
	 * Neither another worker of this function, nor another copy of the
	 * library than the one that the postmaster has loaded, gets further.
	 */
	if (!pgt_fork_is_worker())
	{
		ereport(LOG,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the background worker of pg_trace_bgw can't be started by others than the server itself")));
		return;
	}

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();

	initialize();
	follow_settings();

	while (!ShutdownRequestPending)
	{
		int			nwaiting;
		long		due_ms;

		ResetLatch(MyLatch);
		pgt_rounds_look_for_blockers();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			follow_settings();
		}
		pgt_arrivals_handle(pgt_enabled && pgt_probes_follow_pointers(probes));
		pgt_traces_handle_requests();
		pgt_traces_look_for_ended();
		nwaiting = pgt_traces_end();
		busy = pgt_rounds_drain() > 0;
		due_ms = pgt_earlier(pgt_traces_follow(),
							 pgt_housekeeping_follow(pgt_traces_any()));
		pgt_traces_show_counters();

		if (nwaiting > 0)
			nap(1);
		else if (busy)
			nap(due_ms < 0 ? NAP_MS : Min(due_ms, NAP_MS));
		else
			sleep_until_needed(due_ms);
	}

	shut_down();
	/* any other code would mean that the worker isn't to be restarted */
	proc_exit(1);
}
