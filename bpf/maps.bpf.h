/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * maps.bpf.h - what the BPF program shares with the worker
 *
 * The worker (bgworker/probes/program.c) sets the constants, and the sizes of
 * all maps but lock_waits, before it loads the program.
 */
#ifndef PG_TRACE_MAPS_H
#define PG_TRACE_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "pg_trace.h"

/* Program -> worker: pgt_wait_event and pgt_target_event, of all sessions */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* Program -> worker: pgt_lock_event; apart, since the worker reads these at once */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} lock_waits SEC(".maps");

/* Both ways, by session slot: whom to watch, and how that goes */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pgt_wait_state);
} sessions SEC(".maps");

/* By session slot as well, what only the program needs to know */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pgt_wait_target);
} targets SEC(".maps");

/*
 * Of the probes that all processes meet: pid -> PGT_COOKIE of its session,
 * without flags.  The pid is the one in the server's PID namespace.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} processes SEC(".maps");

/* Where PostgreSQL keeps what is read of it */
const volatile struct pgt_layout layout = {};

/* The PID namespace of the server, 0: the first one, where finding the pid costs 80 ns less */
const volatile __u64 pid_namespace_dev = 0;
const volatile __u64 pid_namespace_ino = 0;

/*
 * The address of pgt_plan_node (extension/plan_watch.h) in every process that
 * the postmaster has forked.
 */
const volatile __u64 plan_node_address = 0;

#endif /* PG_TRACE_MAPS_H */
