/*
 * needed.c
 *		A library that will be loaded, and those that it brings along.
 *
 * The first query that is compiled loads the JIT provider, and with it LLVM and
 * ten more libraries.  probes/files.c looks at them when the worker starts, so
 * that no session has to wait for that.  The dynamic loader is not asked, since
 * it would load them; a library is expected where the one that needs it says, or
 * where others are that are loaded already.
 */
#include "postgres.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "bgworker/probes/mappings.h"
#include "bgworker/probes/needed.h"
#include "bgworker/sites/elf/peek.h"

#define MAX_LIBRARIES	64
#define MAX_DIRECTORIES	16

typedef struct Search
{
	char		libraries[MAX_LIBRARIES][MAXPGPATH];	/* their real paths */
	int			nlibraries;
	char		directories[MAX_DIRECTORIES][MAXPGPATH];
	int			ndirectories;
} Search;

static void
add_directory(Search *search, const char *directory, Size len)
{
	char	   *to = search->directories[search->ndirectories];

	if (search->ndirectories == MAX_DIRECTORIES || len == 0 ||
		len >= MAXPGPATH || directory[0] != '/')
		return;
	memcpy(to, directory, len);
	to[len] = '\0';
	for (int i = 0; i < search->ndirectories; i++)
	{
		if (strcmp(search->directories[i], to) == 0)
			return;
	}
	search->ndirectories++;
}

static bool
take_mapping(void *arg, const PgtMapping *mapping)
{
	const char *slash = strrchr(mapping->name, '/');

	if (mapping->executable && strstr(slash, DLSUFFIX) != NULL)
		add_directory(arg, mapping->name, slash - mapping->name);
	return true;
}

/* Returns false if there is no such file. */
static bool
add_library(Search *search, const char *path)
{
	char		real[PATH_MAX];

	if (realpath(path, real) == NULL || strlen(real) >= MAXPGPATH)
		return false;
	for (int i = 0; i < search->nlibraries; i++)
	{
		if (strcmp(search->libraries[i], real) == 0)
			return true;
	}
	if (search->nlibraries < MAX_LIBRARIES)
		strlcpy(search->libraries[search->nlibraries++], real, MAXPGPATH);
	return true;
}

/* Where to look comes first in some files, what to look for in others. */
static void
take_directories(void *arg, const char *list, bool directory)
{
	while (directory && *list != '\0')
	{
		Size		len = strcspn(list, ":");

		add_directory(arg, list, len);
		list += len;
		list += *list == ':';
	}
}

static void
take_needed(void *arg, const char *name, bool directory)
{
	Search	   *search = (Search *) arg;
	char		path[MAXPGPATH];

	for (int i = 0; !directory && i < search->ndirectories; i++)
	{
		snprintf(path, sizeof(path), "%s/%s", search->directories[i], name);
		if (add_library(search, path))
			break;
	}
}

void
pgt_needed_visit(const char *library,
				 void (*visit) (void *arg, const char *path), void *arg)
{
	Search	   *search = palloc0(sizeof(Search));

	(void) pgt_mappings_read("/proc/self/maps", take_mapping, search);
	(void) add_library(search, library);
	for (int i = 0; i < search->nlibraries; i++)
	{
		int			fd = open(search->libraries[i],
							  O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if (fd >= 0)
		{
			pgt_elf_peek_needed(fd, take_directories, search);
			pgt_elf_peek_needed(fd, take_needed, search);
			close(fd);
		}
		visit(arg, search->libraries[i]);
	}
	pfree(search);
}
