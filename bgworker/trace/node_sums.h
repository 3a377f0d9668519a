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

	/*
	 * With what ran nested in it; if the execution's nodes were timed by
	 * clocks at first, since then.
	 */
	uint64		waited_ns;
	uint64		sampled_ns;		/* CPU time that samples stand for */
	uint64		samples;
} PgtNodeSum;

typedef struct PgtExecutionSums
{
	uint32		execution;		/* its number, 0 is none */
	bool		reported;		/* STAT lines are being written */
	bool		sampled;		/* clocks are no longer read */
	uint64		last_used;
	PgtNodeSum	total;			/* of all nodes */
	uint32		nnodes;
	PgtNodeSum *nodes;			/* [nnodes], by STAT id; 0: while none was
								 * executing */
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

/* An execution whose nodes were timed by clocks no longer is. */
extern void pgt_node_sums_begin_samples(PgtNodeSums *sums, uint32 execution);

/* The sums since then; false if they aren't known. */
extern bool pgt_node_sums_total(PgtNodeSums *sums, uint32 execution,
								PgtNodeSum *sum);

/* The sum of nodes first to last; false if it isn't known. */
extern bool pgt_node_sums_get(PgtNodeSums *sums, uint32 execution,
							  uint32 first, uint32 last, PgtNodeSum *sum);

/* No more STAT lines come of what pgt_node_sums_get() was asked for. */
extern void pgt_node_sums_end_report(PgtNodeSums *sums);

/* What executions that are open have done may not have been added. */
extern void pgt_node_sums_incomplete(PgtNodeSums *sums);

#endif							/* PGT_TRACE_NODE_SUMS_H */
