/*
 * queue.h
 *		One session's queue of records from its backend to the worker.
 */
#ifndef PGT_QUEUE_H
#define PGT_QUEUE_H

#include "port/atomics.h"

#include "extension/event.h"

/*
 * head and tail count bytes since the queue was reset and are never reduced
 * modulo the size; they sit in cache lines of their own.
 */
typedef struct PgtQueue
{
	pg_atomic_uint64 head;		/* end of what is published; the backend's */
	pg_atomic_uint64 lost;		/* records that found no room */
	char		pad1[PG_CACHE_LINE_SIZE - 2 * sizeof(pg_atomic_uint64)];
	pg_atomic_uint64 tail;		/* end of what was consumed; the worker's */
	char		pad2[PG_CACHE_LINE_SIZE - sizeof(pg_atomic_uint64)];
	uint32		size;			/* of data, a power of two */
	char	   *data;
} PgtQueue;

/* Set up an empty queue over size (a power of two) bytes at data. */
extern void pgt_queue_init(PgtQueue *queue, char *data, uint32 size);

/* Forget everything in it.  Neither side may be using it. */
extern void pgt_queue_reset(PgtQueue *queue);

/*
 * Backend: room for a record of len bytes (MAXALIGNed, at most
 * PGT_RECORD_MAX), or NULL if there is none at the moment.  *head receives
 * what pgt_queue_publish() must be told.  Nothing is visible to the worker
 * until then.
 */
extern PgtRecord *pgt_queue_reserve(PgtQueue *queue, uint32 len,
									uint64 *head);
extern void pgt_queue_publish(PgtQueue *queue, uint64 head);

/* Backend: is at least half of the queue in use? */
extern bool pgt_queue_half_full(PgtQueue *queue);

/* Backend: how many bytes of it are not in use. */
extern uint64 pgt_queue_room(PgtQueue *queue);

/*
 * Worker: the end of what is published now.  All that the backend did before
 * it published the last record below it is visible after this call.
 */
extern uint64 pgt_queue_head(PgtQueue *queue);

/*
 * Worker: the next record below head, NULL if there is none.  *corrupt is set
 * if what stands there can't be a record; the queue is emptied up to head
 * then.  The record stays valid until pgt_queue_release().
 */
extern const PgtRecord *pgt_queue_peek(PgtQueue *queue, uint64 head,
									   bool *corrupt);
extern void pgt_queue_release(PgtQueue *queue, const PgtRecord *record);

#endif							/* PGT_QUEUE_H */
