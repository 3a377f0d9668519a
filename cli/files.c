/*
 * files.c
 *		The files that a command's arguments stand for.
 */
#include "postgres_fe.h"

#include <dirent.h>
#include <sys/stat.h>

#include "common/logging.h"

#include "cli/input.h"
#include "cli/source.h"

/* Folders in folders: a trace directory has one for each day. */
#define MAX_DEPTH	4

static void
add_file(PgtFiles *files, char *name)
{
	files->names = pg_realloc(files->names,
							  (files->n + 1) * sizeof(files->names[0]));
	files->names[files->n++] = name;
}

/* Our own names are longer, but a file may have been renamed. */
static bool
is_trace(const char *name)
{
	static const char *const ends[] = {".trc", ".trc.gz", ".trc.zst"};
	size_t		len = strlen(name);

	for (size_t i = 0; i < lengthof(ends); i++)
	{
		size_t		end_len = strlen(ends[i]);

		if (len > end_len && strcmp(name + len - end_len, ends[i]) == 0)
			return true;
	}
	return false;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/*
 * The trace files in a directory and those in it, by their names.  Links to
 * directories aren't followed.
 */
static bool
add_directory(PgtFiles *files, const char *name, int depth)
{
	DIR		   *directory = opendir(name);
	struct dirent *entry;

	if (directory == NULL)
	{
		pg_log_error("could not open directory \"%s\": %m", name);
		return false;
	}
	while ((entry = readdir(directory)) != NULL)
	{
		char	   *path = psprintf("%s/%s", name, entry->d_name);
		struct stat status;

		if (is_trace(entry->d_name))
		{
			add_file(files, path);
			continue;
		}
		if (entry->d_name[0] != '.' && depth < MAX_DEPTH &&
			lstat(path, &status) == 0 && S_ISDIR(status.st_mode))
			(void) add_directory(files, path, depth + 1);
		pg_free(path);
	}
	closedir(directory);
	return true;
}

static void
find_directory(PgtFiles *files, const char *name)
{
	int			first = files->n;

	if (add_directory(files, name, 0) && files->n == first)
		pg_log_error("there is no trace file in directory \"%s\"", name);
	if (files->n > first)
		qsort(files->names + first, files->n - first, sizeof(char *),
			  compare_names);
	else
		pgt_source_note_missing();
}

void
pgt_files_find(PgtFiles *files, char **arguments, int n)
{
	memset(files, 0, sizeof(*files));
	for (int i = 0; i < n; i++)
	{
		struct stat status;

		if (strcmp(arguments[i], "-") != 0 &&
			stat(arguments[i], &status) == 0 && S_ISDIR(status.st_mode))
			find_directory(files, arguments[i]);
		else
			add_file(files, pg_strdup(arguments[i]));
	}
}

void
pgt_files_free(PgtFiles *files)
{
	for (int i = 0; i < files->n; i++)
		pg_free(files->names[i]);
	pg_free(files->names);
}
