/*
 * node_clock.h
 *		How long the nodes of a plan take, by the clock.
 */
#ifndef PGT_NODE_CLOCK_H
#define PGT_NODE_CLOCK_H

#include "executor/execdesc.h"

#include "extension/watched_plan.h"

/*
 * Time the nodes of a plan that has not run yet.  budget: only as long as that
 * is cheap.
 */
extern void pgt_node_clock_start(PgtWatchedPlan *plan, bool budget);

/* What the trace was that wanted it has ended. */
extern void pgt_node_clock_stop(PgtWatchedPlan *plan);

/* A node of a plan whose clock is on begins to work, or has yielded a row. */
extern void pgt_node_clock_enter(PgtWatchedNode *node);
extern void pgt_node_clock_leave(PgtWatchedNode *node);

/* Find out each node's exact_ns. */
extern void pgt_node_clock_sum(QueryDesc *query, PgtWatchedPlan *plan);

/*
 * In a parallel worker, after InstrEndLoop() for all nodes: have PostgreSQL
 * hand their times to the leader.
 */
extern void pgt_node_clock_report(PgtWatchedPlan *plan);

/*
 * And in the leader: how long all workers together were in a node; false if
 * that isn't known.
 */
extern bool pgt_node_clock_of_workers(const PlanState *state, uint64 *ns);

#endif							/* PGT_NODE_CLOCK_H */
