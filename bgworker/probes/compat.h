/*
 * compat.h
 *		What libbpf and kernel headers of different ages don't have.
 *
 * Debian 12 has libbpf 1.1 and the headers of Linux 6.1; uprobe_multi links
 * came with Linux 6.6 and libbpf 1.3.  The program is built against the old
 * and runs on the new, so the few numbers are repeated here from the kernel's
 * uapi/linux/bpf.h, which never changes them.
 */
#ifndef PGT_PROBES_COMPAT_H
#define PGT_PROBES_COMPAT_H

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/types.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PGT_BPF_TRACE_UPROBE_MULTI	48

#ifndef SYS_pidfd_open
#define SYS_pidfd_open	434
#endif

/* union bpf_attr of BPF_LINK_CREATE, as far as a uprobe_multi link needs it */
struct pgt_uprobe_multi_attr
{
	__u32		prog_fd;
	__u32		target_fd;
	__u32		attach_type;
	__u32		flags;
	__aligned_u64 path;
	__aligned_u64 offsets;		/* of instructions in the file, u64[cnt] */
	__aligned_u64 ref_ctr_offsets;
	__aligned_u64 cookies;		/* u64[cnt] */
	__u32		cnt;
	__u32		uprobe_flags;
	__u32		pid;			/* only this process, in our namespace; 0: all */
	__u32		padding;
};

/* A link's file descriptor, or -1 with errno. */
static inline int
pgt_link_create_uprobe_multi(struct pgt_uprobe_multi_attr *attr)
{
	return (int) syscall(SYS_bpf, BPF_LINK_CREATE, attr, sizeof(*attr));
}

/* A file descriptor, or -1 with errno. */
static inline int
pgt_perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	return (int) syscall(SYS_perf_event_open, attr, pid, cpu, -1,
						 PERF_FLAG_FD_CLOEXEC);
}

/* A file descriptor that becomes readable when the process ends, or -1. */
static inline int
pgt_pidfd_open(pid_t pid)
{
	return (int) syscall(SYS_pidfd_open, pid, 0);
}

#endif							/* PGT_PROBES_COMPAT_H */
