/*
 * folders.c
 *		The folders in the trace directory, and the files in them.
 *
 * Each traced process has a file of its own, which may be 100,000 files a day
 * where connections are short.  So the files of a day (UTC, as in their names)
 * are in a folder of their own, and in a further one when that has ten thousand
 * files: a folder's names still fit on a command line, and it is read quickly.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bgworker/trace/folders.h"

#define FOLDER_FILES	10000

/* The folder that new files go to */
static struct
{
	dev_t		device;			/* of the directory that it is in */
	ino_t		inode;
	int			day;
	int			number;
	int			nfiles;
}			newest;

/* ----------
 * Opening
 * ----------
 */

int
pgt_folder_open(int directory_fd, const char *name)
{
	struct stat st;
	int			fd = openat(directory_fd, name,
							O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
		(st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

static int
count_files(int folder_fd)
{
	int			fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR		   *dir = fd < 0 ? NULL : fdopendir(fd);
	int			nnames = 0;

	if (dir == NULL)
	{
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (readdir(dir) != NULL)
		nnames++;
	closedir(dir);
	return nnames - 2;			/* . and .. */
}

static int
make_folder(int directory_fd, time_t time, int number,
			char name[PGT_TRACE_FOLDER_LEN])
{
	pgt_trace_folder_make(name, time, number);
	if (mkdirat(directory_fd, name, S_IRWXU) != 0 && errno != EEXIST)
		return -1;
	return pgt_folder_open(directory_fd, name);
}

/* Forget the newest folder if it is another directory's, or day's. */
static void
look_at_day(int directory_fd, time_t time)
{
	char		name[PGT_TRACE_FOLDER_LEN];
	PgtTraceFolder today;
	struct stat st;

	pgt_trace_folder_make(name, time, 1);
	if (!pgt_trace_folder_parse(name, &today) ||
		fstat(directory_fd, &st) != 0 ||
		(newest.number > 0 && newest.day == today.day &&
		 newest.device == st.st_dev && newest.inode == st.st_ino))
		return;
	newest.device = st.st_dev;
	newest.inode = st.st_ino;
	newest.day = today.day;
	newest.number = 1;
	newest.nfiles = FOLDER_FILES;	/* it is to be looked at */
}

int
pgt_folder_open_new(int directory_fd, time_t time,
					char name[PGT_TRACE_FOLDER_LEN])
{
	int			fd;

	look_at_day(directory_fd, time);
	fd = make_folder(directory_fd, time, newest.number, name);
	/* another server may use the directory, and someone may have tidied up */
	while (fd >= 0 && newest.nfiles >= FOLDER_FILES)
	{
		newest.nfiles = count_files(fd);
		if (newest.nfiles < FOLDER_FILES || newest.number == INT_MAX)
			break;
		close(fd);
		newest.number++;
		fd = make_folder(directory_fd, time, newest.number, name);
	}
	newest.nfiles++;
	return fd;
}

int
pgt_folder_open_file(int folder_fd, const char *name, int flags,
					 char *error, size_t error_len)
{
	struct stat st;
	int			fd = openat(folder_fd, name,
							flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0)
		snprintf(error, error_len, "could not open file \"%s\": %m", name);
	else if (!S_ISREG(st.st_mode))
		snprintf(error, error_len, "\"%s\" is not a regular file", name);
	else if (st.st_uid != geteuid())
		snprintf(error, error_len,
				 "file \"%s\" is not owned by the server's user", name);
	else if (st.st_nlink != 1)
		snprintf(error, error_len, "file \"%s\" has another name as well",
				 name);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ----------
 * All files
 * ----------
 */

static int
compare_folders(const void *a, const void *b)
{
	PgtTraceFolder first;
	PgtTraceFolder second;

	(void) pgt_trace_folder_parse(a, &first);
	(void) pgt_trace_folder_parse(b, &second);
	if (first.day != second.day)
		return first.day < second.day ? -1 : 1;
	return first.number < second.number ? -1 : first.number > second.number;
}

void
pgt_file_scan_begin(PgtFileScan *scan, int directory_fd)
{
	int			fd = openat(directory_fd, ".",
							O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR		   *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	PgtTraceFolder parsed;

	memset(scan, 0, sizeof(*scan));
	scan->directory_fd = directory_fd;
	if (dir == NULL)
	{
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
	{
		void	   *larger;

		if (!pgt_trace_folder_parse(entry->d_name, &parsed))
			continue;
		larger = realloc(scan->folders,
						 (scan->nfolders + 1) * sizeof(*scan->folders));
		if (larger == NULL)
			break;
		scan->folders = larger;
		snprintf(scan->folders[scan->nfolders++], PGT_TRACE_FOLDER_LEN, "%s",
				 entry->d_name);
	}
	closedir(dir);
	if (scan->nfolders > 0)
		qsort(scan->folders, scan->nfolders, sizeof(*scan->folders),
			  compare_folders);
}

/* Go on to the next folder that can be read. */
static bool
next_folder(PgtFileScan *scan)
{
	if (scan->dir != NULL)
		closedir(scan->dir);
	scan->dir = NULL;
	while (scan->next_folder < scan->nfolders)
	{
		scan->folder = scan->folders[scan->next_folder++];
		scan->folder_fd = pgt_folder_open(scan->directory_fd, scan->folder);
		if (scan->folder_fd < 0)
			continue;
		scan->dir = fdopendir(scan->folder_fd);
		if (scan->dir != NULL)
			return true;
		close(scan->folder_fd);
	}
	return false;
}

bool
pgt_file_scan_next(PgtFileScan *scan)
{
	struct dirent *entry;

	while (scan->dir != NULL || next_folder(scan))
	{
		while ((entry = readdir(scan->dir)) != NULL)
		{
			scan->name = entry->d_name;
			if (pgt_trace_name_parse(scan->name, &scan->parsed))
				return true;
		}
		if (!next_folder(scan))
			break;
	}
	return false;
}

void
pgt_file_scan_end(PgtFileScan *scan)
{
	if (scan->dir != NULL)
		closedir(scan->dir);
	free(scan->folders);
	memset(scan, 0, sizeof(*scan));
}
