/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * client.bpf.h - how many bytes a wait for the client was about
 *
 * The part of the BPF program that asks the kernel's socket.  When a wait for
 * a message of the client's is over, what has arrived of it stands in the
 * socket's receive queue, since the backend reads it only then.  When a wait
 * begins to send, what the client hasn't taken fills the socket.  Only TCP and
 * Unix-domain sockets are understood.
 */
#ifndef PG_TRACE_CLIENT_H
#define PG_TRACE_CLIENT_H

#include <stdbool.h>

#include "file.bpf.h"
#include "kernel.bpf.h"
#include "maps.bpf.h"
#include "target.bpf.h"

#define FILE_TYPE 0170000
#define FILE_SOCKET 0140000

#define FAMILY_UNIX 1
#define FAMILY_INET 2
#define FAMILY_INET6 10

/* enum sock_flags: the other side has sent all, and said so by a number */
#define FLAG_DONE (1UL << 1)

/* Buffers in a Unix-domain socket; more have no sum. */
#define MAX_BUFFERS 64

/* Of the connection to the client, NULL if there is none. */
static __always_inline struct sock *find_client(void)
{
	struct socket *socket;
	struct file *file;
	__u64 port;
	__u32 fd;

	if (bpf_probe_read_user(&port, sizeof(port), (void *)layout.client_port) || !port ||
	    bpf_probe_read_user(&fd, sizeof(fd), (void *)(port + layout.port_socket)))
		return NULL;
	file = find_file(fd);
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & FILE_TYPE) != FILE_SOCKET)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/*
 * The sum of what is in a Unix-domain socket and hasn't been read.  A backend
 * reads all before it waits; a client may have read the first buffer in part.
 */
static __always_inline __u32 count_unix_bytes(struct sock *sk, bool sending)
{
	struct sk_buff *head = (struct sk_buff *)&sk->sk_receive_queue;
	struct sk_buff *buffer = BPF_CORE_READ(sk, sk_receive_queue.next);
	__u32 bytes = 0;
	__u32 consumed;

	if (sending && buffer && buffer != head) {
		struct unix_skb_parms *parms = (struct unix_skb_parms *)&buffer->cb;

		if (bpf_core_field_exists(parms->consumed) &&
		    !bpf_core_read(&consumed, sizeof(consumed), &parms->consumed))
			bytes -= consumed;
	}
	for (int i = 0; i < MAX_BUFFERS && buffer; i++) {
		if (buffer == head)
			return bytes;
		bytes += BPF_CORE_READ(buffer, len);
		buffer = BPF_CORE_READ(buffer, next);
	}
	return PGT_NO_BYTES;
}

static __always_inline __u32 count_bytes(struct sock *sk, bool sending)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	__u32 bytes;

	switch (BPF_CORE_READ(sk, __sk_common.skc_family)) {
	case FAMILY_UNIX:
		if (sending)
			sk = BPF_CORE_READ((struct unix_sock *)sk, peer);
		return sk ? count_unix_bytes(sk, sending) : PGT_NO_BYTES;
	case FAMILY_INET:
	case FAMILY_INET6:
		if (sending)
			return BPF_CORE_READ(tcp, write_seq) - BPF_CORE_READ(tcp, snd_una);
		bytes = BPF_CORE_READ(tcp, rcv_nxt) - BPF_CORE_READ(tcp, copied_seq);
		if (bytes && (BPF_CORE_READ(sk, __sk_common.skc_flags) & FLAG_DONE))
			bytes--;
		return bytes;
	}
	return PGT_NO_BYTES;
}

/* Of a wait of this kind of the process's, at the moment */
static __always_inline __u32 client_bytes(struct pgt_wait_target *target,
					  const struct pgt_wait_state *state, bool sending)
{
	/* the connection lasts as long as the process */
	renew(target, state);
	if (!target->client_known) {
		target->client_known = 1;
		target->client = (__u64)find_client();
	}
	return target->client ? count_bytes((struct sock *)target->client, sending) : PGT_NO_BYTES;
}

#endif /* PG_TRACE_CLIENT_H */
