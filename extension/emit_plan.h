/*
 * emit_plan.h
 *		Sends what the nodes of a plan have done.
 */
#ifndef PGT_EMIT_PLAN_H
#define PGT_EMIT_PLAN_H

#include "extension/executions.h"

/*
 * Send a STAT record per node of an instrumented query that has been run to
 * its end.
 */
extern void pgt_emit_plan(QueryDesc *query, const PgtExecution *execution);

#endif							/* PGT_EMIT_PLAN_H */
