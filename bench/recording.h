/*
 * recording.h
 *		What one traced session gave the worker, in a file: record.c writes it,
 *		replay.c reads it.
 *
 * A sequence of items, each with this head, in the order in which they reached
 * the merge.  Native types: a recording is replayed where it was made.
 */
#ifndef PGT_RECORDING_H
#define PGT_RECORDING_H

typedef enum PgtItemKind
{
	PGT_ITEM_WAIT = 1,			/* a wait event, as it was in the ring buffer */
	PGT_ITEM_QUEUE,				/* what came to the queue before a run */
	PGT_ITEM_RUN				/* the merge runs */
} PgtItemKind;

typedef struct PgtItem
{
	uint32		kind;			/* PgtItemKind */
	uint32		len;			/* of what follows, a multiple of 8 */
	uint64		safe_ns;		/* of a run */
} PgtItem;

#endif							/* PGT_RECORDING_H */
