/*
 * forker.c
 *		A test module that forks, and that looks at each process that is forked.
 *
 * Preloaded after pg_trace_bgw, it writes the capabilities that a process has
 * right after its fork, and after the handler of pg_trace_bgw, to the file
 * births/PID in the data directory.  That holds for the postmaster's children
 * and for what these fork.
 *
 * fork_here() forks a process that ends at once, as a backtick in a procedural
 * language does before it executes anything, and returns the pids of parent and
 * child and how the child ended.
 *
 * A change of the setting forker.round by a reload makes each process that
 * follows settings fork, the postmaster as well; it writes what fork_here()
 * returns to forks/PID, where PID is its own.
 */
#include "postgres.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

#define BIRTHS	"births"
#define FORKS	"forks"

extern PGDLLEXPORT void _PG_init(void);

PG_FUNCTION_INFO_V1(fork_here);

static int	fork_round = 0;

static void
write_file(const char *dir, int pid, const char *data, size_t len)
{
	char		path[64];
	int			fd;

	snprintf(path, sizeof(path), "%s/%d", dir, pid);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, data, len) != (ssize_t) len)
		_exit(99);
	close(fd);
}

static void
record_birth(void)
{
	char		status[8192];
	int			fd = open("/proc/self/status", O_RDONLY);
	ssize_t		len = fd < 0 ? -1 : read(fd, status, sizeof(status));

	if (len < 0)
		_exit(98);
	close(fd);
	write_file(BIRTHS, getpid(), status, len);
}

/* "PARENT CHILD exit CODE" or "PARENT CHILD signal NUMBER" */
static void
fork_and_wait(char *result, size_t len)
{
	int			status = 0;
	pid_t		pid = fork();

	if (pid == 0)
		_exit(0);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	snprintf(result, len, "%d %d %s %d", (int) getpid(), (int) pid,
			 WIFSIGNALED(status) ? "signal" : "exit",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

Datum
fork_here(PG_FUNCTION_ARGS)
{
	char		result[64];

	fork_and_wait(result, sizeof(result));
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

static void
begin_round(int newval, void *extra pg_attribute_unused())
{
	char		result[64];

	if (newval == 0)
		return;
	fork_and_wait(result, sizeof(result));
	write_file(FORKS, getpid(), result, strlen(result));
}

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	if ((mkdir(BIRTHS, 0700) != 0 || mkdir(FORKS, 0700) != 0) &&
		errno != EEXIST)
		elog(FATAL, "could not make directories: %m");
	if (pthread_atfork(NULL, NULL, record_birth) != 0)
		elog(FATAL, "could not register a fork handler");
	DefineCustomIntVariable("forker.round", "Fork when this changes.", NULL,
							&fork_round, 0, 0, 1000000, PGC_SIGHUP, 0,
							NULL, begin_round, NULL);
}
