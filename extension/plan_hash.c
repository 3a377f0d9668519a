/*
 * plan_hash.c
 *		Which plan is it?
 *
 * Costs and constants differ from one execution to the next, so a plan is known
 * by its shape.  cursor.c has it computed whenever a cursor gets a plan, for
 * plh= of its lines.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "nodes/plannodes.h"

#include "extension/plan_hash.h"

static uint32 hash_list(const PlannedStmt *plan, const List *nodes, uint32 hash);

static uint32
hash_node(const PlannedStmt *plan, const Plan *node, uint32 hash)
{
	if (node == NULL)
		return hash_combine(hash, 0);

	hash = hash_combine(hash, (uint32) nodeTag(node));
	switch (nodeTag(node))
	{
		case T_IndexScan:
			hash = hash_combine(hash, ((const IndexScan *) node)->indexid);
			hash = hash_combine(hash, ((const Scan *) node)->scanrelid);
			break;
		case T_IndexOnlyScan:
			hash = hash_combine(hash, ((const IndexOnlyScan *) node)->indexid);
			hash = hash_combine(hash, ((const Scan *) node)->scanrelid);
			break;
		case T_BitmapIndexScan:
			hash = hash_combine(hash, ((const BitmapIndexScan *) node)->indexid);
			break;
		case T_SeqScan:
		case T_SampleScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
		case T_FunctionScan:
		case T_ValuesScan:
		case T_CteScan:
		case T_ForeignScan:
			hash = hash_combine(hash, ((const Scan *) node)->scanrelid);
			break;
		case T_NestLoop:
		case T_MergeJoin:
		case T_HashJoin:
			hash = hash_combine(hash, ((const Join *) node)->jointype);
			break;
		case T_Agg:
			hash = hash_combine(hash, ((const Agg *) node)->aggstrategy);
			break;
		case T_ModifyTable:
			hash = hash_combine(hash, ((const ModifyTable *) node)->operation);
			break;
		case T_Append:
			hash = hash_list(plan, ((const Append *) node)->appendplans, hash);
			break;
		case T_MergeAppend:
			hash = hash_list(plan, ((const MergeAppend *) node)->mergeplans,
							 hash);
			break;
		case T_BitmapAnd:
			hash = hash_list(plan, ((const BitmapAnd *) node)->bitmapplans,
							 hash);
			break;
		case T_BitmapOr:
			hash = hash_list(plan, ((const BitmapOr *) node)->bitmapplans,
							 hash);
			break;
		case T_SubqueryScan:
			hash = hash_node(plan, ((const SubqueryScan *) node)->subplan, hash);
			break;
		case T_CustomScan:
			hash = hash_list(plan, ((const CustomScan *) node)->custom_plans,
							 hash);
			break;
		default:
			break;
	}
	hash = hash_node(plan, node->lefttree, hash);
	return hash_node(plan, node->righttree, hash);
}

static uint32
hash_list(const PlannedStmt *plan, const List *nodes, uint32 hash)
{
	ListCell   *cell;

	foreach(cell, nodes)
		hash = hash_node(plan, (const Plan *) lfirst(cell), hash);
	return hash;
}

uint32
pgt_plan_hash(const PlannedStmt *plan)
{
	uint32		hash = plan->commandType;
	ListCell   *cell;

	if (plan->planTree == NULL)
		return 0;

	/* all relations, in the order in which the plan refers to them */
	foreach(cell, plan->relationOids)
		hash = hash_combine(hash, lfirst_oid(cell));
	hash = hash_node(plan, plan->planTree, hash);
	return hash_list(plan, plan->subplans, hash);
}
