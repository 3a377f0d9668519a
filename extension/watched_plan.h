/*
 * watched_plan.h
 *		What plan_watch.c and node_clock.c know of the nodes of a traced
 *		execution; for these two and nobody else.
 */
#ifndef PGT_WATCHED_PLAN_H
#define PGT_WATCHED_PLAN_H

#include "nodes/execnodes.h"

typedef struct PgtBlocks
{
	int64		read;
	int64		got;
	int64		written;
} PgtBlocks;

/* It begins as struct pgt_watched_node in bpf/pg_trace.h does. */
typedef struct PgtWatchedNode
{
	PlanState  *state;			/* NULL: none is wrapped */
	uint64		multi_word;		/* word, if MultiExecProcNode() executes it */
	ExecProcNodeMtd function;	/* what the wrapper stands for */
	ExecProcNodeMtd wrapper;
	uint64		word;			/* for pgt_plan_node */
	uint64		parent_word;	/* that of the node above */
	uint64		caller_word;	/* below Hash: that of the join */
	uint64		outer_word;		/* what to restore when it has yielded a row */
	struct PgtWatchedPlan *plan;	/* that it is in */
	uint32		id;				/* in STAT lines */
	uint32		last_id;		/* of the nodes below */
	bool		stale;			/* below Gather: wrappers have to be renewed */

	/* If it counts */
	PgtBlocks	blocks;
	PgtBlocks	before;			/* when the node was last called */
	int64		total_before;

	/* If it is timed: node_clock.c */
	uint64		own_ns;			/* while it, and no node below, was at work */
	struct PgtWatchedNode *outer;	/* at work again when it has yielded a row */
	bool		has_timer;		/* PostgreSQL reads the clock for this one */
	bool		summed;			/* exact_ns is known, */
	uint64		exact_ns;		/* with the nodes below */
} PgtWatchedNode;

typedef struct PgtWatchedPlan
{
	EState	   *estate;
	MemoryContextCallback callback;
	bool		counting;
	uint32		execution;		/* the number in the words, or 0 */

	/* node_clock.c */
	bool		timed;			/* it has been, from its beginning on */
	bool		clock_on;		/* and it is still */
	int64		calls_left;		/* of nodes, that may be timed */
	uint64		last_ns;		/* the last reading of the clock */
	uint64		outside_ns;		/* what has passed between the plan's rows */
	uint64		paid_ns;		/* calls_left has those due up to here, */
	uint64		paid_cpu_ns;	/* and for this CPU time of the process */
	uint64		stopped_ns;		/* when it wasn't read any more, 0: it is */
	PgtWatchedNode *current;	/* at work since the last reading */

	int			nnodes;
	PgtWatchedNode nodes[FLEXIBLE_ARRAY_MEMBER];	/* by plan_node_id */
} PgtWatchedPlan;

/* NULL if no node of it has a wrapper */
extern PgtWatchedPlan *pgt_watched_plan(const EState *estate);

/* NULL if this node has none */
extern PgtWatchedNode *pgt_watched_node(const PgtWatchedPlan *plan,
										const PlanState *state);

#endif							/* PGT_WATCHED_PLAN_H */
