/*
 * directory.c
 *		The directory of the trace files.
 *
 * Trace files hold what users have sent, and are written by the server's
 * user, who may write to the database itself.  So nobody else may be able to
 * put another directory or file in the place of ours.  The path is followed
 * one name at a time, and each directory on it checked once it is open.  A
 * relative path begins at the data directory, which the server rests upon
 * anyway, an absolute one at the root.
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"

#include "bgworker/trace/directory.h"
#include "extension/guc.h"
#include "extension/server_folders.h"

/* As many symbolic links may be on the way. */
#define MAX_LINKS		16

/* How a directory on the way is opened: no more than needed to go on from it */
#define STEP_FLAGS		(O_PATH | O_NOFOLLOW | O_CLOEXEC)

/* The way that is left from an open directory */
typedef struct Way
{
	int			fd;
	char		rest[2 * MAXPGPATH];
	int			nlinks;			/* followed so far */
	char	   *error;
	size_t		error_len;
} Way;

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is it where a tablespace is? */
static bool
is_tablespace(const struct stat *st)
{
	DIR		   *links;
	struct dirent *entry;
	bool		found = false;
	char		path[MAXPGPATH];

	snprintf(path, sizeof(path), "%s/pg_tblspc", DataDir);
	links = opendir(path);
	if (links == NULL)
		return false;
	while (!found && (entry = readdir(links)) != NULL)
	{
		struct stat target;

		found = entry->d_name[0] != '.' &&
			fstatat(dirfd(links), entry->d_name, &target, 0) == 0 &&
			same_file(st, &target);
	}
	closedir(links);
	return found;
}

/* Is it one of the server's own, whatever path has led there? */
static bool
is_servers_own(const struct stat *st)
{
	for (int i = 0; pgt_server_folders[i] != NULL; i++)
	{
		char		path[MAXPGPATH];
		struct stat own;

		snprintf(path, sizeof(path), "%s/%s", DataDir,
				 pgt_server_folders[i]);
		if (stat(path, &own) == 0 && same_file(st, &own))
			return true;
	}
	return is_tablespace(st);
}

static bool
is_data_directory(const struct stat *st)
{
	struct stat own;

	return stat(DataDir, &own) == 0 && same_file(st, &own);
}

/* Nobody but root and the server's user can have made it. */
static bool
is_trusted(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

/* Whoever else may write there can't exchange what isn't theirs. */
static bool
is_safe_on_the_way(const struct stat *st)
{
	return is_trusted(st) && ((st->st_mode & (S_IWGRP | S_IWOTH)) == 0 ||
							  (st->st_mode & S_ISVTX) != 0);
}

/* Take the next name of the way; false at its end. */
static bool
take_name(Way *way, char name[MAXPGPATH])
{
	size_t		begin;
	size_t		len;

	do
	{
		begin = strspn(way->rest, "/");
		len = strcspn(way->rest + begin, "/");
		if (len == 0)
			return false;
		snprintf(name, MAXPGPATH, "%.*s", (int) len, way->rest + begin);
		memmove(way->rest, way->rest + begin + len,
				strlen(way->rest + begin + len) + 1);
	} while (strcmp(name, ".") == 0);
	return true;
}

/* The way goes on where a link leads to, then with what is left of it. */
static bool
follow_link(Way *way, int link_fd, const char *name)
{
	char		target[MAXPGPATH];
	char		rest[2 * MAXPGPATH];
	ssize_t		len = readlinkat(link_fd, "", target, sizeof(target) - 1);

	if (len < 0)
	{
		snprintf(way->error, way->error_len,
				 "could not read symbolic link \"%s\": %m", name);
		return false;
	}
	target[len] = '\0';
	if (++way->nlinks > MAX_LINKS ||
		snprintf(rest, sizeof(rest), "%s/%s", target,
				 way->rest) >= (int) sizeof(rest))
	{
		snprintf(way->error, way->error_len,
				 "there are too many symbolic links on the way, the last one is \"%s\"",
				 name);
		return false;
	}
	strlcpy(way->rest, rest, sizeof(way->rest));
	if (target[0] == '/')
	{
		close(way->fd);
		way->fd = open("/", STEP_FLAGS | O_DIRECTORY);
	}
	return true;
}

/* Go on to the directory of that name, or follow it if it is a link. */
static bool
step(Way *way, const char *name)
{
	bool		last = way->rest[strspn(way->rest, "/")] == '\0';
	struct stat st;
	int			fd;

	if (last && mkdirat(way->fd, name, S_IRWXU) != 0 && errno != EEXIST)
	{
		snprintf(way->error, way->error_len,
				 "could not create \"%s\": %m", name);
		return false;
	}
	fd = openat(way->fd, name, STEP_FLAGS);
	if (fd < 0 || fstat(fd, &st) != 0)
		snprintf(way->error, way->error_len, "could not open \"%s\": %m",
				 name);
	else if (S_ISLNK(st.st_mode) && is_trusted(&st) && !last)
	{
		bool		followed = follow_link(way, fd, name);

		close(fd);
		return followed;
	}
	else if (S_ISLNK(st.st_mode))
		snprintf(way->error, way->error_len,
				 "could not open \"%s\": symbolic links are followed only on the way to it, and only those of root and the server's user",
				 name);
	else if (!S_ISDIR(st.st_mode))
	{
		errno = ENOTDIR;
		snprintf(way->error, way->error_len, "could not open \"%s\": %m",
				 name);
	}
	else if (!last && !is_safe_on_the_way(&st))
		snprintf(way->error, way->error_len,
				 "directory \"%s\", on the way, must be owned by root or the server's user and writable by nobody else",
				 name);
	else if (is_servers_own(&st))
		snprintf(way->error, way->error_len,
				 "it is in the server's own directory \"%s\"; choose another pg_trace.output_directory",
				 name);
	else
	{
		close(way->fd);
		way->fd = fd;
		return true;
	}
	if (fd >= 0)
		close(fd);
	return false;
}

/* At the end of the way: may traces be written there? */
static bool
check_directory(Way *way)
{
	struct stat st;

	if (fstat(way->fd, &st) != 0)
		snprintf(way->error, way->error_len, "fstat failed: %m");
	else if (is_data_directory(&st))
		strlcpy(way->error,
				"it is the data directory; choose another pg_trace.output_directory",
				way->error_len);
	/* whoever could write into it could have put links there */
	else if (st.st_uid != geteuid() ||
			 (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		strlcpy(way->error,
				"it must be owned by the server's user and writable by nobody else",
				way->error_len);
	else
		return true;
	return false;
}

int
pgt_trace_directory_open(char *path, char *error, size_t error_len)
{
	bool		absolute = is_absolute_path(pgt_output_directory);
	char		reason[MAXPGPATH + 256] = "";
	char		name[MAXPGPATH];
	Way			way = {.error = reason, .error_len = sizeof(reason)};
	bool		arrived = true;
	int			fd = -1;

	strlcpy(way.rest, pgt_output_directory, MAXPGPATH);
	canonicalize_path(way.rest);
	if (absolute)
		strlcpy(path, way.rest, MAXPGPATH);
	else
		snprintf(path, MAXPGPATH, "%s/%s", DataDir, way.rest);

	way.fd = open(absolute ? "/" : DataDir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (arrived && way.fd >= 0 && take_name(&way, name))
		arrived = step(&way, name);
	if (arrived && way.fd >= 0 && check_directory(&way))
		fd = openat(way.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
	{
		if (reason[0] == '\0')
			snprintf(reason, sizeof(reason), "%m");
		snprintf(error, error_len, "could not use directory \"%s\": %s",
				 path, reason);
	}
	if (way.fd >= 0)
		close(way.fd);
	return fd;
}
