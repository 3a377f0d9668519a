/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * file.bpf.h - which file a wait is for, and which part of it
 *
 * From the arguments of the call that the probe is on, and the kernel's table
 * of the process's open files.
 */
#ifndef PG_TRACE_FILE_H
#define PG_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/ptrace.h>

#include <bpf/bpf_tracing.h>

#include "kernel.bpf.h"
#include "maps.bpf.h"

/* Entries of a vector whose sizes are added up; longer ones have no size. */
#define MAX_VECTOR 32

/* As programs have it, in all kernels: nothing to relocate */
struct iovec {
	void *base;
	__u64 len;
};

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

#endif /* PG_TRACE_FILE_H */
