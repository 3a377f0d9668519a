/*
 * plan_node.h
 *		Names of plan nodes, and what they work on.
 */
#ifndef PGT_PLAN_NODE_H
#define PGT_PLAN_NODE_H

#include "nodes/execnodes.h"

/*
 * Describe a node as EXPLAIN does, e.g. "Index Scan using a_pkey on a", in
 * buffer of len bytes.  *object is the relation or index that it reads or
 * changes, InvalidOid if there is none.  Uses no catalogs and no memory.
 */
extern void pgt_plan_node_describe(const PlanState *state, char *buffer,
								   size_t len, Oid *object);

#endif							/* PGT_PLAN_NODE_H */
