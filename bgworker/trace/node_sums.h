/*
 * node_sums.h
 *		What is known of each plan node of a traced process's executions.
 */
#ifndef PGT_TRACE_NODE_SUMS_H
#define PGT_TRACE_NODE_SUMS_H

/* As many executions that are summed up can be open at the same time. */
#define PGT_NODE_SUMS_MAX	64

typedef struct PgtNodeSum
{
	uint64		wait_ns;		/* its own waits */
	uint64		waits;
	uint64		time_ns;		/* these, CPU time by samples, and both of
								 * statements that ran nested in it */
	uint64		samples;
} PgtNodeSum;

typedef struct PgtExecutionSums
{
	uint32		execution;		/* its number, 0 is none */
	bool		reported;		/* STAT lines are being written */
	uint64		last_used;
	uint32		nnodes;
	PgtNodeSum *nodes;			/* [nnodes], by STAT id */
} PgtExecutionSums;

typedef struct PgtNodeSums
{
	PgtExecutionSums executions[PGT_NODE_SUMS_MAX];
	uint64		clock;			/* for last_used */
	bool		any_reported;
	uint32		unknown;		/* of this execution and those before, what
								 * isn't in executions isn't known */
} PgtNodeSums;

extern void pgt_node_sums_init(PgtNodeSums *sums);
extern void pgt_node_sums_free(PgtNodeSums *sums);

/*
 * Add to what is known of the node that a value of pgt_plan_node stands for,
 * if that is one of an execution with sums.  Never raises an error.
 */
extern void pgt_node_sums_add(PgtNodeSums *sums, uint64 plan_node,
							  const PgtNodeSum *sum);

/* The sum of nodes first to last; false if it isn't known. */
extern bool pgt_node_sums_get(PgtNodeSums *sums, uint32 execution,
							  uint32 first, uint32 last, PgtNodeSum *sum);

/* No more STAT lines come of what pgt_node_sums_get() was asked for. */
extern void pgt_node_sums_end_report(PgtNodeSums *sums);

/* What executions that are open have done may not have been added. */
extern void pgt_node_sums_incomplete(PgtNodeSums *sums);

#endif							/* PGT_TRACE_NODE_SUMS_H */
