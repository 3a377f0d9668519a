/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * event.bpf.h - what is sent to the worker
 *
 * A finished wait, with what it was for; and, through a ring buffer of its own,
 * that a wait for a lock has begun.  If the waits' is full, the loss is counted.
 */
#ifndef PG_TRACE_EVENT_H
#define PG_TRACE_EVENT_H

#include "client.bpf.h"
#include "maps.bpf.h"

/* The time of a run of the program, in ns */
struct clocks {
	__u64 now;
	__u64 cpu;
	__u64 run_delay;
};

/* What the wait that ends was about; PGT_NO_BYTES if not the client. */
static __always_inline __u32 read_client_bytes(const struct pgt_wait_state *state,
					       struct pgt_wait_target *target)
{
	if (state->value == layout.client_read)
		return client_bytes(target, state, false);
	return state->value == layout.client_write ? target->client_bytes : PGT_NO_BYTES;
}

static __always_inline void fill_wait(struct pgt_wait_event *event, struct pgt_wait_state *state,
				      struct pgt_wait_target *target, __u32 slot, __u32 value,
				      const struct clocks *clocks)
{
	event->start_ns = state->start_ns;
	event->end_ns = clocks->now;
	event->generation = state->generation;
	event->slot = slot;
	event->wait_event_info = state->value;
	event->next_value = value;
	event->flags = state->value == PGT_VALUE_UNKNOWN ? PGT_WAIT_FIRST : 0;
	if (target->continued)
		event->flags |= PGT_WAIT_CONTINUED;
	event->target = target->kind;
	event->mode = target->mode;
	event->client_bytes = read_client_bytes(state, target);
	event->plan_node = state->plan_node;
	event->run_delay_start_ns = state->run_delay_ns;
	event->run_delay_end_ns = clocks->run_delay;
	event->cpu_start_ns = state->cpu_ns;
	event->cpu_end_ns = clocks->cpu;
	state->submitted++;
}

/*
 * No flag to submit: the kernel wakes the worker only if it had read
 * everything before this event, so a burst costs one wakeup.
 */
static __always_inline void submit_wait(struct pgt_wait_state *state,
					struct pgt_wait_target *target, __u32 slot, __u32 value,
					const struct clocks *clocks)
{
	struct pgt_target_event *event;
	struct pgt_wait_event *plain;

	if (target->kind == PGT_TARGET_NONE) {
		plain = bpf_ringbuf_reserve(&events, sizeof(*plain), 0);
		if (!plain) {
			state->lost++;
			return;
		}
		fill_wait(plain, state, target, slot, value, clocks);
		bpf_ringbuf_submit(plain, 0);
		return;
	}
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		state->lost++;
		return;
	}
	fill_wait(&event->wait, state, target, slot, value, clocks);
	if (target->kind == PGT_TARGET_FILE)
		event->target.file = target->file;
	else
		event->target = target->other;
	bpf_ringbuf_submit(event, 0);
}

/* Have the worker find out who is in the way, at once. */
static __always_inline void announce_lock_wait(const struct pgt_wait_state *state, __u32 slot)
{
	struct pgt_lock_event *event;

	event = bpf_ringbuf_reserve(&lock_waits, sizeof(*event), 0);
	if (!event)
		return;
	event->start_ns = state->start_ns;
	event->generation = state->generation;
	event->slot = slot;
	bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}

#endif /* PG_TRACE_EVENT_H */
