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
 */
#include "postgres.h"

#include "extension/queue.h"

/* A pad record has just these two fields, so that it always fits. */
#define PAD_SIZE	offsetof(PgtRecord, time_ns)

void
pgt_queue_init(PgtQueue *queue, char *data, uint32 size)
{
	Assert((size & (size - 1)) == 0 && size >= 4 * PGT_RECORD_MAX);
	StaticAssertStmt(PAD_SIZE <= MAXIMUM_ALIGNOF, "pad record too large");

	queue->size = size;
	queue->data = data;
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

PgtRecord *
pgt_queue_reserve(PgtQueue *queue, uint32 len, uint64 *head)
{
	uint64		start = pg_atomic_read_u64(&queue->head);
	uint64		used = start - pg_atomic_read_u64(&queue->tail);
	uint32		offset = start & (queue->size - 1);
	uint32		contiguous = queue->size - offset;
	uint32		pad = len > contiguous ? contiguous : 0;

	Assert(len == MAXALIGN(len) && len <= PGT_RECORD_MAX);

	if (used + pad + len > queue->size)
		return NULL;

	/* the bytes below tail may be overwritten only after tail was read */
	pg_memory_barrier();

	if (pad > 0)
	{
		PgtRecord  *filler = (PgtRecord *) (queue->data + offset);

		filler->len = pad;
		filler->type = PGT_RECORD_PAD;
		offset = 0;
	}
	*head = start + pad + len;
	return (PgtRecord *) (queue->data + offset);
}

void
pgt_queue_publish(PgtQueue *queue, uint64 head)
{
	pg_write_barrier();
	pg_atomic_write_u64(&queue->head, head);
}

bool
pgt_queue_half_full(PgtQueue *queue)
{
	return pg_atomic_read_u64(&queue->head) -
		pg_atomic_read_u64(&queue->tail) >= queue->size / 2;
}

uint64
pgt_queue_room(PgtQueue *queue)
{
	return queue->size - (pg_atomic_read_u64(&queue->head) -
						  pg_atomic_read_u64(&queue->tail));
}

uint64
pgt_queue_head(PgtQueue *queue)
{
	uint64		head = pg_atomic_read_u64(&queue->head);

	pg_read_barrier();
	return head;
}

const PgtRecord *
pgt_queue_peek(PgtQueue *queue, uint64 head, bool *corrupt)
{
	*corrupt = false;

	for (;;)
	{
		uint64		tail = pg_atomic_read_u64(&queue->tail);
		uint32		offset = tail & (queue->size - 1);
		uint64		left = Min(head - tail, queue->size - offset);
		const PgtRecord *record;

		if (tail == head)
			return NULL;

		record = (const PgtRecord *) (queue->data + offset);
		if (left < PAD_SIZE || record->len != MAXALIGN(record->len) ||
			record->len > left || record->len == 0 ||
			(record->type != PGT_RECORD_PAD &&
			 record->len < sizeof(PgtRecord)))
		{
			*corrupt = true;
			pg_atomic_write_u64(&queue->tail, head);
			return NULL;
		}
		if (record->type != PGT_RECORD_PAD)
			return record;
		pgt_queue_release(queue, record);
	}
}

void
pgt_queue_release(PgtQueue *queue, const PgtRecord *record)
{
	uint64		tail = pg_atomic_read_u64(&queue->tail);

	/* reading the record must be over before its room is given back */
	pg_memory_barrier();
	pg_atomic_write_u64(&queue->tail, tail + record->len);
}
