/*
 * files.c
 *		The files in which waits are reported: the server, and libraries.
 *
 * An extension's library has its own copies of the inlined functions that
 * report waits, if it reports any; it then imports my_wait_event_info.  Which
 * libraries a process has loaded is in its maps (mappings.c).  Each one is
 * opened and analysed (sites.c) once, and remembered by device and inode:
 * those without a wait, nearly all, in a hash table for the worker's life, the
 * others with their sites and open.
 *
 * A session that loads a library waits for that.  So those that every process
 * of the server has, and those of JIT compilation, are looked at beforehand.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jit/jit.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "bgworker/probes/files.h"
#include "bgworker/probes/mappings.h"
#include "bgworker/probes/needed.h"
#include "bpf/pg_trace.h"

/* The path that stays right when the package is upgraded under the server */
#define EXECUTABLE		"/proc/self/exe"

/* Files without waits that are remembered before they are all forgotten */
#define MAX_OTHERS		4096

/*
 * A file without waits.  The number of an inode may be used again for another
 * file; what stat() says of that will differ.
 */
typedef struct Other
{
	PgtFileId	id;				/* key */
	PgtFileId	stat_id;
	struct timespec mtime;
	struct timespec ctime;
	off_t		size;
} Other;

struct PgtProbeFiles
{
	PgtProbeFile *files[PGT_MAX_PROBE_FILES];
	int			nfiles;
	uint32		inherited;		/* mask of those that the postmaster has */
	bool		full;			/* was said to be */
	bool		unreadable;		/* maps of a process, was said to be */
};

static HTAB *others = NULL;		/* Other */

/* ----------
 * Files with waits
 * ----------
 */

static void
report_unknown(PgtProbeFile *file)
{
	const PgtSites *sites = file->sites;

	snprintf(file->problem, sizeof(file->problem),
			 "%d of %d places that may report a wait event are not understood",
			 (int) sites->nunknown, (int) sites->nreferences);
	ereport(LOG,
			(errmsg("%s in \"%s\"", file->problem, file->name),
			 errdetail("First: address 0x%llx: %s",
					   (unsigned long long) sites->unknown[0].addr,
					   sites->unknown[0].reason)));
}

/* Keep the result of an analysis with the file. */
static void
set_sites(PgtProbeFile *file, PgtSites *sites)
{
	int			nsites = sites->nsites;
	Size		size = sizeof(uint64_t) * (nsites + sites->ntargets);

	file->sites = sites;
	file->nprobes = nsites + sites->ntargets;
	file->offsets = MemoryContextAlloc(TopMemoryContext, size);
	file->flags = MemoryContextAlloc(TopMemoryContext, size);
	for (int i = 0; i < nsites; i++)
	{
		const PgtSite *site = &sites->sites[i];

		file->offsets[i] = site->probe_offset;
		file->flags[i] = PGT_SITE_FLAGS(site->file_call, site->restart ?
										PGT_SITE_RESTART : 0);
	}
	for (int i = 0; i < sites->ntargets; i++)
	{
		const PgtTargetSite *target = &sites->targets[i];

		file->offsets[nsites + i] = target->probe_offset;
		file->flags[nsites + i] = PGT_SITE_FLAGS(target->file_call,
												 target->flags);
	}
	if (sites->nunknown > 0)
		report_unknown(file);
}

static PgtProbeFile *
add_file(PgtProbeFiles *files, const PgtMapping *mapping)
{
	PgtProbeFile *file;

	if (files->nfiles == PGT_MAX_PROBE_FILES)
	{
		if (!files->full)
			ereport(LOG,
					(errmsg("waits in \"%s\" are not traced: too many libraries report waits",
							mapping->name)));
		files->full = true;
		return NULL;
	}
	file = MemoryContextAllocZero(TopMemoryContext, sizeof(PgtProbeFile));
	file->fd = -1;
	file->device = mapping->id.device;
	file->inode = mapping->id.inode;
	file->deleted = mapping->deleted;
	strlcpy(file->name, mapping->name, sizeof(file->name));
	files->files[files->nfiles++] = file;
	return file;
}

static void
free_file(PgtProbeFile *file)
{
	if (file->fd >= 0)
	{
		close(file->fd);
		ReleaseExternalFD();
	}
	pgt_sites_free(file->sites);
	if (file->offsets != NULL)
		pfree(file->offsets);
	if (file->flags != NULL)
		pfree(file->flags);
	pfree(file);
}

/* The number of a file that was met before, or -1. */
static int
find_file(const PgtProbeFiles *files, const PgtMapping *mapping)
{
	for (int i = 0; i < files->nfiles; i++)
	{
		const PgtProbeFile *file = files->files[i];

		/* an open file's inode can't be used again, others' can */
		if (file->device == mapping->id.device &&
			file->inode == mapping->id.inode &&
			(file->sites != NULL || file->deleted == mapping->deleted))
			return i;
	}
	return -1;
}

/* ----------
 * Files without waits
 * ----------
 */

static void
create_others(void)
{
	HASHCTL		control = {
		.keysize = sizeof(PgtFileId),
		.entrysize = sizeof(Other),
		.hcxt = TopMemoryContext,
	};

	others = hash_create("pg_trace_bgw files without waits", 128,
						 &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
add_other(const PgtMapping *mapping, const struct stat *status)
{
	Other	   *other;

	if (hash_get_num_entries(others) >= MAX_OTHERS)
	{
		hash_destroy(others);
		create_others();
	}
	other = hash_search(others, &mapping->id, HASH_ENTER, NULL);
	other->stat_id.device = status->st_dev;
	other->stat_id.inode = status->st_ino;
	other->mtime = status->st_mtim;
	other->ctime = status->st_ctim;
	other->size = status->st_size;
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
is_other(const PgtMapping *mapping)
{
	const Other *other = hash_search(others, &mapping->id, HASH_FIND, NULL);
	struct stat status;

	if (other == NULL)
		return false;
	return mapping->deleted || stat(mapping->name, &status) != 0 ||
		(other->stat_id.device == status.st_dev &&
		 other->stat_id.inode == status.st_ino &&
		 same_time(&other->mtime, &status.st_mtim) &&
		 same_time(&other->ctime, &status.st_ctim) &&
		 other->size == status.st_size);
}

/* ----------
 * Meeting a file
 * ----------
 */

/*
 * Look for sites in the file that a mapping's name leads to.  Returns a file
 * descriptor, and *sites if it has any; or -1 with the reason in problem.
 */
static int
analyse(const char *name, struct stat *status, PgtSites **sites,
		char *problem, size_t len)
{
	int			fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int			rc;

	*sites = NULL;
	memset(status, 0, sizeof(*status));
	if (fd < 0 || fstat(fd, status) != 0)
	{
		snprintf(problem, len, "the file can't be opened: %m");
		if (fd >= 0)
			close(fd);
		return -1;
	}

	rc = pgt_sites_find_fd(fd, sites, problem, len);
	/* no dynamic symbol of that name, or none at all */
	if (rc == 0 || rc == -ENODATA || rc == -ENOEXEC)
	{
		problem[0] = '\0';
		return fd;
	}
	close(fd);
	return -1;
}

/* Is it the file that was mapped? */
static bool
is_mapped_file(int fd, const PgtMapping *mapping)
{
	PgtFileId	id;

	return !mapping->deleted && pgt_mappings_identify(fd, &id) &&
		id.device == mapping->id.device && id.inode == mapping->id.inode;
}

/*
 * A mapping of a file that isn't known yet.  Returns the file's number, or -1
 * if it reports no waits.
 */
static int
meet(PgtProbeFiles *files, const PgtMapping *mapping)
{
	char		problem[192] = "";
	struct stat status;
	PgtSites   *sites;
	PgtProbeFile *file;
	int			fd;

	fd = analyse(mapping->name, &status, &sites, problem, sizeof(problem));

	/*
	 * If the file isn't there any more, its successor is taken for like it;
	 * what isn't named like a library was mapped for another purpose.
	 */
	if ((fd >= 0 && sites == NULL) ||
		(fd < 0 && strstr(mapping->name, DLSUFFIX) == NULL))
	{
		add_other(mapping, &status);
		if (fd >= 0)
			close(fd);
		return -1;
	}

	if (fd >= 0 && !is_mapped_file(fd, mapping))
		strlcpy(problem, "the file was replaced since the process loaded it",
				sizeof(problem));
	else if (fd >= 0 && !AcquireExternalFD())
		strlcpy(problem, "too many open files", sizeof(problem));

	file = add_file(files, mapping);
	if (file != NULL && fd >= 0 && problem[0] == '\0')
	{
		file->fd = fd;
		snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", fd);
		set_sites(file, sites);
		return files->nfiles - 1;
	}

	pgt_sites_free(sites);
	if (fd >= 0)
		close(fd);
	if (file == NULL)
		return -1;
	ereport(LOG,
			(errmsg("waits in \"%s\" are not traced: %s",
					mapping->name, problem)));
	strlcpy(file->problem, problem, sizeof(file->problem));
	return files->nfiles - 1;
}

/* ----------
 * Looking up
 * ----------
 */

typedef struct Survey
{
	PgtProbeFiles *files;
	uint32		mask;			/* of those that were seen */
} Survey;

static bool
take_mapping(void *arg, const PgtMapping *mapping)
{
	Survey	   *survey = (Survey *) arg;
	int			i;

	if (!mapping->executable)
		return true;
	i = find_file(survey->files, mapping);
	if (i < 0 && !is_other(mapping))
		i = meet(survey->files, mapping);
	if (i >= 0)
		survey->mask |= 1U << i;
	return true;
}

uint32
pgt_probe_files_of(PgtProbeFiles *files, int pid)
{
	Survey		survey = {.files = files, .mask = 1U << PGT_SERVER_FILE};
	char		path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	if (!pgt_mappings_read(path, take_mapping, &survey) &&
		errno != ENOENT && !files->unreadable)
	{
		files->unreadable = true;
		ereport(LOG,
				(errmsg("waits in libraries are not traced: could not read \"%s\": %m",
						path)));
	}
	return survey.mask;
}

uint32
pgt_probe_files_inherited(const PgtProbeFiles *files)
{
	return files->inherited;
}

const PgtProbeFile *
pgt_probe_file(const PgtProbeFiles *files, int i)
{
	return files->files[i];
}

/* ----------
 * Opening and closing
 * ----------
 */

/* A library that sessions may load */
static void
look_ahead(void *arg, const char *path)
{
	PgtProbeFiles *files = (PgtProbeFiles *) arg;
	PgtMapping	mapping = {.executable = true};
	int			fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool		found = fd >= 0 && pgt_mappings_identify(fd, &mapping.id);

	if (fd >= 0)
		close(fd);
	strlcpy(mapping.name, path, sizeof(mapping.name));
	if (found && find_file(files, &mapping) < 0 && !is_other(&mapping))
		(void) meet(files, &mapping);
}

/* What this process has mapped, the postmaster has, and so all its children. */
static void
look_at_expected(PgtProbeFiles *files)
{
	char		provider[MAXPGPATH];

	files->inherited = pgt_probe_files_of(files, MyProcPid);
	snprintf(provider, sizeof(provider), "%s/%s%s",
			 pkglib_path, jit_provider, DLSUFFIX);
	pgt_needed_visit(provider, look_ahead, files);
}

PgtProbeFiles *
pgt_probe_files_open(void)
{
	PgtProbeFiles *files = MemoryContextAllocZero(TopMemoryContext,
												  sizeof(PgtProbeFiles));
	PgtMapping	mapping = {.name = "the server's executable"};
	PgtProbeFile *file;
	PgtSites   *sites;
	char		reason[128];
	int			fd = open(EXECUTABLE, O_RDONLY | O_CLOEXEC);

	if (others == NULL)
		create_others();
	if (fd >= 0)
	{
		(void) pgt_mappings_identify(fd, &mapping.id);
		close(fd);
	}
	file = add_file(files, &mapping);
	strlcpy(file->path, EXECUTABLE, sizeof(file->path));
	if (pgt_sites_find(EXECUTABLE, &sites, reason, sizeof(reason)) == 0)
		set_sites(file, sites);
	else
		snprintf(file->problem, sizeof(file->problem),
				 "no probe sites were found in the server's executable: %s",
				 reason);
	look_at_expected(files);
	return files;
}

void
pgt_probe_files_close(PgtProbeFiles *files)
{
	if (files == NULL)
		return;
	for (int i = 0; i < files->nfiles; i++)
		free_file(files->files[i]);
	pfree(files);
}
