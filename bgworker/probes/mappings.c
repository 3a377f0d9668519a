/*
 * mappings.c
 *		Which files a process has mapped, by /proc/PID/maps.
 *
 * probes/files.c learns by it which libraries a traced process has loaded.
 *
 * A file's name may by now lead to another file, if a package was upgraded
 * under the running server.  So that one is mapped here as well, to compare:
 * /proc/self/maps shows its identity in the same way, also where stat()
 * doesn't, as in the overlay file systems of containers.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "storage/fd.h"

#include "bgworker/probes/mappings.h"

/* Behind the name of a file that has been removed or replaced */
#define DELETED			" (deleted)"

/*
 * Take a line of maps apart.  Returns false if it is of no file.  A newline in
 * a name is shown as \012 there; such a file will not be found.
 */
static bool
parse_mapping(char *line, PgtMapping *mapping)
{
	unsigned long start;
	unsigned long inode;
	unsigned int major;
	unsigned int minor;
	char		mode[5];
	int			name = 0;
	Size		len;
	Size		suffix = strlen(DELETED);

	if (sscanf(line, "%lx-%*x %4s %*x %x:%x %lu %n",
			   &start, mode, &major, &minor, &inode, &name) != 5 ||
		inode == 0 || name == 0 || line[name] != '/')
		return false;

	len = strcspn(line + name, "\n");
	mapping->start = start;
	mapping->id.device = ((uint64) major << 32) | minor;
	mapping->id.inode = inode;
	mapping->executable = mode[2] == 'x';
	mapping->deleted = len > suffix &&
		strncmp(line + name + len - suffix, DELETED, suffix) == 0;
	if (mapping->deleted)
		len -= suffix;
	strlcpy(mapping->name, line + name, Min(len + 1, MAXPGPATH));
	return true;
}

bool
pgt_mappings_read(const char *path, PgtMappingCallback callback, void *arg)
{
	FILE	   *maps = AllocateFile(path, "r");
	char		line[MAXPGPATH + 128];
	PgtMapping	mapping;
	bool		more = true;

	if (maps == NULL)
		return false;
	while (more && fgets(line, sizeof(line), maps) != NULL)
	{
		if (parse_mapping(line, &mapping))
			more = callback(arg, &mapping);
	}
	FreeFile(maps);
	return true;
}

/* ----------
 * The identity of an open file
 * ----------
 */

typedef struct Search
{
	uint64		start;			/* of the mapping that is looked for */
	PgtFileId  *id;
	bool		found;
} Search;

static bool
compare_start(void *arg, const PgtMapping *mapping)
{
	Search	   *search = (Search *) arg;

	search->found = mapping->start == search->start;
	if (search->found)
		*search->id = mapping->id;
	return !search->found;
}

bool
pgt_mappings_identify(int fd, PgtFileId *id)
{
	Size		page = sysconf(_SC_PAGESIZE);
	void	   *address = mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0);
	Search		search = {.start = (uintptr_t) address, .id = id};

	if (address == MAP_FAILED)
		return false;
	(void) pgt_mappings_read("/proc/self/maps", compare_start, &search);
	munmap(address, page);
	return search.found;
}
