/*
 * folders.h
 *		The folders in the trace directory, and the files in them.
 *
 * Needs nothing of PostgreSQL: also the thread of housekeeper.c uses it.
 */
#ifndef PGT_TRACE_FOLDERS_H
#define PGT_TRACE_FOLDERS_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

#include "bgworker/trace/trace_name.h"

/* Room for a file's name with its folder's, <folder>/<name>, and a 0 byte */
#define PGT_TRACE_PATH_LEN	(PGT_TRACE_FOLDER_LEN + PGT_TRACE_NAME_LEN)

/*
 * Open the folder for a file that begins at that time, making it if it is
 * missing, and count the file.  name receives the folder's.  Returns -1 with
 * errno if it can't be used.  For the worker only.
 */
extern int	pgt_folder_open_new(int directory_fd, time_t time,
								char name[PGT_TRACE_FOLDER_LEN]);

/*
 * Open a folder of that name; no link is followed.  Returns -1 with errno if
 * there is none, EPERM if it isn't the server's user's alone.
 */
extern int	pgt_folder_open(int directory_fd, const char *name);

/*
 * Open a trace file in a folder with these flags, and whatever keeps that from
 * waiting and from leaving the folder.  Returns -1 with a reason in error, also
 * if it isn't a regular file of the server's user with this one name.
 */
extern int	pgt_folder_open_file(int folder_fd, const char *name, int flags,
								 char *error, size_t error_len);

/* A look at all trace files, the oldest folders first */
typedef struct PgtFileScan
{
	int			directory_fd;
	char		(*folders)[PGT_TRACE_FOLDER_LEN];
	int			nfolders;
	int			next_folder;
	DIR		   *dir;			/* the folder that is being read, or NULL */

	/* The file that was found */
	const char *folder;
	int			folder_fd;		/* open until the next call */
	const char *name;
	PgtTraceName parsed;
} PgtFileScan;

/*
 * Begin, go on to the next file (false: there is none), end.  Files come and
 * go meanwhile; what can't be read is passed over.
 */
extern void pgt_file_scan_begin(PgtFileScan *scan, int directory_fd);
extern bool pgt_file_scan_next(PgtFileScan *scan);
extern void pgt_file_scan_end(PgtFileScan *scan);

#endif							/* PGT_TRACE_FOLDERS_H */
