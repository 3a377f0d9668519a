/*
 * writer.c
 *		Writes one trace file.
 *
 * Lines are appended to a buffer by format.c and go to the file when the
 * worker has drained what there is, so they are never older than a second or
 * so.  Files are created exclusively, 0600, in a directory that is created
 * 0700 and may not be a symbolic link.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"

#include "bgworker/writer.h"
#include "extension/compat.h"
#include "extension/guc.h"

/* Files of one process that begin in the same second */
#define MAX_ATTEMPTS	1000

static void
absolute_directory(char *directory)
{
	if (is_absolute_path(pgt_output_directory))
		strlcpy(directory, pgt_output_directory, MAXPGPATH);
	else
		snprintf(directory, MAXPGPATH, "%s/%s", DataDir,
				 pgt_output_directory);
	canonicalize_path(directory);
}

int
pgt_writer_open_directory(char *error, size_t error_len)
{
	char		directory[MAXPGPATH];
	struct stat st;
	int			fd;

	absolute_directory(directory);
	if (mkdir(directory, S_IRWXU) != 0 && errno != EEXIST)
	{
		snprintf(error, error_len, "could not create directory \"%s\": %m",
				 directory);
		return -1;
	}
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
	{
		snprintf(error, error_len, "could not open directory \"%s\": %m",
				 directory);
		return -1;
	}
	/* whoever could write into it could have put links there */
	if (fstat(fd, &st) != 0 || st.st_uid != geteuid() ||
		(st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
	{
		snprintf(error, error_len,
				 "directory \"%s\" must be owned by the server's user and writable by nobody else",
				 directory);
		close(fd);
		return -1;
	}
	return fd;
}

/* pg_trace_<pid>_<UTC time>[_<number>][_<identifier>].trc */
static void
make_name(char *name, size_t len, int pid, const char *identifier,
		  int attempt)
{
	time_t		now = time(NULL);
	struct tm	tm;
	char		stamp[32];
	char		number[16] = "";

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm);
	if (attempt > 0)
		snprintf(number, sizeof(number), "_%d", attempt + 1);
	snprintf(name, len, "pg_trace_%d_%s%s%s%s.trc", pid, stamp, number,
			 identifier[0] != '\0' ? "_" : "", identifier);
}

bool
pgt_writer_create(PgtWriter *writer, int pid, const char *identifier,
				  char *error, size_t error_len)
{
	char		directory[MAXPGPATH];
	char		name[NAMEDATALEN * 3];
	int			directory_fd;

	memset(writer, 0, sizeof(*writer));
	writer->fd = -1;
	absolute_directory(directory);
	directory_fd = pgt_writer_open_directory(error, error_len);
	if (directory_fd < 0)
		return false;

	for (int attempt = 0; writer->fd < 0 && attempt < MAX_ATTEMPTS; attempt++)
	{
		make_name(name, sizeof(name), pid, identifier, attempt);
		writer->fd = openat(directory_fd, name,
							O_WRONLY | O_CREAT | O_EXCL | O_APPEND |
							O_NOFOLLOW | O_CLOEXEC,
							S_IRUSR | S_IWUSR);
		if (writer->fd < 0 && errno != EEXIST)
			break;
	}
	if (writer->fd < 0)
	{
		snprintf(error, error_len, "could not create file \"%s/%s\": %m",
				 directory, name);
		close(directory_fd);
		return false;
	}
	close(directory_fd);
	ReserveExternalFD();
	snprintf(writer->path, MAXPGPATH, "%s/%s", directory, name);
	initStringInfo(&writer->buffer);
	return true;
}

bool
pgt_writer_reopen(PgtWriter *writer, const char *path,
				  char *error, size_t error_len)
{
	struct stat st;

	memset(writer, 0, sizeof(*writer));
	writer->fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (writer->fd < 0 || fstat(writer->fd, &st) != 0)
	{
		snprintf(error, error_len, "could not open file \"%s\": %m", path);
		if (writer->fd >= 0)
			close(writer->fd);
		writer->fd = -1;
		return false;
	}
	ReserveExternalFD();
	strlcpy(writer->path, path, MAXPGPATH);
	writer->bytes = st.st_size;
	initStringInfo(&writer->buffer);
	return true;
}

bool
pgt_writer_has_room(PgtWriter *writer)
{
	return pgt_writer_has_room_for(writer, 0);
}

bool
pgt_writer_has_room_for(PgtWriter *writer, uint64 bytes)
{
	uint64		limit = (uint64) pgt_max_file_size * 1024 * 1024;

	if (writer->limited)
		return false;
	if (limit == 0 || writer->bytes + writer->buffer.len + bytes < limit)
		return true;

	appendStringInfo(&writer->buffer,
					 "*** DUMP FILE SIZE IS LIMITED TO " UINT64_FORMAT " BYTES ***\n",
					 limit);
	writer->limited = true;
	return false;
}

bool
pgt_writer_flush(PgtWriter *writer)
{
	const char *data = writer->buffer.data;
	int			left = writer->buffer.len;

	while (left > 0)
	{
		ssize_t		written = write(writer->fd, data, left);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
		{
			if (written == 0)
				errno = ENOSPC;
			resetStringInfo(&writer->buffer);
			return false;
		}
		data += written;
		left -= written;
		writer->bytes += written;
	}
	resetStringInfo(&writer->buffer);
	return true;
}

void
pgt_writer_close(PgtWriter *writer)
{
	if (writer->fd < 0)
		return;
	close(writer->fd);
	ReleaseExternalFD();
	writer->fd = -1;
	pfree(writer->buffer.data);
}
