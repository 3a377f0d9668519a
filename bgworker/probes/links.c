/*
 * links.c
 *		Attaching the BPF program: what the kernel offers for it.
 *
 * Three ways, which probes/strategy.c chooses from: uprobe_multi links (Linux
 * 6.6), a perf event per uprobe, and a perf event for a hardware watchpoint.
 * A perf event goes with a link of its own (Linux 5.15), so that there is one
 * file descriptor to close, and a cookie that tells the program what it was
 * attached for.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bgworker/probes/compat.h"
#include "bgworker/probes/links.h"

/*
 * No round figure, so that what an application does every millisecond isn't
 * always, or never, in the sample.
 */
#define SAMPLING_PERIOD_NS	1003009

#define UPROBE_PMU	"/sys/bus/event_source/devices/uprobe/type"

int
pgt_link_uprobes(int prog_fd, const char *path, const uint64_t *offsets,
				 const uint64_t *cookies, int count, int pid)
{
	struct pgt_uprobe_multi_attr attr;
	int			fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_fd = prog_fd;
	attr.attach_type = PGT_BPF_TRACE_UPROBE_MULTI;
	attr.path = (uintptr_t) path;
	attr.offsets = (uintptr_t) offsets;
	attr.cookies = (uintptr_t) cookies;
	attr.cnt = count;
	attr.pid = pid;
	fd = pgt_link_create_uprobe_multi(&attr);
	return fd >= 0 ? fd : -errno;
}

/*
 * Open an event, link a program to it, and switch it on.  The link keeps the
 * event.
 */
static int
link_event(int prog_fd, struct perf_event_attr *attr, int pid, int cpu,
		   uint64_t cookie)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
				.perf_event.bpf_cookie = cookie);
	int			event_fd;
	int			rc;

	attr->size = sizeof(*attr);
	attr->disabled = 1;
	event_fd = pgt_perf_event_open(attr, pid, cpu);
	if (event_fd < 0)
		return -errno;

	rc = bpf_link_create(prog_fd, event_fd, BPF_PERF_EVENT, &options);
	if (rc >= 0 && ioctl(event_fd, PERF_EVENT_IOC_ENABLE, 0) != 0)
	{
		int			fd = rc;

		rc = -errno;
		close(fd);
	}
	close(event_fd);
	return rc;
}

/* ----------
 * Uprobes by perf events
 * ----------
 */

/* The type of such events, which the kernel assigns when it starts, or -1 */
static int
uprobe_event_type(void)
{
	FILE	   *file = fopen(UPROBE_PMU, "re");
	int			type = -1;

	if (file == NULL)
		return -1;
	if (fscanf(file, "%d", &type) != 1)
		type = -1;
	fclose(file);
	return type;
}

static int
link_perf_uprobe(int type, int prog_fd, const char *path, uint64_t offset,
				 uint64_t cookie)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.type = type;
	attr.config1 = (uintptr_t) path;	/* uprobe_path */
	attr.config2 = offset;		/* probe_offset */

	/* the program runs on all CPUs, whichever the event is for */
	return link_event(prog_fd, &attr, -1, 0, cookie);
}

int
pgt_link_perf_uprobes(int prog_fd, const char *path, const uint64_t *offsets,
					  const uint64_t *cookies, int count, int *links)
{
	int			type = uprobe_event_type();

	if (type < 0)
		return -EOPNOTSUPP;
	for (int i = 0; i < count; i++)
	{
		links[i] = link_perf_uprobe(type, prog_fd, path, offsets[i],
									cookies[i]);
		if (links[i] < 0)
		{
			int			rc = links[i];

			while (i-- > 0)
				close(links[i]);
			return rc;
		}
	}
	return 0;
}

/* ----------
 * Watchpoints
 * ----------
 */

int
pgt_link_watchpoint(int prog_fd, int pid, uint64_t address, uint64_t cookie)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.type = PERF_TYPE_BREAKPOINT;
	attr.bp_type = HW_BREAKPOINT_W;
	attr.bp_addr = address;
	attr.bp_len = HW_BREAKPOINT_LEN_4;
	attr.sample_period = 1;		/* the program runs at each store */
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	return link_event(prog_fd, &attr, pid, -1, cookie);
}

/*
 * The kernel's clock of the thread's CPU time; it isn't running while the
 * thread sleeps.
 */
int
pgt_link_cpu_clock(int prog_fd, int pid, uint64_t cookie)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	attr.sample_period = SAMPLING_PERIOD_NS;
	return link_event(prog_fd, &attr, pid, -1, cookie);
}
