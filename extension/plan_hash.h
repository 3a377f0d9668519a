/*
 * plan_hash.h
 *		Which plan is it?
 */
#ifndef PGT_PLAN_HASH_H
#define PGT_PLAN_HASH_H

#include "nodes/plannodes.h"

/*
 * A hash of a plan's shape: node types, join and scan details, relations and
 * indexes, but not costs or constants; plh= in the trace.
 */
extern uint32 pgt_plan_hash(const PlannedStmt *plan);

#endif							/* PGT_PLAN_HASH_H */
