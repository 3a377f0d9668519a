/*
 * links.h
 *		Attaching the BPF program: what the kernel offers for it.
 *
 * Knows nothing of PostgreSQL, and of libbpf only its wrapper of bpf(2).  Each
 * link is a file descriptor, and is detached when that is closed, best by a
 * closer (closer.h).
 */
#ifndef PGT_PROBES_LINKS_H
#define PGT_PROBES_LINKS_H

#include <stdint.h>

/*
 * A uprobe_multi link: uprobes at count offsets of a file, each with its
 * cookie, in process pid, or in all processes if pid is 0.  Returns the link,
 * or a negative errno.
 */
extern int	pgt_link_uprobes(int prog_fd, const char *path,
							 const uint64_t *offsets,
							 const uint64_t *cookies, int count, int pid);

/*
 * Uprobes at count offsets of a file in all processes, by a perf event each,
 * whose links go to links.  Returns 0, or a negative errno, and then there is
 * none.  Needs CAP_SYS_ADMIN in newer kernels.
 */
extern int	pgt_link_perf_uprobes(int prog_fd, const char *path,
								  const uint64_t *offsets,
								  const uint64_t *cookies, int count,
								  int *links);

/*
 * A hardware watchpoint: the program runs after each store of a process's
 * main thread to a word of 4 bytes.  Returns the link, or a negative errno;
 * ENOSPC is that the processor's registers for this are used up.
 */
extern int	pgt_link_watchpoint(int prog_fd, int pid, uint64_t address,
								uint64_t cookie);

/*
 * The program runs about every millisecond of a process's main thread's CPU
 * time, whatever that does then.  Returns the link, or a negative errno.
 */
extern int	pgt_link_cpu_clock(int prog_fd, int pid, uint64_t cookie);

#endif							/* PGT_PROBES_LINKS_H */
