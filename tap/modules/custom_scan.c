/*
 * custom_scan.c
 *		A custom scan provider for the tests: a library for LOAD that scans the
 *		table "customized" by a plan node of its own.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "nodes/extensible.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

typedef struct TestScanState
{
	CustomScanState custom;		/* first */
	TableScanDesc scan;
	TupleTableSlot *slot;
} TestScanState;

static set_rel_pathlist_hook_type prev_hook = NULL;

static void
begin_scan(CustomScanState *node, EState *estate, int eflags)
{
	TestScanState *state = (TestScanState *) node;
	Relation	relation = node->ss.ss_currentRelation;

	(void) eflags;
	state->slot = table_slot_create(relation, &estate->es_tupleTable);
	state->scan = table_beginscan(relation, estate->es_snapshot, 0, NULL);
}

static TupleTableSlot *
next_tuple(ScanState *node)
{
	TestScanState *state = (TestScanState *) node;

	if (!table_scan_getnextslot(state->scan, ForwardScanDirection,
								state->slot))
		return ExecClearTuple(node->ss_ScanTupleSlot);
	return ExecCopySlot(node->ss_ScanTupleSlot, state->slot);
}

static bool
recheck(ScanState *node, TupleTableSlot *slot)
{
	(void) node;
	(void) slot;
	return true;
}

static TupleTableSlot *
exec_scan(CustomScanState *node)
{
	return ExecScan(&node->ss, next_tuple, recheck);
}

static void
end_scan(CustomScanState *node)
{
	table_endscan(((TestScanState *) node)->scan);
}

static void
rescan(CustomScanState *node)
{
	table_rescan(((TestScanState *) node)->scan, NULL);
	ExecScanReScan(&node->ss);
}

static const CustomExecMethods exec_methods = {
	.CustomName = "test",
	.BeginCustomScan = begin_scan,
	.ExecCustomScan = exec_scan,
	.EndCustomScan = end_scan,
	.ReScanCustomScan = rescan,
};

static Node *
create_state(CustomScan *scan)
{
	TestScanState *state = palloc0(sizeof(TestScanState));

	(void) scan;
	NodeSetTag(state, T_CustomScanState);
	state->custom.methods = &exec_methods;
	return (Node *) state;
}

static const CustomScanMethods scan_methods = {
	.CustomName = "test",
	.CreateCustomScanState = create_state,
};

static Plan *
plan_path(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		  List *clauses, List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);

	(void) root;
	(void) path;
	(void) custom_plans;
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = extract_actual_clauses(clauses, false);
	scan->scan.scanrelid = rel->relid;
	scan->methods = &scan_methods;
	return &scan->scan.plan;
}

static const CustomPathMethods path_methods = {
	.CustomName = "test",
	.PlanCustomPath = plan_path,
};

static void
set_rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti,
				 RangeTblEntry *rte)
{
	CustomPath *path;

	if (prev_hook)
		prev_hook(root, rel, rti, rte);
	if (rte->rtekind != RTE_RELATION ||
		strcmp(get_rel_name(rte->relid), "customized") != 0)
		return;

	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.rows = rel->rows;
	path->methods = &path_methods;
	rel->pathlist = NIL;
	rel->partial_pathlist = NIL;
	add_path(rel, &path->path);
}

void
_PG_init(void)
{
	RegisterCustomScanMethods(&scan_methods);
	prev_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_rel_pathlist;
}
