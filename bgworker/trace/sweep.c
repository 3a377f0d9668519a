/*
 * sweep.c
 *		Removes old trace files, and compresses those that are complete.
 *
 * The files' sizes are added up first.  Then the folders are gone through from
 * the oldest one on, and the files of each by the time of their last change:
 * in memory is one folder at a time.  Only what is ours is touched: a regular
 * file of a trace's name in one of our folders, of the server's user, with no
 * second name; and nothing that someone has locked, which is what is being
 * written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bgworker/trace/compress.h"
#include "bgworker/trace/ending.h"
#include "bgworker/trace/file_lock.h"
#include "bgworker/trace/sweep.h"

/* A file of the folder that is at hand */
typedef struct File
{
	char		name[PGT_TRACE_NAME_LEN];
	struct timespec changed;
	uint64_t	size;
	bool		compressed;
} File;

typedef struct Sweep
{
	const PgtSweepOrder *order;
	PgtSweepResult *result;
	time_t		now;
	char		folder[PGT_TRACE_FOLDER_LEN];
	int			folder_fd;
	File	   *files;
	size_t		nfiles;
	size_t		room;
} Sweep;

/* A file may have grown since its size was added up. */
static void
subtract(uint64_t *total, uint64_t bytes)
{
	*total -= bytes < *total ? bytes : *total;
}

static void
note_error(Sweep *sweep, const char *error)
{
	if (sweep->result->nerrors++ == 0)
		snprintf(sweep->result->error, sizeof(sweep->result->error), "%s",
				 error);
}

static bool
look_at(const PgtFileScan *file, struct stat *st)
{
	return fstatat(file->folder_fd, file->name, st,
				   AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode);
}

static uint64_t
add_up(int directory_fd)
{
	PgtFileScan scan;
	struct stat st;
	uint64_t	total = 0;

	pgt_file_scan_begin(&scan, directory_fd);
	while (pgt_file_scan_next(&scan))
	{
		if (look_at(&scan, &st))
			total += (uint64_t) st.st_size;
	}
	pgt_file_scan_end(&scan);
	return total;
}

static int
compare_files(const void *a, const void *b)
{
	const File *first = a;
	const File *second = b;

	if (first->changed.tv_sec != second->changed.tv_sec)
		return first->changed.tv_sec < second->changed.tv_sec ? -1 : 1;
	if (first->changed.tv_nsec != second->changed.tv_nsec)
		return first->changed.tv_nsec < second->changed.tv_nsec ? -1 : 1;
	return strcmp(first->name, second->name);
}

/* Open a file that is ours, and that nobody is writing; -1 if it isn't so. */
static int
open_closed(Sweep *sweep, const File *file)
{
	char		error[256];
	int			fd = pgt_folder_open_file(sweep->folder_fd, file->name, O_RDWR,
										  error, sizeof(error));

	if (fd < 0)
	{
		/* someone else may have removed it just now */
		if (faccessat(sweep->folder_fd, file->name, F_OK,
					  AT_SYMLINK_NOFOLLOW) == 0)
			note_error(sweep, error);
		return -1;
	}
	if (pgt_file_lock(fd))
		return fd;
	if (errno != EAGAIN && errno != EACCES)
	{
		snprintf(error, sizeof(error), "could not lock file \"%s\": %m",
				 file->name);
		note_error(sweep, error);
	}
	close(fd);
	return -1;
}

/* Returns whether the file is gone. */
static bool
remove_file(Sweep *sweep, const File *file, PgtRemoved *removed)
{
	char		error[256];
	int			fd = open_closed(sweep, file);
	bool		gone = fd >= 0 && unlinkat(sweep->folder_fd, file->name, 0) == 0;

	if (fd >= 0 && !gone)
	{
		snprintf(error, sizeof(error), "could not remove file \"%s\": %m",
				 file->name);
		note_error(sweep, error);
	}
	if (fd >= 0)
		close(fd);
	if (!gone)
		return false;
	snprintf(removed->last, sizeof(removed->last), "%s/%s", sweep->folder,
			 file->name);
	if (removed->nfiles++ == 0)
		memcpy(removed->first, removed->last, sizeof(removed->first));
	removed->bytes += file->size;
	subtract(&sweep->result->total, file->size);
	return true;
}

static void
compress_file(Sweep *sweep, const File *file)
{
	char		error[256];
	uint64_t	after = 0;
	bool		torn;
	int			fd = open_closed(sweep, file);

	if (fd < 0)
		return;
	/* what has no end may get one: see leftovers.c */
	if (pgt_trace_is_complete(fd, &torn))
	{
		if (pgt_compress_file(sweep->folder_fd, file->name, fd, &after, error,
							  sizeof(error)))
		{
			sweep->result->ncompressed++;
			sweep->result->before += file->size;
			sweep->result->after += after;
			sweep->result->total += after;
			subtract(&sweep->result->total, file->size);
		}
		else
			note_error(sweep, error);
	}
	close(fd);
}

static void
handle_file(Sweep *sweep, const File *file)
{
	const PgtSweepOrder *order = sweep->order;

	if (order->retention_s > 0 &&
		file->changed.tv_sec < sweep->now - order->retention_s)
	{
		if (remove_file(sweep, file, &sweep->result->too_old))
			return;
	}
	else if (order->max_total > 0 && sweep->result->total > order->max_total)
	{
		if (remove_file(sweep, file, &sweep->result->too_much))
			return;
	}
	if (order->compress && !file->compressed)
		compress_file(sweep, file);
}

/* All files of the folder have been found. */
static void
handle_folder(Sweep *sweep)
{
	if (sweep->nfiles == 0)
		return;
	qsort(sweep->files, sweep->nfiles, sizeof(File), compare_files);
	sweep->folder_fd = pgt_folder_open(sweep->order->directory_fd,
									   sweep->folder);
	for (size_t i = 0; sweep->folder_fd >= 0 && i < sweep->nfiles; i++)
		handle_file(sweep, &sweep->files[i]);
	if (sweep->folder_fd >= 0)
		close(sweep->folder_fd);
	sweep->nfiles = 0;
}

static void
add_file(Sweep *sweep, const PgtFileScan *found)
{
	struct stat st;
	File	   *file;

	if (!look_at(found, &st))
		return;
	if (sweep->nfiles == sweep->room)
	{
		size_t		room = sweep->room == 0 ? 256 : 2 * sweep->room;
		File	   *larger = realloc(sweep->files, room * sizeof(File));

		if (larger == NULL)
			return;				/* it has its turn when others are gone */
		sweep->files = larger;
		sweep->room = room;
	}
	file = &sweep->files[sweep->nfiles++];
	snprintf(file->name, sizeof(file->name), "%s", found->name);
	file->changed = st.st_mtim;
	file->size = (uint64_t) st.st_size;
	file->compressed = found->parsed.compressed;
}

/* Folders of former days that are empty; others can't be removed. */
static void
remove_empty_folders(const Sweep *sweep, const PgtFileScan *scan)
{
	char		today[PGT_TRACE_FOLDER_LEN];

	pgt_trace_folder_make(today, sweep->now, 1);
	for (int i = 0; i < scan->nfolders; i++)
	{
		if (strncmp(scan->folders[i], today, strlen(today)) != 0)
			(void) unlinkat(sweep->order->directory_fd, scan->folders[i],
							AT_REMOVEDIR);
	}
}

void
pgt_sweep(const PgtSweepOrder *order, PgtSweepResult *result)
{
	Sweep		sweep = {.order = order, .result = result, .now = time(NULL)};
	PgtFileScan scan;
	struct timespec begin;
	struct timespec end;

	memset(result, 0, sizeof(*result));
	clock_gettime(CLOCK_MONOTONIC, &begin);
	result->total = add_up(order->directory_fd);
	pgt_file_scan_begin(&scan, order->directory_fd);
	while (pgt_file_scan_next(&scan))
	{
		if (strcmp(sweep.folder, scan.folder) != 0)
			handle_folder(&sweep);
		snprintf(sweep.folder, sizeof(sweep.folder), "%s", scan.folder);
		add_file(&sweep, &scan);
	}
	handle_folder(&sweep);
	remove_empty_folders(&sweep, &scan);
	pgt_file_scan_end(&scan);
	free(sweep.files);
	clock_gettime(CLOCK_MONOTONIC, &end);
	result->elapsed_ns = (uint64_t) (end.tv_sec - begin.tv_sec) * 1000000000 +
		(uint64_t) end.tv_nsec - (uint64_t) begin.tv_nsec;
}
