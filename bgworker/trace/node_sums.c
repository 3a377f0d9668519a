/*
 * node_sums.c
 *		What is known of each plan node of a traced process's executions.
 *
 * The BPF programs tell of each wait and each sample in which execution of a
 * plan it was and at which node.  The sums are kept until the STAT lines of that execution
 * have been written.  Those of executions that an error has ended are never
 * asked for; they make room for others, the least recently used first.  What
 * has been dropped that way, or might have been, is unknown.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "bgworker/trace/node_sums.h"
#include "extension/plan_watch.h"

/* So many nodes of all executions of a process are kept. */
#define MAX_NODES	262144

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
make_room(const PgtNodeSums *sums, PgtExecutionSums *entry, uint32 node)
{
	uint32		nnodes;
	uint64		others = 0;
	PgtNodeSum *nodes;

	if (node < entry->nnodes)
		return true;
	if (node >= MAX_NODES)
		return false;
	nnodes = Max(Max(node + 1, 16), entry->nnodes * 2);
	for (int i = 0; i < PGT_NODE_SUMS_MAX; i++)
		others += sums->executions[i].nnodes;
	if (others - entry->nnodes + nnodes > MAX_NODES)
		return false;
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

static void
add(PgtNodeSum *to, const PgtNodeSum *sum)
{
	to->wait_ns += sum->wait_ns;
	to->waits += sum->waits;
	to->waited_ns += sum->waited_ns;
	to->sampled_ns += sum->sampled_ns;
	to->samples += sum->samples;
}

void
pgt_node_sums_add(PgtNodeSums *sums, uint64 plan_node, const PgtNodeSum *sum)
{
	uint32		execution = plan_node >> 32;
	uint32		node = (uint32) plan_node;
	PgtExecutionSums *entry;

	if (execution == 0 || (execution & PGT_EXECUTION_UNSUMMED) != 0)
		return;
	entry = find(sums, execution);
	if (entry == NULL)
		entry = add_execution(sums, execution);
	if (entry == NULL)
		return;
	if (!make_room(sums, entry, node))
	{
		drop(sums, entry);
		return;
	}
	add(&entry->nodes[node], sum);
	add(&entry->total, sum);
}

static void
forget_times(PgtNodeSum *sum)
{
	sum->waited_ns = sum->sampled_ns = sum->samples = 0;
}

void
pgt_node_sums_begin_samples(PgtNodeSums *sums, uint32 execution)
{
	PgtExecutionSums *entry;

	if (execution == 0)
		return;
	entry = find(sums, execution);
	if (entry == NULL)
		entry = add_execution(sums, execution);
	if (entry == NULL)
		return;
	entry->sampled = true;
	forget_times(&entry->total);
	for (uint32 node = 0; node < entry->nnodes; node++)
		forget_times(&entry->nodes[node]);
}

bool
pgt_node_sums_total(PgtNodeSums *sums, uint32 execution, PgtNodeSum *sum)
{
	PgtExecutionSums *entry = execution != 0 ? find(sums, execution) : NULL;

	if (entry == NULL || !entry->sampled)
		return false;
	*sum = entry->total;
	return true;
}

bool
pgt_node_sums_get(PgtNodeSums *sums, uint32 execution, uint32 first,
				  uint32 last, PgtNodeSum *sum)
{
	PgtExecutionSums *entry = find(sums, execution);

	memset(sum, 0, sizeof(*sum));
	if (entry == NULL)
		return execution > sums->unknown;
	entry->reported = true;
	sums->any_reported = true;
	for (uint32 node = first; node <= last && node < entry->nnodes; node++)
		add(sum, &entry->nodes[node]);
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
