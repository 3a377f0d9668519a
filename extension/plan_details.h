/*
 * plan_details.h
 *		What a plan node says about itself in EXPLAIN ANALYZE, besides figures
 *		that all nodes have.
 */
#ifndef PGT_PLAN_DETAILS_H
#define PGT_PLAN_DETAILS_H

#include "executor/instrument.h"
#include "nodes/execnodes.h"

#include "extension/executions.h"
#include "extension/record.h"

/*
 * Fill in what is known of a node that has been executed, and is instrumented;
 * returns how many there are.  Raises no error.
 */
extern int	pgt_plan_details(PlanState *state,
							 PgtStatDetail details[PGT_MAX_DETAILS]);

/* Add what is known of the whole execution, for the top node: n are there. */
extern int	pgt_plan_details_of_query(const QueryDesc *query,
									  const PgtExecution *execution, int n,
									  PgtStatDetail details[PGT_MAX_DETAILS]);

#endif							/* PGT_PLAN_DETAILS_H */
