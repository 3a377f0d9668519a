/*
 * writer.c
 *		Writes one trace file.
 *
 * Lines are appended to a buffer by format.c and go to the file when the
 * worker has drained what there is, so they are never older than a second or
 * so.  Files are created exclusively, 0600, and those of an earlier worker are
 * continued only if they are what that has left: see trace/directory.c.  A
 * file is locked as long as it is written (file_lock.h).
 *
 * The disk may be full, or gone.  A file never ends in the middle of a record
 * then: it is cut back to where the last whole one ends, and what was to be
 * written stays in the buffer for the next attempt.  Only of a record whose text
 * is so long that it goes to the file in pieces, the rest isn't worth keeping.
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
#include "bgworker/trace/free_space.h"
#include "bgworker/trace/grammar.h"
#include "bgworker/trace/role_files.h"
#include "bgworker/trace/writer.h"
#include "extension/clock.h"
#include "extension/guc.h"

/* Files of one process that begin in the same second */
#define MAX_ATTEMPTS	1000

#define NEW_FILE_FLAGS \
	(O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC)

/* How long after a write that has failed the next one is tried */
#define RETRY_NS		UINT64CONST(1000000000)

/* ----------
 * Opening and closing
 * ----------
 */

static void
initialize(PgtWriter *writer)
{
	memset(writer, 0, sizeof(*writer));
	writer->fd = -1;
	writer->part = 1;
	initStringInfo(&writer->buffer);
}

/* What a file that is now open needs. */
static void
set_up(PgtWriter *writer, int fd)
{
	ReserveExternalFD();
	/* where there are no such locks, housekeeping leaves files alone */
	(void) pgt_file_lock(fd);
	writer->fd = fd;
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
		fd = openat(folder_fd, name, NEW_FILE_FLAGS, S_IRUSR | S_IWUSR);
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
	int			fd = -1;

	initialize(writer);
	if (pgt_free_space_is_short())
	{
		strlcpy(error, PGT_FREE_SPACE_REASON, error_len);
		return false;
	}
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
		fd = create_file(folder_fd, pid, now, identifier, role, name);
	if (fd < 0)
		snprintf(error, error_len, "could not create file \"%s/%s/%s\": %m",
				 directory, folder, name);
	else
	{
		set_up(writer, fd);
		snprintf(writer->path, MAXPGPATH, "%s/%s/%s", directory, folder, name);
	}
	if (folder_fd >= 0)
		close(folder_fd);
	close(directory_fd);
	return fd >= 0;
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

/*
 * Open the folder of that name if the directory is still the one of path; -1
 * with a reason in error.
 */
static int
open_folder(int directory_fd, const char *directory, const char *path,
			const char *folder, char *error, size_t error_len)
{
	int			folder_fd;

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
	}
	return folder_fd;
}

/* The same for the folder in which a file is whose path is known */
static int
open_folder_of(const char *file, char name[PGT_TRACE_NAME_LEN], char *error,
			   size_t error_len)
{
	char		path[MAXPGPATH];
	char		directory[MAXPGPATH];
	char	   *folder = NULL;
	char	   *last;
	PgtTraceFolder parsed;
	int			directory_fd;
	int			folder_fd;

	strlcpy(path, file, sizeof(path));
	last = cut_last_name(path);
	if (last != NULL)
		folder = cut_last_name(path);
	if (folder == NULL || !pgt_trace_folder_parse(folder, &parsed))
	{
		strlcpy(error, "its name is not known any longer", error_len);
		return -1;
	}
	strlcpy(name, last, PGT_TRACE_NAME_LEN);
	directory_fd = pgt_trace_directory_open(directory, error, error_len);
	if (directory_fd < 0)
		return -1;
	folder_fd = open_folder(directory_fd, directory, path, folder, error,
							error_len);
	close(directory_fd);
	return folder_fd;
}

bool
pgt_writer_create_part(PgtWriter *writer, const PgtWriter *before,
					   char *error, size_t error_len)
{
	char		of[PGT_TRACE_NAME_LEN];
	char		name[PGT_TRACE_NAME_LEN];
	int			folder_fd;
	int			fd = -1;

	initialize(writer);
	writer->part = before->part + 1;
	folder_fd = open_folder_of(before->path, of, error, error_len);
	if (folder_fd < 0)
		return false;
	errno = ENAMETOOLONG;
	if (pgt_trace_name_part(name, of, writer->part))
		fd = openat(folder_fd, name, NEW_FILE_FLAGS, S_IRUSR | S_IWUSR);
	close(folder_fd);
	if (fd < 0)
	{
		snprintf(error, error_len, "could not create file \"%s\": %m", name);
		return false;
	}
	set_up(writer, fd);
	snprintf(writer->path, MAXPGPATH, "%.*s/%s",
			 (int) (strrchr(before->path, '/') - before->path), before->path,
			 name);
	writer->bytes_before = before->bytes_before;
	return true;
}

void
pgt_writer_remove_part(const PgtWriter *writer, unsigned part)
{
	char		of[PGT_TRACE_NAME_LEN];
	char		name[PGT_TRACE_NAME_LEN];
	char		error[256];
	int			folder_fd;

	if (part < 2)
		return;
	folder_fd = open_folder_of(writer->path, of, error, sizeof(error));
	if (folder_fd < 0)
		return;
	if (pgt_trace_name_part(name, of, part))
	{
		(void) unlinkat(folder_fd, name, 0);
		/* it may have been compressed meanwhile */
		strlcat(name, PGT_COMPRESSED_SUFFIX, sizeof(name));
		(void) unlinkat(folder_fd, name, 0);
	}
	close(folder_fd);
}

void
pgt_writer_await(PgtWriter *writer, const char *path)
{
	initialize(writer);
	snprintf(writer->path, sizeof(writer->path), "%.*s", MAXPGPATH - 1, path);
	writer->failing = true;
	writer->retry_ns = pgt_clock_now() + RETRY_NS;
}

PgtReopened
pgt_writer_reopen(PgtWriter *writer, int pid, char *error, size_t error_len)
{
	char		path[MAXPGPATH];
	char		directory[MAXPGPATH];
	char	   *folder = NULL;
	char	   *name;
	struct stat st;
	PgtTraceName parsed;
	PgtTraceFolder parsed_folder;
	int			directory_fd;
	int			folder_fd;
	int			fd = -1;

	writer->retry_ns = pgt_clock_now() + RETRY_NS;
	strlcpy(path, writer->path, sizeof(path));
	name = cut_last_name(path);
	if (name != NULL)
		folder = cut_last_name(path);
	if (folder == NULL || !pgt_trace_folder_parse(folder, &parsed_folder) ||
		!pgt_trace_name_parse(name, &parsed) || parsed.pid != pid ||
		parsed.compressed)
	{
		strlcpy(error, "its name is not known any longer", error_len);
		return PGT_REOPENED_NEVER;
	}
	directory_fd = pgt_trace_directory_open(directory, error, error_len);
	if (directory_fd < 0)
		return PGT_REOPENED_LATER;

	folder_fd = open_folder(directory_fd, directory, path, folder, error,
							error_len);
	if (folder_fd >= 0)
	{
		fd = pgt_folder_open_file(folder_fd, name, O_WRONLY | O_APPEND,
								  error, error_len);
		close(folder_fd);
	}
	if (fd >= 0)
	{
		writer->part = parsed.part;
		set_up(writer, fd);
		writer->bytes = fstat(fd, &st) == 0 ? st.st_size : 0;
		writer->whole_bytes = writer->bytes;
		writer->failing = writer->full = false;
	}
	close(directory_fd);
	return fd >= 0 ? PGT_REOPENED : PGT_REOPENED_NEVER;
}

bool
pgt_writer_is_astray(const PgtWriter *writer, char *reason, size_t reason_len)
{
	struct stat own;
	struct stat found;

	reason[0] = '\0';
	if (fstat(writer->fd, &own) != 0)
	{
		snprintf(reason, reason_len, "could not look at the trace file: %m");
		return false;
	}
	if (own.st_nlink == 0)
		strlcpy(reason, "the trace file was removed", reason_len);
	else if (own.st_uid != geteuid())
		strlcpy(reason, "the trace file has another owner", reason_len);
	else if ((uint64) own.st_size < writer->whole_bytes)
		strlcpy(reason, "the trace file was cut", reason_len);
	else if (lstat(writer->path, &found) == 0)
	{
		if (found.st_dev != own.st_dev || found.st_ino != own.st_ino)
			strlcpy(reason, "something else has the trace file's name",
					reason_len);
	}
	else if (errno == ENOENT || errno == ENOTDIR)
		strlcpy(reason, "the trace file was moved away", reason_len);
	else
	{
		snprintf(reason, reason_len, "could not look at the trace file: %m");
		return false;
	}
	return reason[0] != '\0';
}

bool
pgt_writer_can_be_read(const PgtWriter *writer)
{
	struct stat st;

	return writer->fd >= 0 && fstat(writer->fd, &st) == 0 &&
		st.st_nlink > 0 && (uint64) st.st_size >= writer->whole_bytes;
}

void
pgt_writer_close(PgtWriter *writer)
{
	if (writer->fd >= 0)
	{
		close(writer->fd);
		ReleaseExternalFD();
	}
	writer->fd = -1;
	if (writer->buffer.data != NULL)
		pfree(writer->buffer.data);
	writer->buffer.data = NULL;
}

void
pgt_writer_discard(PgtWriter *writer)
{
	char		reason[128];

	if (writer->fd >= 0 &&
		!pgt_writer_is_astray(writer, reason, sizeof(reason)) &&
		reason[0] == '\0')
		(void) unlink(writer->path);
	pgt_writer_close(writer);
}

/* ----------
 * Room
 * ----------
 */

bool
pgt_writer_has_room(PgtWriter *writer)
{
	return pgt_writer_has_room_for(writer, 0);
}

/* How large the part may be, without what it repeats; 0 is no limit. */
static uint64
limit_of(const PgtWriter *writer)
{
	return (uint64) pgt_max_file_size * 1024 * 1024 /
		(writer->part == 1 ? 2 : 4);
}

bool
pgt_writer_is_full(const PgtWriter *writer, uint64 bytes)
{
	uint64		limit = limit_of(writer);

	return limit > 0 && writer->bytes + writer->buffer.len + bytes >=
		limit + writer->head_bytes;
}

void
pgt_writer_put_limit(PgtWriter *writer)
{
	appendStringInfo(&writer->buffer,
					 PGT_STARS "DUMP FILE SIZE IS LIMITED TO " UINT64_FORMAT " BYTES ***\n",
					 limit_of(writer));
}

bool
pgt_writer_has_room_for(PgtWriter *writer, uint64 bytes)
{
	uint64		limit = limit_of(writer);

	/*
	 * what must stay together, as the bind values of an execution, may be
	 * more
	 */
	if (writer->limited ||
		(limit > 0 && writer->bytes + writer->buffer.len + bytes >=
		 limit + limit / 4 + writer->head_bytes))
		return false;
	/* once something is missing, all is, so that there is one gap */
	if (writer->failing && writer->buffer.len + bytes > PGT_KEPT_SIZE)
		writer->full = true;
	return !writer->full;
}

/* ----------
 * Writing
 * ----------
 */

void
pgt_writer_mark(PgtWriter *writer)
{
	if (writer->first_whole < 0)
		writer->first_whole = writer->buffer.len;
	writer->whole_len = writer->buffer.len;
}

/* All of the buffer is in the file. */
static void
written(PgtWriter *writer)
{
	bool		in_text = writer->whole_len < writer->buffer.len;

	if (writer->first_whole >= 0)
		writer->whole_bytes = writer->bytes -
			(writer->buffer.len - writer->whole_len);
	resetStringInfo(&writer->buffer);
	writer->first_whole = in_text ? -1 : 0;
	writer->whole_len = 0;
	writer->failing = writer->full = false;
}

/*
 * Cut the file back to its whole records.  One that is shorter than that is
 * not as it was left: pgt_writer_is_astray() says so.
 */
static bool
cut_back(PgtWriter *writer)
{
	struct stat st;

	if (fstat(writer->fd, &st) != 0)
		return false;
	if ((uint64) st.st_size > writer->whole_bytes &&
		ftruncate(writer->fd, writer->whole_bytes) != 0)
		return false;
	writer->bytes = writer->whole_bytes;
	writer->torn = false;
	return true;
}

/*
 * Leave whole records in the buffer.  Returns how many are lost: that in whose
 * middle it begins, whose beginning is no longer in the file, and that in whose
 * middle it ends, which may be the same.
 */
static int
keep_whole_records(PgtWriter *writer)
{
	StringInfo	buffer = &writer->buffer;
	int			nlost = 0;

	if (writer->first_whole < 0)
	{
		nlost = 1;
		resetStringInfo(buffer);
	}
	else
	{
		nlost = (writer->first_whole > 0) + (writer->whole_len < buffer->len);
		buffer->len = writer->whole_len - writer->first_whole;
		memmove(buffer->data, buffer->data + writer->first_whole, buffer->len);
		buffer->data[buffer->len] = '\0';
	}
	writer->first_whole = 0;
	writer->whole_len = buffer->len;
	return nlost;
}

int
pgt_writer_lose_file(PgtWriter *writer)
{
	close(writer->fd);
	ReleaseExternalFD();
	writer->fd = -1;
	writer->failing = true;
	return keep_whole_records(writer);
}

static bool
write_buffer(PgtWriter *writer)
{
	const char *data = writer->buffer.data;
	int			left = writer->buffer.len;

	if (pgt_free_space_is_short())
	{
		errno = ENOSPC;
		return false;
	}
	while (left > 0)
	{
		ssize_t		len = write(writer->fd, data, left);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
		{
			if (len == 0)
				errno = ENOSPC;
			return false;
		}
		data += len;
		left -= len;
		writer->bytes += len;
	}
	return true;
}

bool
pgt_writer_flush(PgtWriter *writer, int *nlost)
{
	int			error;

	*nlost = 0;
	errno = ENOENT;
	if (writer->fd >= 0 && (!writer->torn || cut_back(writer)) &&
		write_buffer(writer))
	{
		written(writer);
		return true;
	}
	error = errno;
	writer->torn = true;
	if (writer->fd >= 0)
		(void) cut_back(writer);
	*nlost = keep_whole_records(writer);
	writer->failing = true;
	writer->retry_ns = pgt_clock_now() + RETRY_NS;
	errno = error;
	return false;
}

bool
pgt_writer_is_due(const PgtWriter *writer)
{
	return !writer->failing || pgt_clock_now() >= writer->retry_ns;
}
