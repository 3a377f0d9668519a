/*
 * attacker.c
 *		A test module with what a superuser's own C code may try in order to
 *		get the worker's capabilities.
 *
 * Whatever loads it, in whichever way, leaves the capabilities that it could use
 * as a line "loaded PID CAPABILITIES" in the file attacker.log in the data
 * directory; so does what calls its pgt_worker_main, as "called ...".
 *
 * start_worker(library, function) starts a background worker, and returns its
 * pid and whether it runs or has ended by itself after a while.
 *
 * attack(pid) returns the names of the ways by which the calling process could
 * read or change the memory or the files of another one.
 */
#include "postgres.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

#define POLL_US		10000
#define MAX_POLLS	500

extern PGDLLEXPORT void pgt_worker_main(Datum arg);

PG_FUNCTION_INFO_V1(start_worker);
PG_FUNCTION_INFO_V1(attack);

static void
leave_trace(const char *what)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	char		line[128];
	int			fd = open("attacker.log", O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (syscall(SYS_capget, &header, data) != 0)
		_exit(98);
	snprintf(line, sizeof(line), "%s %d %08x%08x\n", what, (int) getpid(),
			 data[1].permitted, data[0].permitted);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		_exit(99);
	close(fd);
}

static void
__attribute__((constructor))
loaded(void)
{
	leave_trace("loaded");
}

void
pgt_worker_main(Datum arg pg_attribute_unused())
{
	leave_trace("called");
	pg_usleep(MAX_POLLS * POLL_US);
}

/* ----------
 * Another worker
 * ----------
 */

Datum
start_worker(PG_FUNCTION_ARGS)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	pid_t		pid;
	BgwHandleStatus status;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker.bgw_start_time = BgWorkerStart_PostmasterStart;
	worker.bgw_restart_time = 1;
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, text_to_cstring(PG_GETARG_TEXT_PP(0)),
			sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, text_to_cstring(PG_GETARG_TEXT_PP(1)),
			sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "attacker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "attacker", BGW_MAXLEN);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		elog(ERROR, "could not register a worker");

	/* its pid stays known when it has ended, unless it is started again */
	status = WaitForBackgroundWorkerStartup(handle, &pid);
	for (int i = 0; i < MAX_POLLS && status == BGWH_STARTED; i++)
	{
		pg_usleep(POLL_US);
		status = GetBackgroundWorkerPid(handle, &pid);
	}
	TerminateBackgroundWorker(handle);
	PG_RETURN_TEXT_P(cstring_to_text(status == BGWH_STARTED ? "runs" : "ended"));
}

/* ----------
 * Another process
 * ----------
 */

static void
add(StringInfo ways, const char *name, bool succeeded)
{
	if (succeeded)
		appendStringInfo(ways, "%s%s", ways->len > 0 ? " " : "", name);
}

static bool
can_open(int pid, const char *name, int flags)
{
	char		path[64];
	int			fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, flags);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool
can_trace(int pid)
{
	int			status;

	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) != 0)
		return false;
	(void) waitpid(pid, &status, __WALL);
	(void) ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return true;
}

/* The same addresses are in use in all processes of a server. */
static bool
can_write(int pid)
{
	static int	word = 0;
	struct iovec local = {&word, sizeof(word)};
	struct iovec remote = {&PostmasterPid, sizeof(word)};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == sizeof(word) ||
		process_vm_writev(pid, &local, 1, &remote, 1, 0) == sizeof(word);
}

static bool
can_take_file(int pid)
{
	int			pidfd = syscall(SYS_pidfd_open, pid, 0);
	int			fd;

	if (pidfd < 0)
		elog(ERROR, "could not open process %d: %m", pid);
	fd = syscall(SYS_pidfd_getfd, pidfd, 2, 0);
	close(pidfd);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

Datum
attack(PG_FUNCTION_ARGS)
{
	int			pid = PG_GETARG_INT32(0);
	StringInfoData ways;

	initStringInfo(&ways);
	add(&ways, "mem", can_open(pid, "mem", O_RDWR));
	add(&ways, "maps", can_open(pid, "maps", O_RDONLY));
	add(&ways, "fd", can_open(pid, "fd/2", O_WRONLY));
	add(&ways, "vm", can_write(pid));
	add(&ways, "pidfd", can_take_file(pid));
	add(&ways, "ptrace", can_trace(pid));
	PG_RETURN_TEXT_P(cstring_to_text(ways.data));
}
