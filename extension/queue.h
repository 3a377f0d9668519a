/*
 * queue.h
 *		One session's queue of records from its backend to the worker.
 *
 * After postgres.h or postgres_fe.h: programs that aren't servers can use it, too.
 */
#ifndef PGT_QUEUE_H
#define PGT_QUEUE_H

#include "extension/atomics.h"
#include "extension/record.h"

/*
 * The part that both sides change, in shared memory.  head and tail count
 * bytes since the queue was reset and are never reduced modulo the size; they
 * sit in cache lines of their own.
 */
typedef struct PgtQueue
{
	pg_atomic_uint64 head;		/* end of what is published; the backend's */
	pg_atomic_uint64 lost;		/* records that found no room */
	char		pad1[PG_CACHE_LINE_SIZE - 2 * sizeof(pg_atomic_uint64)];
	pg_atomic_uint64 tail;		/* end of what was consumed; the worker's */
	char		pad2[PG_CACHE_LINE_SIZE - sizeof(pg_atomic_uint64)];
} PgtQueue;

/* Where a queue is: each process's own knowledge, which no other can change. */
typedef struct PgtQueuePlace
{
	PgtQueue   *queue;
	char	   *data;
	uint32		size;			/* of data, a power of two */
} PgtQueuePlace;

/* The worker's side, which takes nothing on trust that is in shared memory */
typedef struct PgtQueueReader
{
	PgtQueuePlace place;
	uint64		tail;
} PgtQueueReader;

extern void pgt_queue_init(PgtQueue *queue);

/* Forget everything in it.  Neither side may be using it. */
extern void pgt_queue_reset(PgtQueue *queue);

/*
 * Backend: room for a record of len bytes (MAXALIGNed, at most
 * PGT_RECORD_MAX), or NULL if there is none at the moment.  *head receives
 * what pgt_queue_publish() must be told.  Nothing is visible to the worker
 * until then.
 */
extern PgtRecord *pgt_queue_reserve(const PgtQueuePlace *place, uint32 len,
									uint64 *head);
extern void pgt_queue_publish(const PgtQueuePlace *place, uint64 head);

/* Backend: is at least half of the queue in use? */
extern bool pgt_queue_half_full(const PgtQueuePlace *place);

/* Backend: how many bytes of it are not in use. */
extern uint64 pgt_queue_room(const PgtQueuePlace *place);

/* Worker: begin to read where the queue was read up to. */
extern void pgt_queue_open(PgtQueueReader *reader, PgtQueuePlace place);

/*
 * Worker: the end of what is published now.  All that the backend did before
 * it published the last record below it is visible after this call.
 */
extern uint64 pgt_queue_head(const PgtQueueReader *reader);

/*
 * Worker: copy the next record below head to record, where there is room for
 * PGT_RECORD_MAX bytes; false if there is none.  Its len and type are those
 * of a record; nothing else has been checked.  *corrupt is set if what stands
 * there can't be a record; the queue is emptied up to head then.  The record
 * is the next one until pgt_queue_release().
 */
extern bool pgt_queue_peek(PgtQueueReader *reader, uint64 head,
						   PgtRecord *record, bool *corrupt);
extern void pgt_queue_release(PgtQueueReader *reader,
							  const PgtRecord *record);

#endif							/* PGT_QUEUE_H */
