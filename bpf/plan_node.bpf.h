/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * plan_node.bpf.h - at which plan node a process is
 *
 * The backend keeps a word that says so (extension/plan_watch.c), by wrapping
 * the functions that execute nodes.  Nodes that yield no rows have no such
 * function; of those, the call of MultiExecProcNode() tells.
 */
#ifndef PG_TRACE_PLAN_NODE_H
#define PG_TRACE_PLAN_NODE_H

#include "maps.bpf.h"

/* 0 also if it can't be read */
static __always_inline __u64 read_plan_node_word(void)
{
	__u64 word;

	bpf_probe_read_user(&word, sizeof(word), (void *)plan_node_address);
	return word;
}

/* The plan node that is executing, as that word has it */
static __always_inline __u64 read_plan_node(const struct pgt_wait_state *state)
{
	__u64 word = read_plan_node_word();

	return state->multi_word && word == state->multi_base ? state->multi_word : word;
}

/*
 * What the word would be for the node that is going to be executed, if that
 * has no wrapper; else 0.
 *
 *	Node *MultiExecProcNode(PlanState *node);
 */
static __always_inline __u64 find_multi_node(__u64 plan_state)
{
	struct pgt_watched_plan watched;
	struct pgt_watched_node node;
	__u64 estate;
	__u64 plan;
	__u32 id;

	if (bpf_probe_read_user(&watched, sizeof(watched), (void *)layout.watched_plan) ||
	    bpf_probe_read_user(&estate, sizeof(estate),
				(void *)(plan_state + layout.plan_state_state)) ||
	    estate != watched.estate ||
	    bpf_probe_read_user(&plan, sizeof(plan),
				(void *)(plan_state + layout.plan_state_plan)) ||
	    bpf_probe_read_user(&id, sizeof(id), (void *)(plan + layout.plan_node_id)) ||
	    bpf_probe_read_user(&node, sizeof(node),
				(void *)(watched.nodes + (__u64)id * layout.watched_node_size)) ||
	    node.state != plan_state)
		return 0;
	return node.multi_word;
}

#endif /* PG_TRACE_PLAN_NODE_H */
