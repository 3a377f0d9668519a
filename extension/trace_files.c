/*
 * trace_files.c
 *		The trace files over SQL: the view pg_trace_files, and pg_trace_remove().
 *
 * Both look at the directory itself; what bgworker/trace/ knows of its folders,
 * names and locks is used here as well.  Who may see or remove a file depends
 * on who began the trace, which is in the file's name.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "bgworker/trace/directory.h"
#include "bgworker/trace/file_lock.h"
#include "bgworker/trace/folders.h"
#include "bgworker/trace/grammar.h"
#include "bgworker/trace/head.h"
#include "extension/compat.h"
#include "extension/session.h"

PGT_FUNCTION(pg_trace_files);
PGT_FUNCTION(pg_trace_remove);

/* The directory; path (MAXPGPATH bytes) receives its name. */
static int
open_directory(char *path)
{
	char		error[MAXPGPATH + 256];
	int			fd;

	pgt_session_check_loaded();
	fd = pgt_trace_directory_open(path, error, sizeof(error));
	if (fd < 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s", error)));
	return fd;
}

/* ----------
 * The view
 * ----------
 */

#define FILES_COLUMNS	10

/* The rule of pg_trace_status; nobody but a superuser began what has no role. */
static bool
may_see(Oid role)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		(OidIsValid(role) && has_privs_of_role(GetUserId(), role));
}

static TimestampTz
timestamp_of(const struct timespec *time)
{
	return time_t_to_timestamptz(time->tv_sec) + time->tv_nsec / 1000;
}

/*
 * A name from the file's head; null if it is empty.  It is in the encoding of
 * the database that was traced, which may be another one.
 */
static void
set_name(Datum *value, bool *null, const char *name, size_t len)
{
	char	   *copy;

	*null = name == NULL || len == 0;
	if (*null)
		return;
	copy = pnstrdup(name, len);
	if (!pg_verify_mbstr(GetDatabaseEncoding(), copy, len, true))
	{
		for (char *p = copy; *p != '\0'; p++)
		{
			if (IS_HIGHBIT_SET(*p))
				*p = '?';
		}
	}
	*value = CStringGetTextDatum(copy);
}

static void
put_file(ReturnSetInfo *result, const PgtFileScan *file)
{
	Datum		values[FILES_COLUMNS] = {0};
	bool		nulls[FILES_COLUMNS] = {0};
	char		error[MAXPGPATH];
	char		head[PGT_HEAD_LEN];
	struct timespec began = {.tv_sec = file->parsed.began};
	struct stat st;
	const char *name;
	size_t		len;
	bool		active;
	int			fd = pgt_folder_open_file(file->folder_fd, file->name, O_RDONLY,
										  error, sizeof(error));
	int			i = 0;

	/* what isn't ours isn't shown; nor what was removed just now */
	if (fd < 0 || fstat(fd, &st) != 0)
	{
		if (fd >= 0)
			close(fd);
		return;
	}
	active = pgt_file_is_locked(fd);
	pgt_head_read(fd, file->parsed.compressed, head);
	close(fd);

	values[i++] = CStringGetTextDatum(psprintf("%s/%s", file->folder,
											   file->name));
	values[i++] = Int32GetDatum(file->parsed.pid);
	values[i++] = TimestampTzGetDatum(timestamp_of(&began));
	nulls[i] = active;
	values[i++] = TimestampTzGetDatum(timestamp_of(&st.st_mtim));
	values[i++] = Int64GetDatum(st.st_size);
	values[i++] = CStringGetTextDatum(active ? "active" :
									  file->parsed.compressed ? "compressed" :
									  "closed");
	name = OidIsValid(file->parsed.role) ?
		GetUserNameFromId(file->parsed.role, true) : NULL;
	set_name(&values[i], &nulls[i], name, name == NULL ? 0 : strlen(name));
	i++;
	len = pgt_head_field(head, PGT_HEAD_DATABASE, &name);
	set_name(&values[i], &nulls[i], name, len);
	i++;
	len = pgt_head_field(head, PGT_HEAD_USER, &name);
	set_name(&values[i], &nulls[i], name, len);
	i++;
	len = pgt_head_context(head, PGT_NOTE_MODULE, &name);
	set_name(&values[i], &nulls[i], name, len);
	i++;
	Assert(i == FILES_COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* There may be very many, each of which takes some memory. */
static void
put_files(ReturnSetInfo *result, PgtFileScan *scan)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pg_trace_files",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);

	while (pgt_file_scan_next(scan))
	{
		CHECK_FOR_INTERRUPTS();
		if (!may_see(scan->parsed.role))
			continue;
		put_file(result, scan);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

Datum
pg_trace_files(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char		path[MAXPGPATH];
	PgtFileScan scan;
	int			fd;

	InitMaterializedSRF(fcinfo, 0);
	fd = open_directory(path);
	pgt_file_scan_begin(&scan, fd);
	PG_TRY();
	{
		put_files(result, &scan);
	}
	PG_FINALLY();
	{
		pgt_file_scan_end(&scan);
		close(fd);
	}
	PG_END_TRY();
	return (Datum) 0;
}

/* ----------
 * Removing
 * ----------
 */

/* A file's name, taken apart */
typedef struct FileArgument
{
	const char *given;
	char		folder[PGT_TRACE_FOLDER_LEN];
	char		name[PGT_TRACE_NAME_LEN + sizeof(PGT_COMPRESSED_SUFFIX)];
	PgtTraceName parsed;
} FileArgument;

/*
 * <folder>/<name> as the view shows it, or the path that pg_trace_session()
 * has returned: nothing else than a name of a trace file in one of its folders,
 * so nothing leads elsewhere.
 */
static void
take_argument(FileArgument *file, const char *given, const char *directory)
{
	size_t		directory_len = strlen(directory);
	const char *slash;
	PgtTraceFolder folder;

	file->given = given;
	if (strncmp(given, directory, directory_len) == 0 &&
		given[directory_len] == '/')
		given += directory_len + 1;
	slash = strchr(given, '/');
	if (slash != NULL && slash - given < PGT_TRACE_FOLDER_LEN &&
		strlen(slash + 1) < PGT_TRACE_NAME_LEN)
	{
		snprintf(file->folder, sizeof(file->folder), "%.*s",
				 (int) (slash - given), given);
		strlcpy(file->name, slash + 1, sizeof(file->name));
		if (pgt_trace_folder_parse(file->folder, &folder) &&
			pgt_trace_name_parse(file->name, &file->parsed))
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not the name of a trace file", file->given),
			 errhint("See pg_trace_files for the names of the files that are there.")));
}

static void
check_privilege(Oid role)
{
	if (superuser())
		return;
	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be a superuser to remove the file of a trace that a superuser began")));
	if (!has_privs_of_role(GetUserId(), role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be a member of the role that began the trace")));
}

/*
 * Remove the file of that name in its folder, and return its size; -1 if there
 * is none.
 */
static int64
remove_file(int folder_fd, const FileArgument *file)
{
	char		error[MAXPGPATH];
	struct stat st;
	bool		locked;
	bool		removed;
	int			fd;

	if (fstatat(folder_fd, file->name, &st, AT_SYMLINK_NOFOLLOW) != 0 &&
		errno == ENOENT)
		return -1;
	fd = pgt_folder_open_file(folder_fd, file->name, O_RDWR, error,
							  sizeof(error));
	if (fd < 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("could not remove trace file \"%s\": %s", file->given,
						error)));
	locked = pgt_file_lock(fd);
	removed = locked && unlinkat(folder_fd, file->name, 0) == 0;
	if (!removed)
	{
		int			save_errno = errno;

		close(fd);
		errno = save_errno;
	}
	if (!locked && (errno == EAGAIN || errno == EACCES))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("trace file \"%s\" is being written", file->given),
				 errhint("End its trace with SELECT pg_trace_session(%d, false).",
						 file->parsed.pid)));
	if (!removed && errno != ENOENT)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not remove trace file \"%s\": %m", file->given)));
	if (!removed)
		return -1;
	st.st_size = fstat(fd, &st) == 0 ? st.st_size : 0;
	close(fd);
	return st.st_size;
}

Datum
pg_trace_remove(PG_FUNCTION_ARGS)
{
	char		path[MAXPGPATH];
	FileArgument file;
	volatile int folder_fd = -1;
	volatile int64 size = -1;
	int			fd = open_directory(path);

	PG_TRY();
	{
		take_argument(&file, text_to_cstring(PG_GETARG_TEXT_PP(0)), path);
		check_privilege(file.parsed.role);
		folder_fd = pgt_folder_open(fd, file.folder);
		if (folder_fd >= 0)
			size = remove_file(folder_fd, &file);
		/* it may have been compressed since it got its name */
		if (folder_fd >= 0 && size < 0 && !file.parsed.compressed)
		{
			strlcat(file.name, PGT_COMPRESSED_SUFFIX, sizeof(file.name));
			size = remove_file(folder_fd, &file);
		}
	}
	PG_FINALLY();
	{
		if (folder_fd >= 0)
			close(folder_fd);
		close(fd);
	}
	PG_END_TRY();
	if (size < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("there is no trace file \"%s\"", file.given),
				 errhint("See pg_trace_files for the names of the files that are there.")));
	PG_RETURN_INT64(size);
}
