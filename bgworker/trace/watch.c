/*
 * watch.c
 *		Tells when something happens to trace files.
 *
 * A worker that has nothing to write sleeps, and yet someone may remove the
 * files that it has open.  The kernel tells what is done in the folders where they
 * are, but not what is done above, nor what is mounted over these: so whoever is
 * awake anyway looks from time to time as well.
 */
#include "postgres.h"

#include <sys/inotify.h>
#include <unistd.h>

#include "storage/fd.h"

#include "bgworker/trace/watch.h"

/* Names go, or get another meaning; rights change. */
#define EVENTS \
	(IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | \
	 IN_MOVE_SELF)

static int	watch_fd = -1;

int
pgt_watch_open(void)
{
	watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch_fd >= 0)
		ReserveExternalFD();
	return watch_fd;
}

void
pgt_watch_file(const char *path)
{
	char		directory[MAXPGPATH];

	if (watch_fd < 0)
		return;
	strlcpy(directory, path, sizeof(directory));
	/* its folder, and that of its folder */
	for (int i = 0; i < 2; i++)
	{
		char	   *slash = strrchr(directory, '/');

		if (slash == NULL || slash == directory)
			break;
		*slash = '\0';
		/* one that is watched already stays so; a removed one is forgotten */
		(void) inotify_add_watch(watch_fd, directory, EVENTS | IN_ONLYDIR);
	}
}

bool
pgt_watch_take(void)
{
	char		events[4096];
	bool		any = false;

	while (watch_fd >= 0 && read(watch_fd, events, sizeof(events)) > 0)
		any = true;
	return any;
}
