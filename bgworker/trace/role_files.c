/*
 * role_files.c
 *		How many trace files a role has.
 *
 * Whoever may trace but is no superuser could fill the disk by beginning one
 * trace after the other.  The files that are in the directory now are what
 * counts, whatever worker has made them; their names say whose they are.  To
 * read a large directory for each trace would take long, so the number is
 * remembered: files that someone has removed since make it too large, never
 * too small, and it is counted anew where it would refuse a trace.
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "utils/memutils.h"

#include "bgworker/trace/role_files.h"
#include "bgworker/trace/trace_name.h"
#include "extension/clock.h"
#include "extension/guc.h"

/* Not more often than this, as someone may try again and again. */
#define COUNT_INTERVAL_NS	UINT64CONST(1000000000)

typedef struct RoleFiles
{
	Oid			role;
	int			nfiles;
	uint64		counted_ns;		/* when they were; 0: not yet */
} RoleFiles;

static RoleFiles *roles = NULL; /* [nroles] */
static int	nroles = 0;

/* The directory that all this is about */
static dev_t device;
static ino_t inode;

static void
forget_other_directory(int directory_fd)
{
	struct stat st;

	if (fstat(directory_fd, &st) != 0 ||
		(st.st_dev == device && st.st_ino == inode))
		return;
	device = st.st_dev;
	inode = st.st_ino;
	for (int i = 0; i < nroles; i++)
		roles[i].counted_ns = 0;
}

static RoleFiles *
find(Oid role)
{
	RoleFiles  *files;

	for (int i = 0; i < nroles; i++)
	{
		if (roles[i].role == role)
			return &roles[i];
	}
	if (roles == NULL)
		roles = MemoryContextAlloc(TopMemoryContext, sizeof(RoleFiles));
	else
		roles = repalloc(roles, sizeof(RoleFiles) * (nroles + 1));
	files = &roles[nroles++];
	memset(files, 0, sizeof(RoleFiles));
	files->role = role;
	return files;
}

static void
count(RoleFiles *files, int directory_fd)
{
	int			fd = openat(directory_fd, ".",
							O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR		   *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (directory == NULL)
	{
		if (fd >= 0)
			close(fd);
		return;
	}
	files->nfiles = 0;
	while ((entry = readdir(directory)) != NULL)
	{
		int			pid;
		unsigned	role;

		if (pgt_trace_name_parse(entry->d_name, &pid, &role) &&
			role == files->role)
			files->nfiles++;
	}
	closedir(directory);
	files->counted_ns = pgt_clock_now();
}

bool
pgt_role_files_take(int directory_fd, Oid role)
{
	RoleFiles  *files;

	forget_other_directory(directory_fd);
	files = find(role);
	if (files->counted_ns == 0 ||
		(files->nfiles >= pgt_max_files_per_role &&
		 pgt_clock_now() - files->counted_ns >= COUNT_INTERVAL_NS))
		count(files, directory_fd);
	if (pgt_max_files_per_role > 0 && files->nfiles >= pgt_max_files_per_role)
		return false;
	files->nfiles++;
	return true;
}
