/*
 * ring.h
 *		Reads a BPF ring buffer up to a place that was noted before.
 */
#ifndef PGT_PROBES_RING_H
#define PGT_PROBES_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The map of a ring buffer, as the kernel shares it with its reader */
typedef struct PgtRing
{
	uint64_t   *consumer;		/* bytes read so far; the reader's */
	const uint64_t *producer;	/* bytes reserved so far; the kernel's */
	const char *data;
	uint64_t	size;			/* of data, a power of two */
} PgtRing;

/* Receives each record.  Must not raise an error. */
typedef void (*PgtRingCallback) (void *arg, const void *data, size_t size);

/* Returns 0 or a negative errno.  size is the map's max_entries. */
extern int	pgt_ring_open(PgtRing *ring, int map_fd, uint64_t size);
extern void pgt_ring_close(PgtRing *ring);

/* The end of what is reserved now. */
extern uint64_t pgt_ring_end(const PgtRing *ring);

/* Bytes that are reserved and not read yet. */
extern uint64_t pgt_ring_used(const PgtRing *ring);

/*
 * Hand what was submitted before end, a result of pgt_ring_end(), to the
 * callback, in order.  Returns false if it had to stop earlier, at a record
 * that is reserved but not submitted yet.
 */
extern bool pgt_ring_read(PgtRing *ring, uint64_t end,
						  PgtRingCallback callback, void *arg);

#endif							/* PGT_PROBES_RING_H */
