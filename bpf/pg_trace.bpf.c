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
 * that changes nothing says nothing.  A finished wait goes to the worker through
 * the ring buffer; whoever's ring buffer is full has the loss counted.  What
 * the wait was for is read at its start, see target.h.
 */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

#include "client.bpf.h"
#include "pg_trace.h"
#include "target.bpf.h"

/* The sizes of all maps are set by the worker before load. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pgt_wait_state);
} sessions SEC(".maps");

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

/*
 * That namespace, 0 if it is the initial one: then finding the pid costs 80 ns less.
 */
const volatile __u64 pid_namespace_dev = 0;
const volatile __u64 pid_namespace_ino = 0;

/*
 * The address of pgt_plan_node (extension/plan_watch.h) in every process that
 * the postmaster has forked; set by the worker before load.
 */
const volatile __u64 plan_node_address = 0;

/* 0 also if it can't be read */
static __always_inline __u64 read_plan_node_word(void)
{
	__u64 word;

	bpf_probe_read_user(&word, sizeof(word), (void *)plan_node_address);
	return word;
}

/* The plan node that is executing, as that word has it */
static __always_inline __u64 read_plan_node(const struct pgt_wait_state *state)
{
	__u64 word = read_plan_node_word();

	return state->multi_word && word == state->multi_base ? state->multi_word : word;
}

/*
 * What the word would be for the node that is going to be executed, if that
 * has no wrapper; else 0.
 *
 *	Node *MultiExecProcNode(PlanState *node);
 */
static __always_inline __u64 find_multi_node(__u64 plan_state)
{
	struct pgt_watched_plan watched;
	struct pgt_watched_node node;
	__u64 estate;
	__u64 plan;
	__u32 id;

	if (bpf_probe_read_user(&watched, sizeof(watched), (void *)layout.watched_plan) ||
	    bpf_probe_read_user(&estate, sizeof(estate),
				(void *)(plan_state + layout.plan_state_state)) ||
	    estate != watched.estate ||
	    bpf_probe_read_user(&plan, sizeof(plan),
				(void *)(plan_state + layout.plan_state_plan)) ||
	    bpf_probe_read_user(&id, sizeof(id), (void *)(plan + layout.plan_node_id)) ||
	    bpf_probe_read_user(&node, sizeof(node),
				(void *)(watched.nodes + (__u64)id * layout.watched_node_size)) ||
	    node.state != plan_state)
		return 0;
	return node.multi_word;
}

/* How long the process has waited for a CPU so far; 0 if nobody wants to know. */
static __always_inline __u64 read_run_delay(const struct pgt_wait_state *state)
{
	struct task_struct *task;

	if (!state->watch_run_delay)
		return 0;
	task = bpf_get_current_task_btf();
	if (!bpf_core_field_exists(task->sched_info.run_delay))
		return 0;
	return task->sched_info.run_delay;
}

/* What the wait that ends was about; PGT_NO_BYTES if not the client. */
static __always_inline __u32 read_client_bytes(const struct pgt_wait_state *state,
					       struct pgt_wait_target *target)
{
	if (state->value == layout.client_read)
		return client_bytes(target, state, false);
	return state->value == layout.client_write ? target->client_bytes : PGT_NO_BYTES;
}

static __always_inline void fill_wait(struct pgt_wait_event *event, struct pgt_wait_state *state,
				      struct pgt_wait_target *target, __u32 slot, __u64 now,
				      __u32 value, __u64 run_delay)
{
	event->start_ns = state->start_ns;
	event->end_ns = now;
	event->generation = state->generation;
	event->slot = slot;
	event->wait_event_info = state->value;
	event->next_value = value;
	event->flags = state->value == PGT_VALUE_UNKNOWN ? PGT_WAIT_FIRST : 0;
	event->target = target->kind;
	event->mode = target->mode;
	event->client_bytes = read_client_bytes(state, target);
	event->plan_node = state->plan_node;
	event->run_delay_start_ns = state->run_delay_ns;
	event->run_delay_end_ns = run_delay;
	state->submitted++;
}

/*
 * No flag to submit: the kernel wakes the worker only if it had read
 * everything before this event, so a burst costs one wakeup.
 */
static __always_inline void submit_wait(struct pgt_wait_state *state,
					struct pgt_wait_target *target, __u32 slot, __u64 now,
					__u32 value, __u64 run_delay)
{
	struct pgt_target_event *event;
	struct pgt_wait_event *plain;

	if (target->kind == PGT_TARGET_NONE) {
		plain = bpf_ringbuf_reserve(&events, sizeof(*plain), 0);
		if (!plain) {
			state->lost++;
			return;
		}
		fill_wait(plain, state, target, slot, now, value, run_delay);
		bpf_ringbuf_submit(plain, 0);
		return;
	}
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		state->lost++;
		return;
	}
	fill_wait(&event->wait, state, target, slot, now, value, run_delay);
	if (target->kind == PGT_TARGET_FILE)
		event->target.file = target->file;
	else
		event->target = target->other;
	bpf_ringbuf_submit(event, 0);
}

/*
 * The relation that the process is going to use a file of, or no longer.  In
 * most cases it is the same as before.
 */
static __always_inline void submit_relation(struct pgt_wait_state *state,
					    struct pgt_wait_target *target, __u32 slot,
					    __u64 argument, __u32 kind)
{
	struct pgt_relation *last = &target->relation;
	struct pgt_relation relation = {};
	struct pgt_target_event *event;

	if (!read_relation(&relation, argument, kind) ||
	    (relation.file == last->file && relation.oid == last->oid &&
	     relation.database == last->database && relation.tablespace == last->tablespace))
		return;
	last->file = 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		state->lost++;
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->target.relation = relation;
	event->wait.end_ns = bpf_ktime_get_ns();
	event->wait.generation = state->generation;
	event->wait.slot = slot;
	event->wait.target = PGT_TARGET_RELATION;
	bpf_ringbuf_submit(event, 0);
	*last = relation;
}

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

	/* The compiler must not choose an address in ctx, and then read. */
	barrier_var(argument);
	barrier_var(second);
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
	__u32 value;
	__u64 run_delay;
	__u64 now;

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

	run_delay = read_run_delay(state);
	now = bpf_ktime_get_ns();
	if (state->value)
		submit_wait(state, target, slot, now, value, run_delay);
	state->run_delay_ns = run_delay;
	state->start_ns = now;
	state->value = value;
	if (value) {
		/* An error may have left the node when the wait ends. */
		state->plan_node = read_plan_node(state);
		note_target(target, state, value, flags, ctx);
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
	if (state)
		observe(state, slot, probe, bpf_get_attach_cookie(ctx), ctx);
}

/* The cookies of these links name the session, those of the next two don't. */
SEC("uprobe")
int wait_site(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct pgt_wait_state *state;
	__u32 slot;

	state = find_state(cookie, &slot);
	if (state)
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
#define SAMPLE_NS     1000000
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
