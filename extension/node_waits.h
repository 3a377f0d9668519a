/*
 * node_waits.h
 *		Which plan node this process is executing, for the BPF program to see.
 */
#ifndef PGT_NODE_WAITS_H
#define PGT_NODE_WAITS_H

#include "executor/execdesc.h"

/*
 * The plan node that is executing: the number of its execution in the upper
 * half, which is 0 if nobody sums up by node, and its STAT id in the lower;
 * 0 is none.  Only calls.c and the wrapper may write it.
 *
 * It has the same address in all children of the postmaster, since they are
 * forked after the library was loaded.  So the worker knows where to look.
 */
extern volatile uint64 pgt_plan_node;

/*
 * Show from now on which node of a query is executing; none may be at the
 * moment.  with_sums: STAT lines will want each node's sum of waits; then the
 * result is the number of this execution, otherwise 0.  Does nothing, and
 * returns 0, if there is no memory.  Raises no error.
 */
extern uint32 pgt_node_waits_watch(QueryDesc *query, bool with_sums);

#endif							/* PGT_NODE_WAITS_H */
