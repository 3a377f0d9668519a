/*
 * leftovers.c
 *		Files that a crash of the server has left incomplete.
 *
 * When a process of the server crashes, the postmaster ends all others at
 * once, the worker included, and starts anew.  Recovery must not wait for
 * trace files, so the worker doesn't try to do anything then; its successor
 * looks for files without a last line and says in them what happened.
 */
#include "postgres.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bgworker/leftovers.h"
#include "bgworker/writer.h"

#define END_OF_TRACE	"\n*** TRACE ENDED"
#define LAST_LINE		"*** TRACE ENDED: THE SERVER OR ITS WORKER WAS RESTARTED, EVENTS MAY BE MISSING\n"

/* The last line of a complete file is within this many bytes of its end. */
#define TAIL_LEN		128

/* The pid in a trace file's name, or 0 if it isn't one. */
static int
pid_of_name(const char *name)
{
	int			pid;
	int			matched = 0;

	if (sscanf(name, "pg_trace_%d_%n", &pid, &matched) != 1 || matched == 0 ||
		pid <= 0)
		return 0;
	if (strlen(name) < 4 || strcmp(name + strlen(name) - 4, ".trc") != 0)
		return 0;
	return pid;
}

/* Another server that writes to the same directory may have it open. */
static bool
is_alive(int pid)
{
	return kill(pid, 0) == 0 || errno != ESRCH;
}

static void
complete_file(int fd)
{
	struct stat st;
	char		tail[TAIL_LEN + 1];
	ssize_t		len;
	const char *line = LAST_LINE;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
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
	if (write(fd, line, strlen(line)) < 0)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not complete a trace file: %m")));
}

void
pgt_leftovers_complete(void)
{
	char		error[MAXPGPATH + 256];
	int			directory_fd = pgt_writer_open_directory(error, sizeof(error));
	DIR		   *directory;
	struct dirent *entry;

	if (directory_fd < 0)
		return;					/* whoever starts a trace is told */
	directory = fdopendir(directory_fd);
	if (directory == NULL)
	{
		close(directory_fd);
		return;
	}
	while ((entry = readdir(directory)) != NULL)
	{
		int			pid = pid_of_name(entry->d_name);
		int			fd;

		if (pid == 0 || is_alive(pid))
			continue;
		fd = openat(directory_fd, entry->d_name,
					O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		complete_file(fd);
		close(fd);
	}
	closedir(directory);
}
