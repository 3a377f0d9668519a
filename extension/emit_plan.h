/*
 * emit_plan.h
 *		Sends plan statistics and identifies plans.
 */
#ifndef PGT_EMIT_PLAN_H
#define PGT_EMIT_PLAN_H

#include "executor/execdesc.h"

#include "extension/cursor.h"

/*
 * A hash of a plan's shape: node types, join and scan details, relations and
 * indexes, but not costs or constants; plh= in the trace.
 */
extern uint32 pgt_plan_hash(const PlannedStmt *plan);

/*
 * Send a STAT record per node of an instrumented query that has been run to
 * its end.  execution is what pgt_plan_watch_begin() has returned for it.
 */
extern void pgt_emit_plan(QueryDesc *query, const PgtCursor *cursor,
						  uint32 execution);

#endif							/* PGT_EMIT_PLAN_H */
