/*
 * plan_node.c
 *		Names of plan nodes, and what they work on.
 *
 * For the op='...' of STAT lines.  ExplainPrintPlan() would look up names in
 * the catalogs and format a whole plan into memory; a hook has to do without
 * either, and a STAT line needs one node at a time.  Relations are named by
 * the relcache entries that the executor has open anyway.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/extensible.h"
#include "utils/rel.h"

#include "extension/compat.h"
#include "extension/plan_node.h"

static const char *
join_type_name(JoinType type)
{
	switch (type)
	{
		case JOIN_LEFT:
			return " Left";
		case JOIN_FULL:
			return " Full";
		case JOIN_RIGHT:
			return " Right";
		case JOIN_SEMI:
			return " Semi";
		case JOIN_ANTI:
			return " Anti";
#ifdef PGT_HAVE_RIGHT_ANTI
		case JOIN_RIGHT_ANTI:
			return " Right Anti";
#endif
#ifdef PGT_HAVE_RIGHT_SEMI
		case JOIN_RIGHT_SEMI:
			return " Right Semi";
#endif
		default:
			return "";
	}
}

static const char *
operation_name(CmdType operation)
{
	switch (operation)
	{
		case CMD_INSERT:
			return "Insert";
		case CMD_UPDATE:
			return "Update";
		case CMD_DELETE:
			return "Delete";
		case CMD_MERGE:
			return "Merge";
		default:
			return "Scan";
	}
}

static const char *
direction_name(ScanDirection direction)
{
	return ScanDirectionIsBackward(direction) ? " Backward" : "";
}

static const char *
set_operation_name(SetOpCmd command)
{
	switch (command)
	{
		case SETOPCMD_INTERSECT:
			return "Intersect";
		case SETOPCMD_INTERSECT_ALL:
			return "Intersect All";
		case SETOPCMD_EXCEPT:
			return "Except";
		case SETOPCMD_EXCEPT_ALL:
			return "Except All";
		default:
			return "???";
	}
}

static void
describe_aggregate(const Agg *agg, char *buffer, size_t len)
{
	const char *partial = "";
	const char *name = "Aggregate";

	if (DO_AGGSPLIT_SKIPFINAL(agg->aggsplit))
		partial = "Partial ";
	else if (DO_AGGSPLIT_COMBINE(agg->aggsplit))
		partial = "Finalize ";

	if (agg->aggstrategy == AGG_SORTED)
		name = "GroupAggregate";
	else if (agg->aggstrategy == AGG_HASHED)
		name = "HashAggregate";
	else if (agg->aggstrategy == AGG_MIXED)
		name = "MixedAggregate";
	snprintf(buffer, len, "%s%s", partial, name);
}

/* Nodes whose name says all. */
static const char *
simple_name(NodeTag tag)
{
	static const struct
	{
		NodeTag		tag;
		const char *name;
	}			names[] = {
		{T_Result, "Result"},
		{T_ProjectSet, "ProjectSet"},
		{T_Append, "Append"},
		{T_MergeAppend, "Merge Append"},
		{T_RecursiveUnion, "Recursive Union"},
		{T_BitmapAnd, "BitmapAnd"},
		{T_BitmapOr, "BitmapOr"},
		{T_SeqScan, "Seq Scan"},
		{T_SampleScan, "Sample Scan"},
		{T_Gather, "Gather"},
		{T_GatherMerge, "Gather Merge"},
		{T_BitmapHeapScan, "Bitmap Heap Scan"},
		{T_TidScan, "Tid Scan"},
		{T_TidRangeScan, "Tid Range Scan"},
		{T_SubqueryScan, "Subquery Scan"},
		{T_FunctionScan, "Function Scan"},
		{T_TableFuncScan, "Table Function Scan"},
		{T_ValuesScan, "Values Scan"},
		{T_CteScan, "CTE Scan"},
		{T_NamedTuplestoreScan, "Named Tuplestore Scan"},
		{T_WorkTableScan, "WorkTable Scan"},
		{T_Material, "Materialize"},
		{T_Memoize, "Memoize"},
		{T_Sort, "Sort"},
		{T_IncrementalSort, "Incremental Sort"},
		{T_Group, "Group"},
		{T_WindowAgg, "WindowAgg"},
		{T_Unique, "Unique"},
		{T_LockRows, "LockRows"},
		{T_Limit, "Limit"},
		{T_Hash, "Hash"},
	};

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (names[i].tag == tag)
			return names[i].name;
	}
	return "Unknown Node";
}

static void
name_node(const Plan *plan, char *buffer, size_t len)
{
	switch (nodeTag(plan))
	{
		case T_ModifyTable:
			strlcpy(buffer,
					operation_name(((const ModifyTable *) plan)->operation),
					len);
			break;
		case T_ForeignScan:
			snprintf(buffer, len, "Foreign %s",
					 operation_name(((const ForeignScan *) plan)->operation));
			break;
		case T_CustomScan:
			snprintf(buffer, len, "Custom Scan (%s)",
					 ((const CustomScan *) plan)->methods->CustomName);
			break;
		case T_NestLoop:
			{
				const char *type =
					join_type_name(((const Join *) plan)->jointype);

				snprintf(buffer, len, "Nested Loop%s%s", type,
						 *type != '\0' ? " Join" : "");
				break;
			}
		case T_MergeJoin:
			snprintf(buffer, len, "Merge%s Join",
					 join_type_name(((const Join *) plan)->jointype));
			break;
		case T_HashJoin:
			snprintf(buffer, len, "Hash%s Join",
					 join_type_name(((const Join *) plan)->jointype));
			break;
		case T_IndexScan:
			snprintf(buffer, len, "Index Scan%s",
					 direction_name(((const IndexScan *) plan)->indexorderdir));
			break;
		case T_IndexOnlyScan:
			snprintf(buffer, len, "Index Only Scan%s",
					 direction_name(((const IndexOnlyScan *) plan)->indexorderdir));
			break;
		case T_BitmapIndexScan:
			strlcpy(buffer, "Bitmap Index Scan", len);
			break;
		case T_Agg:
			describe_aggregate((const Agg *) plan, buffer, len);
			break;
		case T_SetOp:
			snprintf(buffer, len, "%s %s",
					 ((const SetOp *) plan)->strategy == SETOP_HASHED ?
					 "HashSetOp" : "SetOp",
					 set_operation_name(((const SetOp *) plan)->cmd));
			break;
		default:
			strlcpy(buffer, simple_name(nodeTag(plan)), len);
			break;
	}
}

/* What the node reads or changes, as far as the executor has it open. */
static void
find_relations(const PlanState *state, Relation *relation, Relation *index)
{
	*relation = NULL;
	*index = NULL;

	switch (nodeTag(state))
	{
		case T_IndexScanState:
			*index = ((const IndexScanState *) state)->iss_RelationDesc;
			break;
		case T_IndexOnlyScanState:
			*index = ((const IndexOnlyScanState *) state)->ioss_RelationDesc;
			break;
		case T_BitmapIndexScanState:
			/* its heap is named by the Bitmap Heap Scan above */
			*index = ((const BitmapIndexScanState *) state)->biss_RelationDesc;
			return;
		case T_ModifyTableState:
			{
				const ModifyTableState *modify =
					(const ModifyTableState *) state;

				if (modify->rootResultRelInfo != NULL)
					*relation = modify->rootResultRelInfo->ri_RelationDesc;
				return;
			}
		case T_SeqScanState:
		case T_SampleScanState:
		case T_BitmapHeapScanState:
		case T_TidScanState:
		case T_TidRangeScanState:
		case T_ForeignScanState:
		case T_CustomScanState:
			break;
		default:
			return;
	}
	*relation = ((const ScanState *) state)->ss_currentRelation;
}

/* What a scan of something that is no relation is called in the query. */
static const char *
source_name(const PlanState *state)
{
	const Scan *scan = (const Scan *) state->plan;
	const RangeTblEntry *source;

	switch (nodeTag(state))
	{
		case T_SubqueryScanState:
		case T_FunctionScanState:
		case T_TableFuncScanState:
		case T_ValuesScanState:
		case T_CteScanState:
		case T_NamedTuplestoreScanState:
		case T_WorkTableScanState:
			break;
		default:
			return NULL;
	}
	if (scan->scanrelid == 0)
		return NULL;

	source = exec_rt_fetch(scan->scanrelid, state->state);
	if (source->ctename != NULL)
		return source->ctename;
	if (source->enrname != NULL)
		return source->enrname;
	return source->eref->aliasname;
}

/* The partitions or children that a ModifyTable changes, besides its root */
static void
append_result_relations(const ModifyTableState *modify, char *buffer,
						size_t len)
{
	for (int i = 0; i < modify->mt_nrels; i++)
	{
		Relation	relation = modify->resultRelInfo[i].ri_RelationDesc;
		const char *name;

		if (relation == NULL || modify->rootResultRelInfo == NULL ||
			relation == modify->rootResultRelInfo->ri_RelationDesc)
			continue;

		name = RelationGetRelationName(relation);
		if (strlen(buffer) + strlen(name) + sizeof(" and 1234567890 more") >=
			len)
		{
			size_t		used = strlen(buffer);

			snprintf(buffer + used, len - used, " and %d more",
					 modify->mt_nrels - i);
			return;
		}
		strlcat(buffer, ", ", len);
		strlcat(buffer, name, len);
	}
}

void
pgt_plan_node_describe(const PlanState *state, char *buffer, size_t len,
					   Oid *object)
{
	const char *prefix = state->plan->parallel_aware ? "Parallel " :
		state->plan->async_capable ? "Async " : "";
	const char *source = source_name(state);
	Relation	relation;
	Relation	index;

	strlcpy(buffer, prefix, len);
	name_node(state->plan, buffer + strlen(prefix), len - strlen(prefix));
	find_relations(state, &relation, &index);

	*object = InvalidOid;
	if (index != NULL)
	{
		strlcat(buffer, IsA(state, BitmapIndexScanState) ? " on " : " using ",
				len);
		strlcat(buffer, RelationGetRelationName(index), len);
		*object = RelationGetRelid(index);
	}
	if (relation != NULL)
		source = RelationGetRelationName(relation);
	if (source != NULL)
	{
		strlcat(buffer, " on ", len);
		strlcat(buffer, source, len);
	}
	if (relation != NULL && !OidIsValid(*object))
		*object = RelationGetRelid(relation);
	if (IsA(state, ModifyTableState))
		append_result_relations((const ModifyTableState *) state, buffer, len);
}
