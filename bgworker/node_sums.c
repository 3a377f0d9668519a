/*
 * node_sums.c
 *		How long each plan node of a traced process's executions has waited.
 *
 * The BPF program tells of each wait in which execution of a plan it was and
 * at which node.  The sums are kept until the STAT lines of that execution
 * have been written.  Those of executions that an error has ended are never
 * asked for; they make room for others, the least recently used first.  What
 * has been dropped that way, or might have been, is unknown.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "bgworker/node_sums.h"

/* What is beyond this isn't a STAT id. */
#define MAX_NODES	1000000

void
pgt_node_sums_init(PgtNodeSums *sums)
{
	memset(sums, 0, sizeof(*sums));
}

static void
release(PgtExecutionSums *entry)
{
	if (entry->nodes != NULL)
		pfree(entry->nodes);
	memset(entry, 0, sizeof(*entry));
}

void
pgt_node_sums_free(PgtNodeSums *sums)
{
	for (int i = 0; i < PGT_NODE_SUMS_MAX; i++)
		release(&sums->executions[i]);
}

static void
drop(PgtNodeSums *sums, PgtExecutionSums *entry)
{
	sums->unknown = Max(sums->unknown, entry->execution);
	release(entry);
}

static PgtExecutionSums *
find(PgtNodeSums *sums, uint32 execution)
{
	for (int i = 0; i < PGT_NODE_SUMS_MAX; i++)
	{
		if (sums->executions[i].execution == execution)
		{
			sums->executions[i].last_used = ++sums->clock;
			return &sums->executions[i];
		}
	}
	return NULL;
}

/* The entry of an execution that has none; NULL if that were incomplete. */
static PgtExecutionSums *
add_execution(PgtNodeSums *sums, uint32 execution)
{
	PgtExecutionSums *entry = &sums->executions[0];

	if (execution <= sums->unknown)
		return NULL;
	/* an entry that is free was used least recently */
	for (int i = 1; i < PGT_NODE_SUMS_MAX; i++)
	{
		if (sums->executions[i].last_used < entry->last_used)
			entry = &sums->executions[i];
	}
	if (entry->execution != 0)
		drop(sums, entry);
	entry->execution = execution;
	entry->last_used = ++sums->clock;
	return entry;
}

static bool
make_room(PgtExecutionSums *entry, uint32 node)
{
	uint32		nnodes = Max(node + 1, 16);
	PgtNodeSum *nodes;

	if (node < entry->nnodes)
		return true;
	if (node > MAX_NODES)
		return false;
	nnodes = Max(nnodes, entry->nnodes * 2);
	nodes = MemoryContextAllocExtended(TopMemoryContext,
									   sizeof(PgtNodeSum) * nnodes,
									   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (nodes == NULL)
		return false;
	if (entry->nodes != NULL)
	{
		memcpy(nodes, entry->nodes, sizeof(PgtNodeSum) * entry->nnodes);
		pfree(entry->nodes);
	}
	entry->nodes = nodes;
	entry->nnodes = nnodes;
	return true;
}

void
pgt_node_sums_add(PgtNodeSums *sums, uint32 execution, uint32 node,
				  uint64 wait_ns)
{
	PgtExecutionSums *entry = find(sums, execution);

	if (entry == NULL)
		entry = add_execution(sums, execution);
	if (entry == NULL)
		return;
	if (!make_room(entry, node))
	{
		drop(sums, entry);
		return;
	}
	entry->nodes[node].wait_ns += wait_ns;
	entry->nodes[node].waits++;
}

bool
pgt_node_sums_get(PgtNodeSums *sums, uint32 execution, uint32 node,
				  PgtNodeSum *sum)
{
	PgtExecutionSums *entry = find(sums, execution);

	memset(sum, 0, sizeof(*sum));
	if (entry == NULL)
		return execution > sums->unknown;
	entry->reported = true;
	sums->any_reported = true;
	if (node < entry->nnodes)
		*sum = entry->nodes[node];
	return true;
}

void
pgt_node_sums_end_report(PgtNodeSums *sums)
{
	if (!sums->any_reported)
		return;
	sums->any_reported = false;
	for (int i = 0; i < PGT_NODE_SUMS_MAX; i++)
	{
		if (sums->executions[i].reported)
			release(&sums->executions[i]);
	}
}

void
pgt_node_sums_incomplete(PgtNodeSums *sums)
{
	pgt_node_sums_free(sums);
	sums->unknown = PG_UINT32_MAX;
}
