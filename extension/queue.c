/*
 * queue.c
 *		One session's queue of records from its backend to the worker.
 *
 * A single-producer, single-consumer ring of bytes in the main shared memory
 * segment.  shm_mq would do the transport, but not three things that the
 * trace rests on: records are built in place, without a copy and without
 * memory that could run out inside a hook; the worker can note how far each
 * queue is filled, then drain the BPF ring buffer, and then consume just up
 * to the noted places, which is what puts both streams into one order; and
 * what a backend has published stays readable after that backend is gone,
 * however it ended.
 *
 * A record never wraps: where it doesn't fit before the end of the ring, a
 * PGT_RECORD_PAD record fills the rest.
 *
 * Any process of the server can write to shared memory, and the worker has
 * capabilities that the others don't.  So it reads each word there once, copies
 * a record before it looks at it, and keeps to itself how far it has read.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "extension/queue.h"

/* A pad record has just these two fields, so that it always fits. */
#define PAD_SIZE	offsetof(PgtRecord, time_ns)

void
pgt_queue_init(PgtQueue *queue)
{
	StaticAssertStmt(PAD_SIZE <= MAXIMUM_ALIGNOF, "pad record too large");

	pg_atomic_init_u64(&queue->head, 0);
	pg_atomic_init_u64(&queue->tail, 0);
	pg_atomic_init_u64(&queue->lost, 0);
}

void
pgt_queue_reset(PgtQueue *queue)
{
	pg_atomic_write_u64(&queue->head, 0);
	pg_atomic_write_u64(&queue->tail, 0);
	pg_atomic_write_u64(&queue->lost, 0);
}

/* Positions are multiples of MAXIMUM_ALIGNOF, whoever has written there. */
static uint64
read_position(pg_atomic_uint64 *position)
{
	return pg_atomic_read_u64(position) & ~(uint64) (MAXIMUM_ALIGNOF - 1);
}

PgtRecord *
pgt_queue_reserve(const PgtQueuePlace *place, uint32 len, uint64 *head)
{
	uint64		start = read_position(&place->queue->head);
	uint64		used = start - pg_atomic_read_u64(&place->queue->tail);
	uint32		offset = start & (place->size - 1);
	uint32		contiguous = place->size - offset;
	uint32		pad = len > contiguous ? contiguous : 0;

	Assert(len == MAXALIGN(len) && len <= PGT_RECORD_MAX);

	if (used + pad + len > place->size)
		return NULL;

	/* the bytes below tail may be overwritten only after tail was read */
	pg_memory_barrier();

	if (pad > 0)
	{
		PgtRecord  *filler = (PgtRecord *) (place->data + offset);

		filler->len = pad;
		filler->type = PGT_RECORD_PAD;
		offset = 0;
	}
	*head = start + pad + len;
	return (PgtRecord *) (place->data + offset);
}

void
pgt_queue_publish(const PgtQueuePlace *place, uint64 head)
{
	pg_write_barrier();
	pg_atomic_write_u64(&place->queue->head, head);
}

bool
pgt_queue_half_full(const PgtQueuePlace *place)
{
	return pg_atomic_read_u64(&place->queue->head) -
		pg_atomic_read_u64(&place->queue->tail) >= place->size / 2;
}

uint64
pgt_queue_room(const PgtQueuePlace *place)
{
	return place->size - (read_position(&place->queue->head) -
						  pg_atomic_read_u64(&place->queue->tail));
}

void
pgt_queue_open(PgtQueueReader *reader, PgtQueuePlace place)
{
	Assert((place.size & (place.size - 1)) == 0 &&
		   place.size >= 4 * PGT_RECORD_MAX);

	reader->place = place;
	reader->tail = read_position(&place.queue->tail);
}

uint64
pgt_queue_head(const PgtQueueReader *reader)
{
	uint64		head = read_position(&reader->place.queue->head);

	pg_read_barrier();
	return head;
}

static void
advance(PgtQueueReader *reader, uint64 tail)
{
	/* reading the record must be over before its room is given back */
	pg_memory_barrier();
	reader->tail = tail;
	pg_atomic_write_u64(&reader->place.queue->tail, tail);
}

/* Could these be the first two fields of a record that has room bytes? */
static bool
is_plausible(const PgtRecord *record, uint64 room)
{
	if (record->len == 0 || record->len != MAXALIGN(record->len) ||
		record->len > room)
		return false;
	return record->type == PGT_RECORD_PAD ||
		(record->len >= sizeof(PgtRecord) && record->len <= PGT_RECORD_MAX);
}

bool
pgt_queue_peek(PgtQueueReader *reader, uint64 head, PgtRecord *record,
			   bool *corrupt)
{
	uint32		size = reader->place.size;

	*corrupt = head - reader->tail > size;
	while (!*corrupt && reader->tail != head)
	{
		uint32		offset = reader->tail & (size - 1);
		const char *at = reader->place.data + offset;
		PgtRecord	first;

		*(uint64 *) &first = *(const volatile uint64 *) at;
		if (!is_plausible(&first, Min(head - reader->tail, size - offset)))
		{
			*corrupt = true;
			break;
		}
		if (first.type != PGT_RECORD_PAD)
		{
			memcpy(record, at, first.len);
			/* what was checked, whatever stands there by now */
			record->len = first.len;
			record->type = first.type;
			return true;
		}
		advance(reader, reader->tail + first.len);
	}
	if (*corrupt)
		advance(reader, head);
	return false;
}

void
pgt_queue_release(PgtQueueReader *reader, const PgtRecord *record)
{
	advance(reader, reader->tail + record->len);
}
