/*
 * leftovers.c
 *		Files that an earlier worker has left incomplete.
 *
 * When a process of the server crashes, the postmaster ends all others at
 * once, the worker included, and starts anew.  Recovery must not wait for
 * trace files, so the worker doesn't try to do anything then.  Or the worker
 * alone was restarted, and a process that it traced ended meanwhile.  The next
 * worker can't tell one from the other: it looks for files without a last line
 * whose process is gone, and says in them what may have happened.  Where the
 * disk is full, or the directory can't be used, it looks again later.
 */
#include "postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bgworker/trace/directory.h"
#include "bgworker/trace/ending.h"
#include "bgworker/trace/folders.h"
#include "bgworker/trace/leftovers.h"

#define LAST_LINE \
	PGT_STARS PGT_NOTE_ENDED ": THE SERVER OR ITS WORKER WAS RESTARTED, EVENTS MAY BE MISSING\n"

/* Another server that writes to the same directory may have it open. */
static bool
is_alive(int pid)
{
	return kill(pid, 0) == 0 || errno != ESRCH;
}

/* What keeps a file from being completed now, and may not do so later */
static bool try_again;

/* Not a part of the line: there may be no room for all of it. */
static void
append(int fd, const char *line)
{
	struct stat st;
	bool		known = fstat(fd, &st) == 0;
	ssize_t		len = known ? write(fd, line, strlen(line)) : -1;

	if (len == (ssize_t) strlen(line))
		return;
	try_again = true;
	if (len > 0 && ftruncate(fd, st.st_size) != 0)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not truncate a trace file: %m")));
}

static void
complete_file(int fd)
{
	bool		torn;

	if (pgt_trace_is_complete(fd, &torn))
		return;
	append(fd, torn ? "\n" LAST_LINE : LAST_LINE);
}

/*
 * Complete the file if it is the trace of a process that is gone.  This worker
 * may still be writing what that process has sent.
 */
static void
look_at_file(const PgtFileScan *file, PgtFileInUse in_use, bool again)
{
	char		error[MAXPGPATH + 256];
	int			fd;

	if (file->parsed.compressed || is_alive(file->parsed.pid) ||
		in_use(file->name))
		return;
	fd = pgt_folder_open_file(file->folder_fd, file->name, O_RDWR | O_APPEND,
							  error, sizeof(error));
	if (fd < 0)
	{
		if (!again)
			ereport(LOG,
					(errmsg("could not complete a trace file: %s", error)));
		return;
	}
	complete_file(fd);
	close(fd);
}

bool
pgt_leftovers_complete(PgtFileInUse in_use, bool again)
{
	char		path[MAXPGPATH];
	char		error[MAXPGPATH + 256];
	int			directory_fd = pgt_trace_directory_open(path, error,
														sizeof(error));
	PgtFileScan scan;

	if (directory_fd < 0)
		return false;			/* whoever starts a trace is told */
	try_again = false;
	pgt_file_scan_begin(&scan, directory_fd);
	while (pgt_file_scan_next(&scan))
		look_at_file(&scan, in_use, again);
	pgt_file_scan_end(&scan);
	close(directory_fd);
	if (try_again && !again)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not complete all trace files in \"%s\"", path),
				 errdetail("It is tried again every few seconds.")));
	return !try_again;
}
