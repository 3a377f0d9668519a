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
#include "bgworker/trace/folders.h"
#include "bgworker/trace/grammar.h"
#include "bgworker/trace/leftovers.h"

#define END_OF_TRACE	"\n" PGT_STARS PGT_NOTE_ENDED
#define LAST_LINE \
	PGT_STARS PGT_NOTE_ENDED ": THE SERVER OR ITS WORKER WAS RESTARTED, EVENTS MAY BE MISSING\n"

/* The last line of a complete file is within this many bytes of its end. */
#define TAIL_LEN		128

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
append(int fd, const char *line, off_t size)
{
	ssize_t		len = write(fd, line, strlen(line));

	if (len == (ssize_t) strlen(line))
		return;
	try_again = true;
	if (len > 0 && ftruncate(fd, size) != 0)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not truncate a trace file: %m")));
}

static void
complete_file(int fd)
{
	struct stat st;
	char		tail[TAIL_LEN + 1];
	ssize_t		len;
	const char *line = LAST_LINE;

	if (fstat(fd, &st) != 0)
		return;
	len = pread(fd, tail, TAIL_LEN, Max(st.st_size - TAIL_LEN, 0));
	if (len < 0)
		return;
	tail[len] = '\0';
	if (strstr(tail, END_OF_TRACE) != NULL)
		return;

	/* the last line may be torn */
	if (len > 0 && tail[len - 1] != '\n')
		line = "\n" LAST_LINE;
	append(fd, line, st.st_size);
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
