/*
 * attach.c
 *		Attaches one kind of probes to a process, or to all.
 *
 * Between probes/strategy.c, which decides, and probes/links.c, which asks the
 * kernel: keeps the links of each process and file, and those that are for all
 * processes, within what file descriptors the worker may use.
 */
#include "postgres.h"

#include <bpf/bpf.h>

#include "storage/fd.h"
#include "utils/memutils.h"

#include "bgworker/probes/attach.h"
#include "bgworker/probes/closer.h"
#include "bgworker/probes/links.h"
#include "extension/privilege.h"

static void
close_link(PgtAttacher *attacher, int *link)
{
	if (*link < 0)
		return;
	pgt_closer_close(attacher->closer, *link);
	ReleaseExternalFD();
	*link = -1;
}

static uint64_t *
make_cookies(const PgtProbeFile *file, uint64 session)
{
	uint64_t   *cookies = palloc(sizeof(uint64_t) * file->nprobes);

	for (int i = 0; i < file->nprobes; i++)
		cookies[i] = session | file->flags[i];
	return cookies;
}

static int
link_uprobes(const PgtAttacher *attacher, enum pgt_probe probe,
			 const PgtProbeFile *file, uint64 session, int pid)
{
	uint64_t   *cookies;
	int			rc;

	if (!AcquireExternalFD())
		return -EMFILE;
	cookies = make_cookies(file, session);
	rc = pgt_link_uprobes(attacher->program->programs[probe], file->path,
						  file->offsets, cookies, file->nprobes, pid);
	pfree(cookies);
	if (rc < 0)
		ReleaseExternalFD();
	return rc;
}

static int
link_perf_uprobes(const PgtAttacher *attacher, const PgtProbeFile *file,
				  uint64 number, int *links)
{
	int			nprobes = file->nprobes;
	int			nreserved = 0;
	int			rc = 0;

	while (rc == 0 && nreserved < nprobes)
	{
		if (AcquireExternalFD())
			nreserved++;
		else
			rc = -EMFILE;
	}
	if (rc == 0)
	{
		uint64_t   *cookies = make_cookies(file, number);

		pgt_privilege_use_admin(true);
		rc = pgt_link_perf_uprobes(attacher->program->programs[PGT_PROBE_PERF_UPROBE],
								   file->path, file->offsets, cookies, nprobes,
								   links);
		pgt_privilege_use_admin(false);
		pfree(cookies);
	}
	while (rc != 0 && nreserved-- > 0)
		ReleaseExternalFD();
	return rc;
}

/* Can a file's waits be seen by uprobes, if not by all that there should be? */
static bool
has_sites(const PgtProbeFile *file)
{
	return file->sites != NULL && file->sites->nsites > 0;
}

static struct pgt_wait_state *
state_of(const PgtAttacher *attacher, const PgtAttachment *attachment)
{
	return &attacher->program->states[PGT_COOKIE_SLOT(attachment->cookie)];
}

/*
 * Links that are closed go on firing for a while, so those that are attached
 * when there are none have a number of their own.
 */
static void
renumber_own(PgtAttacher *attacher, PgtAttachment *attachment)
{
	for (int i = 0; i < PGT_MAX_PROBE_FILES; i++)
	{
		if (attachment->links[i] >= 0)
			return;
	}
	attachment->number++;
	state_of(attacher, attachment)->own_number = attachment->number;
}

static void
renumber_common(PgtAttacher *attacher)
{
	for (int i = 0; i < PGT_MAX_PROBE_FILES; i++)
	{
		if (attacher->common[i].nlinks > 0)
			return;
	}
	attacher->number++;
}

/* The first of the files in mask that fails; 0 if none does. */
static int
attach_own(PgtAttacher *attacher, PgtAttachment *attachment, uint32 mask)
{
	renumber_own(attacher, attachment);
	for (int i = 0; i < PGT_MAX_PROBE_FILES; i++)
	{
		int			fd;

		if ((mask & (1U << i)) == 0 || attachment->links[i] >= 0 ||
			!has_sites(pgt_probe_file(attacher->files, i)))
			continue;
		fd = link_uprobes(attacher, PGT_PROBE_UPROBE,
						  pgt_probe_file(attacher->files, i),
						  attachment->cookie |
						  PGT_COOKIE_NUMBER(attachment->number),
						  attachment->process.pid);
		if (fd < 0)
			return fd;
		attachment->links[i] = fd;
	}
	return 0;
}

static int
attach_common(PgtAttacher *attacher, enum pgt_probe probe, uint32 mask)
{
	uint64		number;

	renumber_common(attacher);
	number = PGT_COOKIE_NUMBER(attacher->number);
	for (int i = 0; i < PGT_MAX_PROBE_FILES; i++)
	{
		PgtCommonLinks *common = &attacher->common[i];
		const PgtProbeFile *file;
		int			nlinks;
		int			rc;

		if ((mask & (1U << i)) == 0 || common->nlinks > 0 ||
			!has_sites(pgt_probe_file(attacher->files, i)))
			continue;
		file = pgt_probe_file(attacher->files, i);
		nlinks = probe == PGT_PROBE_PERF_UPROBE ? file->nprobes : 1;
		if (common->links == NULL)
			common->links = MemoryContextAlloc(TopMemoryContext,
											   sizeof(int) * nlinks);
		if (probe == PGT_PROBE_PERF_UPROBE)
			rc = link_perf_uprobes(attacher, file, number, common->links);
		else
			rc = common->links[0] = link_uprobes(attacher, probe, file, number,
												 0);
		if (rc < 0)
			return rc;
		common->nlinks = nlinks;
	}
	return 0;
}

int
pgt_attach(PgtAttacher *attacher, PgtAttachment *attachment,
		   enum pgt_probe probe, uint32 mask)
{
	__u32		pid = attachment->process.pid;
	int			rc;

	switch (probe)
	{
		case PGT_PROBE_UPROBE:
			return attach_own(attacher, attachment, mask);
		case PGT_PROBE_UPROBE_SHARED:
		case PGT_PROBE_PERF_UPROBE:
			rc = attach_common(attacher, probe, mask);
			state_of(attacher, attachment)->common_number = attacher->number;
			if (rc == 0)
				rc = bpf_map_update_elem(attacher->program->processes,
										 &pid, &attachment->cookie, BPF_ANY);
			return rc;
		case PGT_PROBE_WATCHPOINT:
			if (attachment->watchpoint >= 0)
				return 0;
			if (attachment->process.pointer != NULL)
				return -EADDRNOTAVAIL;
			if (!AcquireExternalFD())
				return -EMFILE;
			rc = pgt_link_watchpoint(attacher->program->programs[probe], pid,
									 (uintptr_t) attachment->process.address,
									 attachment->cookie);
			if (rc < 0)
				ReleaseExternalFD();
			else
				attachment->watchpoint = rc;
			return Min(rc, 0);
		default:
			return -EINVAL;
	}
}

/* The pid may have been given to another process, which is traced as well. */
static void
forget_process(PgtAttacher *attacher, const PgtAttachment *attachment)
{
	__u32		pid = attachment->process.pid;
	__u64		cookie;

	if (bpf_map_lookup_elem(attacher->program->processes, &pid,
							&cookie) == 0 &&
		cookie == attachment->cookie)
		(void) bpf_map_delete_elem(attacher->program->processes, &pid);
}

void
pgt_detach(PgtAttacher *attacher, PgtAttachment *attachment,
		   enum pgt_probe probe)
{
	switch (probe)
	{
		case PGT_PROBE_UPROBE:
			for (int i = 0; i < PGT_MAX_PROBE_FILES; i++)
				close_link(attacher, &attachment->links[i]);
			break;
		case PGT_PROBE_UPROBE_SHARED:
		case PGT_PROBE_PERF_UPROBE:
			forget_process(attacher, attachment);
			break;
		case PGT_PROBE_WATCHPOINT:
			close_link(attacher, &attachment->watchpoint);
			break;
		default:
			break;
	}
}

void
pgt_detach_common(PgtAttacher *attacher)
{
	for (int i = 0; i < PGT_MAX_PROBE_FILES; i++)
	{
		PgtCommonLinks *common = &attacher->common[i];

		for (int j = 0; j < common->nlinks; j++)
			close_link(attacher, &common->links[j]);
		common->nlinks = 0;
	}
}

const char *
pgt_attach_explain(int rc)
{
	static char reason[128];

	if (rc == -EPERM || rc == -EACCES)
		snprintf(reason, sizeof(reason), "the kernel did not permit it: %s",
				 strerror(-rc));
	else
		strlcpy(reason, strerror(-rc), sizeof(reason));
	return reason;
}

/* ----------
 * Opening and closing
 * ----------
 */

void
pgt_attacher_open(PgtAttacher *attacher, const PgtProgram *program)
{
	memset(attacher, 0, sizeof(*attacher));
	attacher->program = program;
	attacher->closer = pgt_closer_start();
	attacher->files = pgt_probe_files_open();
}

void
pgt_attacher_close(PgtAttacher *attacher)
{
	pgt_closer_stop(attacher->closer);
	pgt_probe_files_close(attacher->files);
	for (int i = 0; i < PGT_MAX_PROBE_FILES; i++)
	{
		if (attacher->common[i].links != NULL)
			pfree(attacher->common[i].links);
	}
}

void
pgt_attachment_init(PgtAttachment *attachment)
{
	memset(attachment, 0, sizeof(*attachment));
	attachment->watchpoint = -1;
	for (int i = 0; i < PGT_MAX_PROBE_FILES; i++)
		attachment->links[i] = -1;
}
