/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kernel.bpf.h - the kernel's structures, as far as the BPF program reads them
 *
 * Each has only the members that are read.  libbpf finds where these are in the
 * kernel that runs (CO-RE), by their names and the kernel's own description
 * of its types, so what is missing here, and in which order things stand, makes
 * no difference.  There is no vmlinux.h, which has all types of one kernel: it
 * would have to be made on the machine that builds, whose kernel may give no
 * such description, or to be kept here, 3 MB of it, for these few members.
 *
 * Members are read by BPF_CORE_READ(), a call of a helper for each step, but in
 * three places: what bpf_get_current_task_btf() (Linux 5.11) returns is a pointer
 * whose type the verifier knows, so it checks and allows plain loads from there
 * on, whose faults the kernel catches.  On the way to an open file, which is in
 * each wait for a file, and to the scheduler's figures, that saves four calls each.
 */
#ifndef PG_TRACE_KERNEL_H
#define PG_TRACE_KERNEL_H

#include <linux/types.h>

#include <bpf/bpf_core_read.h>

/* ---- the process ---- */

struct sched_info {
	unsigned long long run_delay;
} __attribute__((preserve_access_index));

struct rq {
	__u64 clock;
	__u64 clock_task;
} __attribute__((preserve_access_index));

struct cfs_rq {
	struct rq *rq;
} __attribute__((preserve_access_index));

struct sched_entity {
	__u64 exec_start;
	__u64 sum_exec_runtime;
	struct cfs_rq *cfs_rq;
} __attribute__((preserve_access_index));

struct task_struct {
	struct sched_entity se;
	struct files_struct *files;
	struct sched_info sched_info;
} __attribute__((preserve_access_index));

/* ---- its open files, see file.bpf.h ---- */

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

/* ---- its connection to the client, see client.bpf.h ---- */

struct sk_buff {
	struct sk_buff *next;
	unsigned int len;
	char cb[48];
} __attribute__((preserve_access_index));

struct sk_buff_head {
	struct sk_buff *next;
} __attribute__((preserve_access_index));

struct unix_skb_parms {
	__u32 consumed;
} __attribute__((preserve_access_index));

struct sock_common {
	unsigned short skc_family;
	unsigned long skc_flags;
} __attribute__((preserve_access_index));

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
} __attribute__((preserve_access_index));

struct tcp_sock {
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 write_seq;
	__u32 snd_una;
} __attribute__((preserve_access_index));

struct unix_sock {
	struct sock *peer;
} __attribute__((preserve_access_index));

struct socket {
	struct sock *sk;
} __attribute__((preserve_access_index));

#endif /* PG_TRACE_KERNEL_H */
