/*
 * ring.c
 *		Reads a BPF ring buffer up to a place that was noted before.
 *
 * libbpf has a reader, but it goes on for as long as events come in, and it
 * doesn't say whether it has stopped at the end or at a record that some other
 * process has reserved and not submitted yet, which hides all that come after
 * it.  The worker has to know (rounds.c).  The layout is the kernel's
 * interface: a page with the reader's position, a page with the writers', and
 * the data, mapped twice in a row so that no record wraps.
 *
 * Knows nothing of PostgreSQL and libbpf.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bgworker/probes/ring.h"

int
pgt_ring_open(PgtRing *ring, int map_fd, uint64_t size)
{
	size_t		page = sysconf(_SC_PAGESIZE);
	void	   *mapping;

	ring->consumer = NULL;
	ring->producer = NULL;
	mapping = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (mapping == MAP_FAILED)
		return -errno;
	ring->consumer = mapping;

	mapping = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, map_fd, page);
	if (mapping == MAP_FAILED)
	{
		int			rc = -errno;

		pgt_ring_close(ring);
		return rc;
	}
	ring->producer = mapping;
	ring->data = (const char *) mapping + page;
	ring->size = size;
	return 0;
}

void
pgt_ring_close(PgtRing *ring)
{
	size_t		page = sysconf(_SC_PAGESIZE);

	if (ring->producer != NULL)
		munmap((void *) ring->producer, page + 2 * ring->size);
	if (ring->consumer != NULL)
		munmap(ring->consumer, page);
	ring->producer = NULL;
	ring->consumer = NULL;
}

uint64_t
pgt_ring_end(const PgtRing *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
}

uint64_t
pgt_ring_used(const PgtRing *ring)
{
	return pgt_ring_end(ring) - *ring->consumer;
}

bool
pgt_ring_read(PgtRing *ring, uint64_t end, PgtRingCallback callback, void *arg)
{
	uint64_t	at = *ring->consumer;

	/* an end noted earlier may lie behind; positions are never reduced */
	while ((int64_t) (end - at) > 0)
	{
		const char *record = ring->data + (at & (ring->size - 1));
		uint32_t	head = __atomic_load_n((const uint32_t *) record,
										   __ATOMIC_ACQUIRE);
		uint32_t	len = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (head & BPF_RINGBUF_BUSY_BIT)
			return false;
		if ((head & BPF_RINGBUF_DISCARD_BIT) == 0)
			callback(arg, record + BPF_RINGBUF_HDR_SZ, len);
		at += (len + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		/* the kernel may use the room from now on */
		__atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
	}
	return true;
}
