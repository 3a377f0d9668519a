/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * pg_trace.h - what the BPF program and the background worker share
 *
 * The BPF program (pg_trace.bpf.c) sends one pgt_wait_event per finished wait
 * through a ring buffer to the worker (bgworker/probes.c).  The worker tells
 * it by the array of pgt_wait_state, which it has mapped, whom to watch.
 * Both sides are built from the same tree at the same time, so the layout
 * needs no version; sizes are asserted all the same.
 */
#ifndef PG_TRACE_BPF_H
#define PG_TRACE_BPF_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/*
 * A link's per-site cookie: which session the link was made for, in which
 * generation of that slot, and what is special about the site.
 */
#define PGT_SITE_RESTART 0x1ULL
#define PGT_COOKIE(generation, slot, flags) \
	(((__u64)(generation) << 32) | ((__u64)(slot) << 8) | (flags))
#define PGT_COOKIE_GENERATION(cookie) ((__u32)((cookie) >> 32))
#define PGT_COOKIE_SLOT(cookie) ((__u32)((cookie) >> 8) & 0xffffff)

/* No wait event has this value; the state of a thread not seen yet. */
#define PGT_VALUE_UNKNOWN 0xffffffffU

enum pgt_wait_flags {
	/*
	 * The first hit since the probes were attached: what was waited for
	 * until now isn't known here.  wait_event_info is PGT_VALUE_UNKNOWN,
	 * next_value what the thread does from now on.
	 */
	PGT_WAIT_FIRST = 1,
};

/* BPF program -> worker, one per finished wait. */
struct pgt_wait_event {
	__u64 start_ns; /* CLOCK_MONOTONIC */
	__u64 end_ns;
	__u32 generation;
	__u32 slot;
	__u32 wait_event_info; /* what was waited for */
	__u32 next_value;      /* the word's value at end_ns, 0 is no wait */
	__u32 flags;           /* enum pgt_wait_flags */
	__u32 reserved;
	__u64 plan_node;          /* the word plan_node_address at start_ns */
	__u64 run_delay_start_ns; /* in the run queue until start_ns, or 0 */
	__u64 run_delay_end_ns;   /* and until end_ns */
};

/*
 * One traced process, indexed by session slot.  address and generation are
 * the worker's, the rest is the BPF program's once generation is set; only
 * one thread, the traced backend, ever runs the program on an entry.
 * Cache lines of their own, so that sessions don't disturb each other.
 */
struct pgt_wait_state {
	__u64 address;    /* of the process's wait_event_info word */
	__u64 start_ns;   /* when the current wait began */
	__u64 submitted;  /* events put into the ring buffer */
	__u64 lost;       /* events that found the ring buffer full */
	__u64 hits;       /* runs of the program */
	__u64 faults;     /* runs in which the word could not be read */
	__u32 value;      /* the word's last value */
	__u32 generation; /* 0: nobody */
	__u64 plan_node;  /* the word plan_node_address at start_ns */

	__u64 run_delay_ns;	   /* in the run queue until start_ns */
	__u64 run_delay_offset; /* in task_struct; 0: run_delay_ns isn't read */
	__u64 reserved[6];
};

_Static_assert(sizeof(struct pgt_wait_event) == 64, "shared record layout");
_Static_assert(sizeof(struct pgt_wait_state) == 128, "whole cache lines");

#endif /* PG_TRACE_BPF_H */
