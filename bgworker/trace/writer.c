/*
 * writer.c
 *		Writes one trace file.
 *
 * Lines are appended to a buffer by format.c and go to the file when the
 * worker has drained what there is, so they are never older than a second or
 * so.  Files are created exclusively, 0600, and those of an earlier worker are
 * continued only if they are what that has left: see trace/directory.c.  A
 * file is locked as long as it is written (file_lock.h).
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "storage/fd.h"

#include "bgworker/trace/directory.h"
#include "bgworker/trace/file_lock.h"
#include "bgworker/trace/folders.h"
#include "bgworker/trace/grammar.h"
#include "bgworker/trace/role_files.h"
#include "bgworker/trace/writer.h"
#include "extension/guc.h"

/* Files of one process that begin in the same second */
#define MAX_ATTEMPTS	1000

/* What a file that is now open needs. */
static void
set_up(PgtWriter *writer, const char *directory, const char *folder,
	   const char *name)
{
	ReserveExternalFD();
	/* where there are no such locks, housekeeping leaves files alone */
	(void) pgt_file_lock(writer->fd);
	snprintf(writer->path, MAXPGPATH, "%s/%s/%s", directory, folder, name);
	initStringInfo(&writer->buffer);
}

/* Create a file of a name that there isn't yet; -1 with errno. */
static int
create_file(int folder_fd, int pid, time_t now, const char *identifier,
			Oid role, char name[PGT_TRACE_NAME_LEN])
{
	int			fd = -1;

	for (int number = 1; fd < 0 && number <= MAX_ATTEMPTS; number++)
	{
		pgt_trace_name_make(name, pid, now, number, identifier, role);
		fd = openat(folder_fd, name,
					O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW |
					O_CLOEXEC,
					S_IRUSR | S_IWUSR);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	return fd;
}

bool
pgt_writer_create(PgtWriter *writer, int pid, const char *identifier,
				  Oid role, char *error, size_t error_len)
{
	char		directory[MAXPGPATH];
	char		folder[PGT_TRACE_FOLDER_LEN] = "";
	char		name[PGT_TRACE_NAME_LEN] = "";
	time_t		now = time(NULL);
	int			directory_fd;
	int			folder_fd;

	memset(writer, 0, sizeof(*writer));
	writer->fd = -1;
	directory_fd = pgt_trace_directory_open(directory, error, error_len);
	if (directory_fd < 0)
		return false;
	if (OidIsValid(role) && !pgt_role_files_take(directory_fd, role))
	{
		snprintf(error, error_len,
				 "the role with OID %u has %d trace files, and may have no more",
				 role, pgt_max_files_per_role);
		close(directory_fd);
		return false;
	}

	folder_fd = pgt_folder_open_new(directory_fd, now, folder);
	if (folder_fd >= 0)
		writer->fd = create_file(folder_fd, pid, now, identifier, role, name);
	if (writer->fd < 0)
		snprintf(error, error_len, "could not create file \"%s/%s/%s\": %m",
				 directory, folder, name);
	else
		set_up(writer, directory, folder, name);
	if (folder_fd >= 0)
		close(folder_fd);
	close(directory_fd);
	return writer->fd >= 0;
}

/* Cut a path in front of its last name, which is returned; NULL if none. */
static char *
cut_last_name(char *path)
{
	char	   *slash = strrchr(path, '/');

	if (slash == NULL)
		return NULL;
	*slash = '\0';
	return slash + 1;
}

/* Open the file of that name if the directory is still the one of path. */
static int
open_again(int directory_fd, const char *directory, const char *path,
		   const char *folder, const char *name, char *error,
		   size_t error_len)
{
	int			folder_fd;
	int			fd;

	if (strcmp(directory, path) != 0)
	{
		strlcpy(error, "pg_trace.output_directory has changed", error_len);
		return -1;
	}
	folder_fd = pgt_folder_open(directory_fd, folder);
	if (folder_fd < 0)
	{
		snprintf(error, error_len, "could not open folder \"%s\": %m",
				 folder);
		return -1;
	}
	fd = pgt_folder_open_file(folder_fd, name, O_WRONLY | O_APPEND, error,
							  error_len);
	close(folder_fd);
	return fd;
}

bool
pgt_writer_reopen(PgtWriter *writer, int pid, const char *shared_path,
				  char *error, size_t error_len)
{
	char		path[MAXPGPATH];
	char		directory[MAXPGPATH];
	char	   *folder = NULL;
	char	   *name;
	struct stat st;
	PgtTraceName parsed;
	PgtTraceFolder parsed_folder;
	int			directory_fd;

	memset(writer, 0, sizeof(*writer));
	writer->fd = -1;
	snprintf(path, sizeof(path), "%.*s", MAXPGPATH - 1, shared_path);
	name = cut_last_name(path);
	if (name != NULL)
		folder = cut_last_name(path);
	if (folder == NULL || !pgt_trace_folder_parse(folder, &parsed_folder) ||
		!pgt_trace_name_parse(name, &parsed) || parsed.pid != pid ||
		parsed.compressed)
	{
		strlcpy(error, "its name is not known any longer", error_len);
		return false;
	}
	directory_fd = pgt_trace_directory_open(directory, error, error_len);
	if (directory_fd < 0)
		return false;

	writer->fd = open_again(directory_fd, directory, path, folder, name,
							error, error_len);
	if (writer->fd >= 0)
	{
		set_up(writer, directory, folder, name);
		writer->bytes = fstat(writer->fd, &st) == 0 ? st.st_size : 0;
	}
	close(directory_fd);
	return writer->fd >= 0;
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
					 PGT_STARS "DUMP FILE SIZE IS LIMITED TO " UINT64_FORMAT " BYTES ***\n",
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
