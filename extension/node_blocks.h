/*
 * node_blocks.h
 *		Rows and blocks of a plan node, counted by its wrapper (plan_watch.c).
 *
 * As ExecProcNodeInstr() does, but for the blocks: most rows are yielded
 * without touching one, so one sum tells whether there is something to count.
 */
#ifndef PGT_NODE_BLOCKS_H
#define PGT_NODE_BLOCKS_H

#include "executor/instrument.h"
#include "executor/tuptable.h"

#include "extension/watched_plan.h"

extern void pgt_node_blocks_note(PgtWatchedNode *node, int64 total);
extern void pgt_node_blocks_count(PgtWatchedNode *node);

/* All that STAT lines have of the counters: it changes whenever they do. */
static inline int64
pgt_node_blocks_total(void)
{
	const BufferUsage *usage = &pgBufferUsage;

	return usage->shared_blks_hit + usage->shared_blks_read +
		usage->shared_blks_written + usage->local_blks_hit +
		usage->local_blks_read + usage->local_blks_written +
		usage->temp_blks_read + usage->temp_blks_written;
}

/* Before and after a call of the node's function */
static inline void
pgt_node_blocks_begin(PgtWatchedNode *node)
{
	int64		total = pgt_node_blocks_total();

	if (unlikely(total != node->total_before))
		pgt_node_blocks_note(node, total);
}

static inline void
pgt_node_blocks_end(PgtWatchedNode *node, const TupleTableSlot *slot)
{
	Instrumentation *instrument = node->state->instrument;

	if (unlikely(pgt_node_blocks_total() != node->total_before))
		pgt_node_blocks_count(node);
	instrument->running = true;
	if (!TupIsNull(slot))
		instrument->tuplecount += 1;
}

#endif							/* PGT_NODE_BLOCKS_H */
