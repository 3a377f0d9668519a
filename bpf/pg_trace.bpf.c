// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * pg_trace.bpf.c - turns stores to a backend's wait_event_info into waits
 *
 * Made to run, in one of the ways that enum pgt_probe lists, right after a
 * store to that word: by uprobes on the instructions that bgworker/sites/sites.c
 * found, each one closely behind a store through PostgreSQL's
 * my_wait_event_info, that is the body of an inlined
 *
 *	static inline void pgstat_report_wait_start(uint32 wait_event_info);
 *	static inline void pgstat_report_wait_end(void);
 *
 * (all supported majors), or by a hardware watchpoint on the word itself.
 * observe() takes nothing from the registers for that.  It reads the word that
 * the backend shows in pg_stat_activity and compares it with the value of the
 * last run: 0 to A starts a wait, A to 0 ends one, A to B does both, and a run
 * that changes nothing says nothing, unless it is at the call that says what a
 * wait is for.  A finished wait goes to the worker (event.bpf.h), with what it
 * was for (target.bpf.h, client.bpf.h) and the plan node (plan_node.bpf.h).
 */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "client.bpf.h"
#include "cpu.bpf.h"
#include "event.bpf.h"
#include "kernel.bpf.h"
#include "maps.bpf.h"
#include "pg_trace.h"
#include "plan_node.bpf.h"
#include "relation.bpf.h"
#include "target.bpf.h"

/*
 * Whether this run is one that counts.  While a session is handed over from
 * one kind of probes to another, both are attached, and of two uprobes on an
 * instruction it isn't known which one runs first.  But whoever sees a change
 * of the word is the first to run after it:
 *
 * - the new probe then takes over, and the old one, if it runs as well, no
 *   longer counts;
 * - the old one leaves that change to the new one, which comes next, if that
 *   has been seen to run; before, it may not have been attached in time.
 *
 * Where nothing changes, the old one counts: a restart is seen once.
 */
static __always_inline int counts(struct pgt_wait_state *state, __u8 probe, int changed)
{
	if (probe == state->owner) {
		if (state->next == probe || !changed || !state->next_seen)
			return 1;
		state->owner = state->next;
		return 0;
	}
	if (probe != state->next)
		return 0;
	state->next_seen = 1;
	if (changed) {
		state->owner = probe;
		state->sees_multi_nodes = 0;
		state->multi_word = 0;
	}
	return changed;
}

/* A run at the start of a function that says something about later waits. */
static __always_inline void observe_call(struct pgt_wait_state *state,
					 struct pgt_wait_target *target, __u32 slot, __u64 flags,
					 struct pt_regs *ctx)
{
	__u32 kind = PGT_SITE_FILE_CALL(flags);
	__u64 argument = PT_REGS_PARM1(ctx);
	__u64 second = PT_REGS_PARM2(ctx);
	__u64 third = PT_REGS_PARM3(ctx);

	/* The compiler must not choose an address in ctx, and then read. */
	barrier_var(argument);
	barrier_var(second);
	barrier_var(third);
	renew(target, state);
	if (flags & PGT_SITE_RELATION) {
		submit_relation(state, target, slot,
				kind == PGT_RELATION_RESULT ? second : argument, kind);
		return;
	}
	switch (kind) {
	case PGT_ENTRY_MULTI_NODE:
		state->multi_base = read_plan_node_word();
		state->multi_word = find_multi_node(argument);
		state->sees_multi_nodes = 1;
		break;
	case PGT_ENTRY_MULTI_NODE_DONE:
		state->multi_word = 0;
		break;
	case PGT_ENTRY_TRANSACTION:
		note_row(target, second, third);
		break;
	default:
		note_awaited(target, kind, argument, second);
		break;
	}
}

/* A process that was just forked gets its PGPROC, and the word there, later. */
static __always_inline void follow_pointer(struct pgt_wait_state *state)
{
	__u64 address;

	if (bpf_probe_read_user(&address, sizeof(address), (void *)state->pointer))
		return;
	state->address = address;
	if (address != layout.local_word)
		state->pointer = 0;
}

/*
 * A probe has run in the process that state is about.  flags are those of the
 * site's cookie; ctx are the registers at the site, NULL if the process isn't
 * at one.
 */
static __always_inline void observe(struct pgt_wait_state *state, __u32 slot, __u8 probe,
				    __u64 flags, struct pt_regs *ctx)
{
	struct pgt_wait_target *target = bpf_map_lookup_elem(&targets, &slot);
	struct clocks clocks;
	__u32 value;

	if (!target)
		return;
	state->hits++;
	if (ctx && (flags & (PGT_SITE_RELATION | PGT_SITE_ENTRY))) {
		if (probe == state->owner)
			observe_call(state, target, slot, flags, ctx);
		return;
	}
	if (state->pointer)
		follow_pointer(state);
	if (bpf_probe_read_user(&value, sizeof(value), (void *)state->address)) {
		state->faults++;
		return;
	}
	if (!counts(state, probe, value != state->value))
		return;

	/*
	 * Where the end of a wait is directly followed by the start of the
	 * next, there is one probe for both, and the same event twice in a row
	 * doesn't change the word.
	 */
	if (value == state->value && !((flags & PGT_SITE_RESTART) && value)) {
		if (ctx && (flags & PGT_SITE_CALL) && CLASS(value) == CLASS_IO &&
		    target->kind == PGT_TARGET_NONE)
			note_file(target, ctx, PGT_SITE_FILE_CALL(flags));
		return;
	}

	clocks.run_delay = read_run_delay(state);
	clocks.now = bpf_ktime_get_ns();
	clocks.cpu = read_cpu_time(state, clocks.now);
	if (state->value == PGT_VALUE_UNKNOWN) {
		target->kind = PGT_TARGET_NONE;
		note_tracer(target);
	}
	if (state->value)
		submit_wait(state, target, slot, value, &clocks);
	state->run_delay_ns = clocks.run_delay;
	state->cpu_ns = clocks.cpu;
	state->start_ns = clocks.now;
	state->value = value;
	state->tracer_reason = PGT_TRACER_NONE;
	if (value) {
		/* An error may have left the node when the wait ends. */
		state->plan_node = read_plan_node(state);
		note_target(target, state, value, flags, ctx);
		if (target->kind == PGT_TARGET_TRACER)
			state->tracer_reason = target->other.tracer.reason;
		if (CLASS(value) == CLASS_LOCK)
			announce_lock_wait(state, slot);
		else if (value == layout.client_write)
			target->client_bytes = client_bytes(target, state, true);
	}
}

/* The session that was meant when cookie was made, NULL if that has ended. */
static __always_inline struct pgt_wait_state *find_state(__u64 cookie, __u32 *slot)
{
	struct pgt_wait_state *state;

	*slot = PGT_COOKIE_SLOT(cookie);
	state = bpf_map_lookup_elem(&sessions, slot);
	/* A link that is still being detached outlives its session. */
	if (!state || state->generation != PGT_COOKIE_GENERATION(cookie))
		return NULL;
	return state;
}

/* A run in any process at all, most of which aren't traced. */
static __always_inline void observe_if_traced(struct pt_regs *ctx, __u8 probe)
{
	struct bpf_pidns_info ids;
	struct pgt_wait_state *state;
	__u64 *cookie;
	__u64 flags;
	__u32 slot;

	if (!pid_namespace_ino)
		ids.tgid = bpf_get_current_pid_tgid() >> 32;
	else if (bpf_get_ns_current_pid_tgid(pid_namespace_dev, pid_namespace_ino, &ids,
					     sizeof(ids)))
		return;
	cookie = bpf_map_lookup_elem(&processes, &ids.tgid);
	if (!cookie)
		return;
	state = find_state(*cookie, &slot);
	if (!state)
		return;
	flags = bpf_get_attach_cookie(ctx);
	if (PGT_COOKIE_NUMBER_OF(flags) == state->common_number)
		observe(state, slot, probe, flags, ctx);
}

/* The cookies of these links name the session, those of the next two don't. */
SEC("uprobe")
int wait_site(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct pgt_wait_state *state;
	__u32 slot;

	state = find_state(cookie, &slot);
	if (state && PGT_COOKIE_NUMBER_OF(cookie) == state->own_number)
		observe(state, slot, PGT_PROBE_UPROBE, cookie, ctx);
	return 0;
}

SEC("uprobe")
int wait_site_shared(struct pt_regs *ctx)
{
	observe_if_traced(ctx, PGT_PROBE_UPROBE_SHARED);
	return 0;
}

SEC("uprobe")
int wait_site_perf(struct pt_regs *ctx)
{
	observe_if_traced(ctx, PGT_PROBE_PERF_UPROBE);
	return 0;
}

/* After each store to the word, whoever made it; the registers are no site's. */
SEC("perf_event")
int wait_store(struct bpf_perf_event_data *ctx)
{
	struct pgt_wait_state *state;
	__u32 slot;

	state = find_state(bpf_get_attach_cookie(ctx), &slot);
	if (state)
		observe(state, slot, PGT_PROBE_WATCHPOINT, 0, NULL);
	return 0;
}

/*
 * About every millisecond of the thread's CPU time: where is it?  CPU time in
 * a wait is part of that wait's duration, so it isn't sampled.  What can't be
 * sent is made up for by the next samples, which stand for that time, too; and
 * so is what came before the first one, which may be much.  That a few share
 * it keeps the chance of one from deciding about all of it.
 */
#define SAMPLE_NS 1000000
#define SAMPLE_MAX_NS (5 * SAMPLE_NS)

SEC("perf_event")
int cpu_sample(struct bpf_perf_event_data *ctx)
{
	struct bpf_perf_event_value cpu;
	struct pgt_wait_state *state;
	struct pgt_wait_event *event;
	__u64 cpu_ns;
	__u32 value;
	__u32 slot;

	state = find_state(bpf_get_attach_cookie(ctx), &slot);
	if (!state)
		return 0;
	if (bpf_perf_prog_read_value(ctx, &cpu, sizeof(cpu)) ||
	    bpf_probe_read_user(&value, sizeof(value), (void *)state->address))
		return 0;
	cpu_ns = cpu.counter - state->sampled_ns;
	if (value) {
		state->sampled_ns += cpu_ns < SAMPLE_NS ? cpu_ns : SAMPLE_NS;
		return 0;
	}
	if (cpu_ns > SAMPLE_MAX_NS)
		cpu_ns = SAMPLE_MAX_NS;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	__builtin_memset(event, 0, sizeof(*event));
	event->end_ns = bpf_ktime_get_ns();
	event->start_ns = event->end_ns - cpu_ns;
	event->generation = state->generation;
	event->slot = slot;
	event->flags = PGT_WAIT_SAMPLE;
	event->plan_node = read_plan_node(state);
	state->sampled_ns += cpu_ns;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
