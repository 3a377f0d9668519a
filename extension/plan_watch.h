/*
 * plan_watch.h
 *		Which plan node this process is executing, for the BPF program to see;
 *		what the nodes have done, for STAT lines.
 */
#ifndef PGT_PLAN_WATCH_H
#define PGT_PLAN_WATCH_H

#include "executor/execdesc.h"
#include "nodes/execnodes.h"

/*
 * The plan node that is executing: the number of its execution in the upper
 * half, which is 0 or has this bit if nobody sums up by node, and its STAT id
 * in the lower; 0 is none.  Only calls.c and the wrapper may write it.
 *
 * It has the same address in all children of the postmaster, since they are
 * forked after the library was loaded.  So the worker knows where to look.
 */
#define PGT_EXECUTION_UNSUMMED	0x80000000U

extern volatile uint64 pgt_plan_node;

/* What a node has done, for which Instrumentation has no room. */
typedef struct PgtNodeCounts
{
	uint32		first_id;		/* the words of this node and those below */
	uint32		last_id;		/* have these, and no other node's have */
	bool		shown;			/* the word says when it is executing, */
	bool		multi;			/* but only to who knows MultiExecProcNode() */
	int64		blocks_read;	/* including the nodes below */
	int64		blocks_got;
	int64		blocks_written;
} PgtNodeCounts;

/*
 * Show from now on which node of a query is executing; none may be at the
 * moment.  with_sums: STAT lines will want each node's sums; then the result
 * is the number of this execution, otherwise 0.  Does nothing, and returns 0,
 * if there is no memory.  Raises no error.
 *
 * rows_only: the trace has asked for INSTRUMENT_ROWS only, and the plan runs no
 * parallel workers.  Then blocks are counted all the same; and, unless others
 * have asked for more, the nodes' Instrumentation is kept up to date with less
 * effort than PostgreSQL's.
 */
extern uint32 pgt_plan_watch_begin(QueryDesc *query, bool with_sums,
								   bool rows_only);

/* Leaves *counts as it is if the node isn't watched, or not in this execution. */
extern void pgt_plan_watch_counts(const PlanState *state, uint32 execution,
								  PgtNodeCounts *counts);

/* For the BPF program: where it finds nodes without a wrapper. */
struct pgt_layout;
extern void pgt_plan_watch_describe(struct pgt_layout *layout);

#endif							/* PGT_PLAN_WATCH_H */
