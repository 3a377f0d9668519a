/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * target.bpf.h - what a wait is for
 *
 * The part of the BPF program that reads, when a wait starts, on what.  Files
 * come from the arguments of the call that the probe is on, and the kernel's
 * table of the process's open files; locks, modes and buffers from the memory
 * of PostgreSQL, where it keeps them for all to see.  Whatever can't be read
 * isn't reported.
 */
#ifndef PG_TRACE_TARGET_H
#define PG_TRACE_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "pg_trace.h"

/* Classes of wait events */
#define CLASS(wait_event_info) ((wait_event_info) >> 24)
#define CLASS_LWLOCK 0x01
#define CLASS_LOCK 0x03
#define CLASS_BUFFER_PIN 0x04
#define CLASS_IO 0x0a

/* Entries of a vector whose sizes are added up; longer ones have no size. */
#define MAX_VECTOR 32

/* Set by the worker before load. */
const volatile struct pgt_layout layout = {};

/* The kernel's, as far as needed; libbpf finds where the members are. */
struct qstr {
	__u64 hash_len;
	const unsigned char *name;
} __attribute__((preserve_access_index));

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
} __attribute__((preserve_access_index));

struct path {
	struct dentry *dentry;
} __attribute__((preserve_access_index));

struct inode {
	unsigned short i_mode;
} __attribute__((preserve_access_index));

struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
	long long f_pos;
} __attribute__((preserve_access_index));

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} __attribute__((preserve_access_index));

struct files_struct {
	struct fdtable *fdt;
} __attribute__((preserve_access_index));

struct sched_info {
	unsigned long long run_delay;
} __attribute__((preserve_access_index));

struct task_struct {
	struct files_struct *files;
	struct sched_info sched_info;
} __attribute__((preserve_access_index));

struct iovec {
	void *base;
	__u64 len;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pgt_wait_target);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} lock_waits SEC(".maps");

/* False also if the name doesn't fit: half a name is none. */
static __always_inline bool read_name(char *to, struct dentry *dentry)
{
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	long len = bpf_probe_read_kernel_str(to, PGT_FILE_NAME_LEN, name);

	return len > 0 && len < PGT_FILE_NAME_LEN;
}

static __always_inline struct file *find_file(__u32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = task->files->fdt;
	struct file *file;

	if (fd >= table->max_fds || bpf_probe_read_kernel(&file, sizeof(file), &table->fd[fd]))
		return NULL;
	return file;
}

static __always_inline void read_vector(struct pgt_file *to, __u64 vector, __u32 count)
{
	struct iovec entry;
	__u64 size = 0;

	if (count > MAX_VECTOR)
		return;
	for (__u32 i = 0; i < MAX_VECTOR && i < count; i++) {
		if (bpf_probe_read_user(&entry, sizeof(entry),
					(void *)(vector + i * sizeof(entry))))
			return;
		size += entry.len;
	}
	to->size = size;
	to->known |= PGT_FILE_HAS_SIZE;
}

static __always_inline void set_place(struct pgt_file *to, __u64 offset, __u64 size)
{
	to->offset = offset;
	to->size = size;
	to->known = PGT_FILE_HAS_OFFSET | PGT_FILE_HAS_SIZE;
}

/*
 * Most waits in a row are for the same file.  Its entry can have been given
 * to another one since, but then the name's hash, which depends on the
 * directory as well, is another one, too.
 */
static __always_inline bool read_names(struct pgt_wait_target *target, struct dentry *dentry)
{
	struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
	__u64 hash = BPF_CORE_READ(dentry, d_name.hash_len);

	if (target->entry == (__u64)dentry && target->parent == (__u64)parent &&
	    target->name_hash == hash)
		return true;
	target->entry = 0;
	if (!read_name(target->file.name, dentry) || !read_name(target->file.directory, parent))
		return false;
	target->entry = (__u64)dentry;
	target->parent = (__u64)parent;
	target->name_hash = hash;
	return true;
}

/* ctx is at a call of the kind file_call. */
static __always_inline void note_file(struct pgt_wait_target *target, struct pt_regs *ctx,
				      __u32 file_call)
{
	struct pgt_file *to = &target->file;
	struct file *file = find_file(PT_REGS_PARM1(ctx));

	if (!file || !read_names(target, BPF_CORE_READ(file, f_path.dentry)))
		return;

	to->known = 0;
	to->reserved = 0;
	switch (file_call) {
	case PGT_FILE_CALL_BUFFER:
		set_place(to, BPF_CORE_READ(file, f_pos), PT_REGS_PARM3(ctx));
		break;
	case PGT_FILE_CALL_BUFFER_OFFSET:
		set_place(to, PT_REGS_PARM4(ctx), PT_REGS_PARM3(ctx));
		break;
	case PGT_FILE_CALL_VECTOR_OFFSET:
		to->offset = PT_REGS_PARM4(ctx);
		to->known = PGT_FILE_HAS_OFFSET;
		read_vector(to, PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx));
		break;
	case PGT_FILE_CALL_OFFSET_SIZE:
		set_place(to, PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx));
		break;
	case PGT_FILE_CALL_SIZE_OFFSET:
		set_place(to, PT_REGS_PARM3(ctx), PT_REGS_PARM2(ctx));
		break;
	case PGT_FILE_CALL_TRUNCATE:
		to->offset = PT_REGS_PARM2(ctx);
		to->known = PGT_FILE_HAS_OFFSET;
		break;
	}
	target->kind = PGT_TARGET_FILE;
}

/* PGPROC.waitLock and waitLockMode are set before the wait is reported. */
static __always_inline void note_lock(struct pgt_wait_target *target,
				      const struct pgt_wait_state *state)
{
	struct pgt_lock *to = &target->other.lock;
	__u64 lock;
	__u32 mode;

	if (bpf_probe_read_user(&lock, sizeof(lock), (void *)(state->address + layout.lock)) ||
	    bpf_probe_read_user(&mode, sizeof(mode), (void *)(state->address + layout.lock_mode)) ||
	    bpf_probe_read_user(to, sizeof(*to), (void *)lock))
		return;
	target->mode = mode;
	target->kind = PGT_TARGET_LOCK;
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
}

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
		return read_pointer(read_pointer(backend) + layout.aio.in_flight) -
		       layout.aio.node;
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
	}
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

/*
 * Which relation the argument of a PGT_SITE_RELATION function leads to.  What
 * PostgreSQL makes up to use a file of an unknown relation has no oid.  A
 * file that is closed, whose structure begins with its number as well, is
 * nobody's until it is opened anew.
 */
static __always_inline bool read_relation(struct pgt_relation *to, __u64 argument, __u32 kind)
{
	bool direct = kind == PGT_RELATION_CLOSED || kind == PGT_RELATION_ITSELF;
	__u64 relation = direct ? argument : argument + layout.relation;

	if (!direct && layout.relation_is_address &&
	    bpf_probe_read_user(&relation, sizeof(relation), (void *)relation))
		return false;
	if (!relation ||
	    bpf_probe_read_user(to, offsetof(struct pgt_relation, oid), (void *)relation))
		return false;
	to->oid = 0;
	return kind == PGT_RELATION_CLOSED ||
	       !bpf_probe_read_user(&to->oid, sizeof(to->oid),
				    (void *)(relation + layout.relation_oid));
}

#endif /* PG_TRACE_TARGET_H */
