/*
 * ring_order.c
 *		What the worker's reader of ring buffers does at a record that one
 *		process has reserved and not submitted yet.
 *
 * Two BPF programs send through one ring buffer, on two CPUs: the slow one
 * reserves its record, is busy for a while, and submits it.  Meanwhile the other
 * one has submitted its own, which comes behind.  Prints what was read:
 *
 *		held=N		readings that could not reach the end, of at least one
 *		early=N		records that were handed over in these
 *		order=...	the records, 1 is the slow one's
 *		cut=1		if a record behind the end that was asked for was left alone
 *		rest=1		and was read the next time
 *
 * usage: ring_order
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bgworker/probes/ring.h"
#include "ring_order.skel.h"
#include "tap/programs/fail.h"

struct seen
{
	int			count;
	char		order[64];
};

static void
take(void *arg, const void *data, size_t size)
{
	struct seen *seen = arg;
	unsigned long long value;

	if (size != sizeof(value) || seen->count + 1 >= (int) sizeof(seen->order))
		fail("a record of %zu bytes", size);
	memcpy(&value, data, size);
	seen->order[seen->count++] = '0' + value;
}

static void
use_cpu(int cpu)
{
	cpu_set_t	set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fail("no CPU %d: %m", cpu);
}

static void
run(const struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);

	if (bpf_prog_test_run_opts(bpf_program__fd(program), &options) != 0 ||
		options.retval != 0)
		fail("the program did not run: %m");
}

static void *
send_slowly(void *arg)
{
	struct ring_order_bpf *skeleton = arg;

	use_cpu(1);
	run(skeleton->progs.send_slowly);
	return NULL;
}

int
main(void)
{
	struct ring_order_bpf *skeleton = ring_order_bpf__open_and_load();
	struct seen seen = {0};
	PgtRing		ring;
	pthread_t	thread;
	uint64_t	end;
	int			held = 0;
	int			early = 0;

	if (skeleton == NULL)
		fail("could not load the programs: %m");
	if (pgt_ring_open(&ring, bpf_map__fd(skeleton->maps.events),
					  bpf_map__max_entries(skeleton->maps.events)) != 0)
		fail("could not open the ring buffer");

	use_cpu(0);
	if (pthread_create(&thread, NULL, send_slowly, skeleton) != 0)
		fail("no thread");
	while (__atomic_load_n(&skeleton->bss->reserved, __ATOMIC_ACQUIRE) == 0)
		sched_yield();
	run(skeleton->progs.send_at_once);

	end = pgt_ring_end(&ring);
	while (!pgt_ring_read(&ring, end, take, &seen))
	{
		held++;
		early = seen.count;
	}
	if (pthread_join(thread, NULL) != 0)
		fail("no end of the thread");
	printf("held=%d early=%d order=%s ", held, early, seen.order);

	/* what comes after the end that was noted is left for the next time */
	memset(&seen, 0, sizeof(seen));
	run(skeleton->progs.send_at_once);
	end = pgt_ring_end(&ring);
	run(skeleton->progs.send_at_once);
	printf("cut=%d ", pgt_ring_read(&ring, end, take, &seen) && seen.count == 1);
	printf("rest=%d\n", pgt_ring_read(&ring, pgt_ring_end(&ring), take, &seen) &&
		   seen.count == 2 && pgt_ring_used(&ring) == 0);

	pgt_ring_close(&ring);
	ring_order_bpf__destroy(skeleton);
	return 0;
}
