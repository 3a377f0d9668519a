/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * aio.bpf.h - which asynchronous I/O a wait is for
 *
 * From PostgreSQL 18 on.  The handle of an I/O, in shared memory, says which
 * blocks it is about; which handle it is, the functions that wait say by their
 * arguments.
 */
#ifndef PG_TRACE_AIO_H
#define PG_TRACE_AIO_H

#include <stdbool.h>
#include <stddef.h>

#include "maps.bpf.h"

/* A wait may be about to begin, for what the arguments say. */
static __always_inline void note_awaited(struct pgt_wait_target *target, __u32 kind, __u64 argument,
					 __u64 second)
{
	__u32 generation[2];
	__u32 index;

	if (kind == PGT_ENTRY_BUFFER) {
		target->buffer = argument;
		return;
	}
	target->aio = kind;
	target->aio_handle = argument;
	target->aio_generation = second;
	if (kind != PGT_ENTRY_AIO_REFERENCE)
		return;
	target->aio = PGT_ENTRY_AIO_UNKNOWN;
	if (bpf_probe_read_user(&index, sizeof(index),
				(void *)(argument + layout.aio.reference_index)) ||
	    bpf_probe_read_user(generation, sizeof(generation),
				(void *)(argument + layout.aio.reference_generation)))
		return;
	target->aio = PGT_ENTRY_AIO_HANDLE;
	target->aio_handle = layout.aio.handles + (__u64)index * layout.aio.handle_size;
	target->aio_generation = (__u64)generation[0] << 32 | generation[1];
}

static __always_inline __u64 read_pointer(__u64 address)
{
	__u64 value;

	return bpf_probe_read_user(&value, sizeof(value), (void *)address) ? 0 : value;
}

/* The handle of the I/O that the wait for value is for, 0 if it isn't known. */
static __always_inline __u64 find_aio(const struct pgt_wait_target *target,
				      const struct pgt_wait_state *state, __u32 value)
{
	__u64 backend = layout.aio.backend;
	__u16 nstaged;

	if (value == layout.aio.submission) {
		backend = read_pointer(backend);
		if (bpf_probe_read_user(&nstaged, sizeof(nstaged),
					(void *)(backend + layout.aio.nstaged)) ||
		    nstaged != 1)
			return 0;
		return read_pointer(backend + layout.aio.staged);
	}
	if (target->generation != state->generation)
		return 0;
	if (target->aio == PGT_ENTRY_AIO_HANDLE)
		return target->aio_handle;
	if (target->aio == PGT_ENTRY_AIO_OLDEST)
		return read_pointer(read_pointer(backend) + layout.aio.in_flight) - layout.aio.node;
	return 0;
}

/* A handle that was recycled meanwhile, by its owner, has another generation. */
static __always_inline void note_aio(struct pgt_wait_target *target,
				     const struct pgt_wait_state *state, __u32 value)
{
	__u64 handle = find_aio(target, state, value);
	__u64 offset = handle - layout.aio.handles;
	struct pgt_aio *to = &target->other.aio;
	__u64 generation;
	__u8 kind;

	if (offset >= (__u64)layout.aio.handle_count * layout.aio.handle_size ||
	    offset % layout.aio.handle_size ||
	    bpf_probe_read_user(&kind, sizeof(kind), (void *)(handle + layout.aio.target)) ||
	    kind != layout.aio.relation_target ||
	    bpf_probe_read_user(to, offsetof(struct pgt_aio, owner),
				(void *)(handle + layout.aio.target_data)) ||
	    bpf_probe_read_user(&to->owner, sizeof(to->owner),
				(void *)(handle + layout.aio.owner)) ||
	    bpf_probe_read_user(&generation, sizeof(generation),
				(void *)(handle + layout.aio.generation)))
		return;
	if (value != layout.aio.submission && target->aio == PGT_ENTRY_AIO_HANDLE &&
	    generation != target->aio_generation)
		return;
	target->kind = PGT_TARGET_AIO;
}

static __always_inline bool is_aio(__u32 value)
{
	return layout.aio.handles &&
	       (value == layout.aio.completion || value == layout.aio.execution ||
		value == layout.aio.submission);
}

#endif /* PG_TRACE_AIO_H */
