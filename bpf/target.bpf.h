/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * target.bpf.h - what a wait is for
 *
 * The part of the BPF program that reads, when a wait starts, on what.  Files
 * (file.bpf.h) and asynchronous I/O (aio.bpf.h) have their own parts; locks,
 * modes and buffers are read from the memory of PostgreSQL, where it keeps them
 * for all to see.  Whatever can't be read isn't reported.
 */
#ifndef PG_TRACE_TARGET_H
#define PG_TRACE_TARGET_H

#include <linux/ptrace.h>

#include "aio.bpf.h"
#include "file.bpf.h"
#include "maps.bpf.h"

/* Classes of wait events */
#define CLASS(wait_event_info) ((wait_event_info) >> 24)
#define CLASS_LWLOCK 0x01
#define CLASS_LOCK 0x03
#define CLASS_BUFFER_PIN 0x04
#define CLASS_EXTENSION 0x07
#define CLASS_IO 0x0a

/*
 * PGPROC.waitLock, waitLockMode and waitStart are set before the wait is reported.
 * A process that looks for a deadlock waits twice, but for one and the same lock
 * since waitStart.
 */
static __always_inline void note_lock(struct pgt_wait_target *target,
				      const struct pgt_wait_state *state)
{
	struct pgt_lock *to = &target->other.lock;
	__u64 lock, start = 0;
	__u32 mode;

	if (bpf_probe_read_user(&lock, sizeof(lock), (void *)(state->address + layout.lock)) ||
	    bpf_probe_read_user(&mode, sizeof(mode), (void *)(state->address + layout.lock_mode)) ||
	    bpf_probe_read_user(to, sizeof(*to), (void *)lock))
		return;
	bpf_probe_read_user(&start, sizeof(start),
			    (void *)(state->address + layout.lock_wait_start));
	target->other.row_relation = target->row_relation;
	target->other.row_block = target->row_block;
	target->other.row_number = target->row_number;
	target->continued = start && start == target->lock_wait_start;
	target->lock_wait_start = start;
	target->mode = mode;
	target->kind = PGT_TARGET_LOCK;
}

/* XactLockTableWait() is called. */
static __always_inline void note_row(struct pgt_wait_target *target, __u64 relation, __u64 tid)
{
	__u16 number[3]; /* ItemPointerData: block, upper half first, and row */

	target->row_relation = 0;
	target->row_block = 0;
	target->row_number = 0;
	if (!relation || bpf_probe_read_user(&target->row_relation, sizeof(target->row_relation),
					     (void *)(relation + layout.relation_oid)))
		return;
	if (!tid || bpf_probe_read_user(number, sizeof(number), (void *)tid))
		return;
	target->row_block = (__u32)number[0] << 16 | number[1];
	target->row_number = number[2];
}

static __always_inline void note_buffer(struct pgt_wait_target *target,
					const struct pgt_wait_state *state)
{
	__u64 number = target->buffer - 1;

	if (target->buffer <= 0 || target->generation != state->generation ||
	    !layout.buffer_descriptors ||
	    bpf_probe_read_user(
		    &target->other.buffer, sizeof(target->other.buffer),
		    (void *)(layout.buffer_descriptors + number * layout.buffer_descriptor_size)))
		return;
	target->kind = PGT_TARGET_BUFFER;
}

/*
 * Does the process wait for the worker?  The word of an extension's wait is the
 * same for all extensions before PostgreSQL 17.
 */
static __always_inline void note_tracer(struct pgt_wait_target *target)
{
	struct pgt_tracer_wait *to = &target->other.tracer;

	if (bpf_probe_read_user(to, sizeof(*to), (void *)layout.tracer_wait) || !to->since_ns)
		return;
	target->kind = PGT_TARGET_TRACER;
}

/* What was noted of another process is void. */
static __always_inline void renew(struct pgt_wait_target *target,
				  const struct pgt_wait_state *state)
{
	if (target->generation == state->generation)
		return;
	target->generation = state->generation;
	target->buffer = 0;
	target->aio = 0;
	target->client_known = 0;
	target->relation.file = 0;
	target->lock_wait_start = 0;
	target->row_relation = 0;
	target->row_block = 0;
	target->row_number = 0;
}

/*
 * A wait for value begins at state->start_ns.  ctx is NULL if the registers
 * aren't those of a probe on an instruction.
 */
static __always_inline void note_target(struct pgt_wait_target *target,
					const struct pgt_wait_state *state, __u32 value,
					__u64 flags, struct pt_regs *ctx)
{
	target->kind = PGT_TARGET_NONE;
	target->mode = PGT_NO_MODE;
	target->continued = 0;
	switch (CLASS(value)) {
	case CLASS_IO:
		if (is_aio(value))
			note_aio(target, state, value);
		else if (ctx && PGT_SITE_FILE_CALL(flags))
			note_file(target, ctx, PGT_SITE_FILE_CALL(flags));
		break;
	case CLASS_LWLOCK:
		bpf_probe_read_user(&target->mode, sizeof(target->mode),
				    (void *)(state->address + layout.lwlock_mode));
		break;
	case CLASS_LOCK:
		note_lock(target, state);
		break;
	case CLASS_BUFFER_PIN:
		/* else the function that says which one isn't probed, either */
		if (ctx)
			note_buffer(target, state);
		break;
	case CLASS_EXTENSION:
		note_tracer(target);
		break;
	}
}

#endif /* PG_TRACE_TARGET_H */
