/*
 * watchpoint.bpf.c - report each write to one word of a process's memory.
 *
 * The program runs on the breakpoint event of a hardware watchpoint. The trap
 * comes after the store and before the thread's next instruction, so the word
 * read here is the one that this very store has left: no write can be missed
 * or seen twice, which a reader outside of the process could not promise.
 *
 * The records have no header of their own because they are two plain 64-bit
 * numbers; struct write_record in watchpoint.c repeats them.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The word's address in the traced process. */
const volatile __u64 word_address = 0;

/* Writes without a record: no room in the ring, or the word was unreadable. */
__u64 failed_reserves = 0;
__u64 failed_reads = 0;

struct write_record {
	__u64 time_ns;	/* CLOCK_MONOTONIC */
	__u64 value;
};

/* 24 bytes a record with its header: 2.8 million writes before a drain. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024 * 1024);
} writes SEC(".maps");

static __always_inline void record_write(__u64 time_ns)
{
	struct write_record *record;
	__u32 value;

	if (bpf_probe_read_user(&value, sizeof(value), (const void *)word_address)) {
		__sync_fetch_and_add(&failed_reads, 1);
		return;
	}

	record = bpf_ringbuf_reserve(&writes, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&failed_reserves, 1);
		return;
	}

	record->time_ns = time_ns;
	record->value = value;
	bpf_ringbuf_submit(record, 0);
}

SEC("perf_event")
int on_write(void *ctx __attribute__((unused)))
{
	record_write(bpf_ktime_get_ns());

	/* Zero: the kernel has no sample of its own to store. */
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
