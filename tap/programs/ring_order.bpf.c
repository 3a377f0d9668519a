// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * ring_order.bpf.c - two senders of one ring buffer, see ring_order.c
 *
 * The slow one is busy between reserving its record and submitting it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define LOOPS (1 << 23)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

int reserved = 0;
__u64 work = 0;

static long be_busy(__u32 index, void *context)
{
	(void)context;
	work += index;
	return 0;
}

static int send(__u64 value, int slow)
{
	__u64 *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record)
		return 1;
	*record = value;
	if (slow) {
		reserved = 1;
		bpf_loop(LOOPS, be_busy, (void *)0, 0);
	}
	bpf_ringbuf_submit(record, 0);
	return 0;
}

SEC("raw_tp")
int send_slowly(void *context)
{
	(void)context;
	return send(1, 1);
}

SEC("raw_tp")
int send_at_once(void *context)
{
	(void)context;
	return send(2, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
