/*
 * node_blocks.c
 *		Rows and blocks of a plan node, counted by its wrapper.
 *
 * What the wrapper (plan_watch.c) does for each row is in the header; here is
 * what follows when the row has touched blocks.
 */
#include "postgres.h"

#include "extension/node_blocks.h"

static PgtBlocks
read_blocks(void)
{
	const BufferUsage *usage = &pgBufferUsage;
	int64		buffers_read = usage->shared_blks_read +
		usage->local_blks_read;
	PgtBlocks	blocks;

	blocks.read = buffers_read + usage->temp_blks_read;
	blocks.got = buffers_read + usage->shared_blks_hit +
		usage->local_blks_hit;
	blocks.written = usage->shared_blks_written + usage->local_blks_written +
		usage->temp_blks_written;
	return blocks;
}

void
pgt_node_blocks_note(PgtWatchedNode *node, int64 total)
{
	node->total_before = total;
	node->before = read_blocks();
}

void
pgt_node_blocks_count(PgtWatchedNode *node)
{
	PgtBlocks	now = read_blocks();

	node->blocks.read += now.read - node->before.read;
	node->blocks.got += now.got - node->before.got;
	node->blocks.written += now.written - node->before.written;
}
