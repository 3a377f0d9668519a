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

#include <sys/stat.h>

#include "utils/memutils.h"

#include "bgworker/trace/folders.h"
#include "bgworker/trace/role_files.h"
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
	PgtFileScan scan;

	files->nfiles = 0;
	pgt_file_scan_begin(&scan, directory_fd);
	while (pgt_file_scan_next(&scan))
	{
		if (scan.parsed.role == files->role)
			files->nfiles++;
	}
	pgt_file_scan_end(&scan);
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
