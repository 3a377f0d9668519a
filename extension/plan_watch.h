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
 * in the lower; 0 is none.  Its lower half is 0 while such an execution goes on
 * and none of its nodes is executing.  Only calls.c, executions.c and the
 * wrapper may write it.
 *
 * It has the same address in all children of the postmaster, since they are
 * forked after the library was loaded.  So the worker knows where to look.
 */
#define PGT_EXECUTION_UNSUMMED	0x80000000U

extern volatile uint64 pgt_plan_node;

/* What is to be known of an execution's nodes */
typedef struct PgtWatchOptions
{
	bool		shown;			/* at any time, which one is executing */
	bool		with_sums;		/* STAT lines will want each node's sums of
								 * that */
	bool		rows_only;		/* see below */
	int			timing;			/* PgtNodeTiming, for STAT lines */
} PgtWatchOptions;

/* What a node has done, for which Instrumentation has no room. */
typedef struct PgtNodeCounts
{
	uint32		id;				/* in STAT lines, if it is watched; 0: not */
	uint32		last_id;		/* of the nodes below */
	bool		multi;			/* who doesn't know MultiExecProcNode() takes
								 * it for the node above */
	bool		timed;			/* by clocks, */
	bool		stopped;		/* but not to the end */
	uint64		exact_ns;		/* what the clocks say, with the nodes below */
	int64		blocks_read;	/* including the nodes below */
	int64		blocks_got;
	int64		blocks_written;
} PgtNodeCounts;

/*
 * Watch the nodes of a query from now on; none may be executing at the moment.
 * If they are shown with sums, the result is the number of this execution,
 * otherwise 0.  Does nothing, and returns 0, if there is no memory.  Raises no
 * error.
 *
 * rows_only: the trace has asked for INSTRUMENT_ROWS only, and the plan runs no
 * parallel workers.  Then blocks are counted all the same; and, unless others
 * have asked for more, the nodes' Instrumentation is kept up to date with less
 * effort than PostgreSQL's.
 */
extern uint32 pgt_plan_watch_begin(QueryDesc *query,
								   const PgtWatchOptions *options);

/* When its nodes were no longer timed; 0: they are still, or never were. */
extern uint64 pgt_plan_watch_stopped_ns(const QueryDesc *query);

/* Its nodes have done their work: add up what they have taken. */
extern void pgt_plan_watch_sum(QueryDesc *query);

/* Leaves *counts as it is if the node isn't watched. */
extern void pgt_plan_watch_counts(const PlanState *state,
								  PgtNodeCounts *counts);

/*
 * In a parallel worker, after InstrEndLoop() for all nodes: have PostgreSQL
 * tell the leader their times.
 */
extern void pgt_plan_watch_report(QueryDesc *query);

/* For the BPF program: where it finds nodes without a wrapper. */
struct pgt_layout;
extern void pgt_plan_watch_describe(struct pgt_layout *layout);

#endif							/* PGT_PLAN_WATCH_H */
