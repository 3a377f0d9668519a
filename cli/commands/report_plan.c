/*
 * report_plan.c
 *		Plans of a statement, with what their nodes have done: for report.c.
 *
 * STAT lines of an execution come one after the other, from the root, id=1, on.
 * Executions with the same plan are added up, as tkprof does it: rows of the
 * first one, the average, and the greatest number.
 */
#include "postgres_fe.h"

#include "cli/commands/report.h"
#include "cli/output.h"

#define MAX_NODES	10000

typedef struct PlanNode
{
	int64_t		parent;
	char	   *op;				/* with its escapes undone */
	uint64_t	captured;
	int64_t		first_rows;
	int64_t		max_rows;
	int64_t		rows;			/* of all, as what follows */
	int64_t		cr;
	int64_t		pr;
	int64_t		pw;
	int64_t		starts;
	int64_t		time;			/* µs */
	uint64_t	timed;			/* how often it was known */
	int64_t		wait;			/* µs */
	int64_t		cost;			/* these are estimates */
	int64_t		size;
	int64_t		card;
} PlanNode;

struct PgtReportPlans
{
	int64_t		plh;
	uint64_t	captured;
	PlanNode   *nodes;			/* by id, from 1 on */
	int			nnodes;
	bool		current;		/* the last STAT line was of this one */
	PgtReportPlans *next;
};

static char *
unescaped(PgtSpan span)
{
	char	   *text = pg_malloc(span.len + 1);

	text[pgt_span_unescape(span, text)] = '\0';
	return text;
}

/* The plan that a line is of; NULL if its root wasn't seen. */
static PgtReportPlans *
plan_of(PgtReportPlans **plans, const PgtEntryStat *stat, int64_t plh)
{
	PgtReportPlans *plan;

	if (stat->id != 1)
	{
		for (plan = *plans; plan != NULL && !plan->current; plan = plan->next)
			;
		return plan;
	}
	for (plan = *plans; plan != NULL; plan = plan->next)
		plan->current = false;
	for (plan = *plans; plan != NULL && plan->plh != plh; plan = plan->next)
		plans = &plan->next;
	if (plan == NULL)
	{
		plan = pg_malloc0(sizeof(PgtReportPlans));
		plan->plh = plh;
		while (*plans != NULL)
			plans = &(*plans)->next;
		*plans = plan;
	}
	plan->current = true;
	plan->captured++;
	return plan;
}

static PlanNode *
node_of(PgtReportPlans *plan, const PgtEntryStat *stat)
{
	PlanNode   *node;

	if (stat->id < 1 || stat->id > MAX_NODES)
		return NULL;
	if (stat->id > plan->nnodes)
	{
		plan->nodes = pg_realloc(plan->nodes, stat->id * sizeof(PlanNode));
		memset(plan->nodes + plan->nnodes, 0,
			   (stat->id - plan->nnodes) * sizeof(PlanNode));
		plan->nnodes = stat->id;
	}
	node = &plan->nodes[stat->id - 1];
	if (node->captured++ == 0)
	{
		node->parent = stat->pid;
		node->op = unescaped(stat->op);
		node->first_rows = stat->cnt;
		node->cost = stat->cost;
		node->size = stat->size;
		node->card = stat->card;
	}
	return node;
}

void
pgt_report_add_stat(PgtReportPlans **plans, const PgtEntryStat *stat,
					int64_t plh)
{
	PgtReportPlans *plan = plan_of(plans, stat, plh);
	PlanNode   *node = plan != NULL ? node_of(plan, stat) : NULL;

	if (node == NULL)
		return;
	node->rows += stat->cnt;
	node->max_rows = Max(node->max_rows, stat->cnt);
	node->cr += stat->cr;
	node->pr += stat->pr;
	node->pw += stat->pw;
	node->starts += stat->str;
	if (stat->time >= 0)
	{
		node->time += stat->time;
		node->timed++;
	}
	node->wait += Max(stat->wait, 0);
}

int64_t
pgt_report_plan(const PgtReportPlans *plans)
{
	return plans != NULL && plans->next == NULL ? plans->plh : 0;
}

/* ----------
 * Printing
 * ----------
 */

static int
depth_of(const PgtReportPlans *plan, const PlanNode *node)
{
	int			depth = 0;

	/* no plan is deeper than it has nodes, whatever a file says */
	while (node->parent >= 1 && node->parent <= plan->nnodes &&
		   depth < plan->nnodes)
	{
		node = &plan->nodes[node->parent - 1];
		depth++;
	}
	return depth;
}

static void
print_node(const PgtReportPlans *plan, const PlanNode *node)
{
	int64_t		n = node->captured;
	char		time[32] = "?";

	if (node->timed > 0)
		snprintf(time, sizeof(time), "%lld",
				 (long long) (node->time / (int64_t) node->timed));
	printf("%10lld %10lld %10lld  %*s%s (cr=%lld pr=%lld pw=%lld str=%lld time=%s us",
		   (long long) node->first_rows, (long long) (node->rows / n),
		   (long long) node->max_rows, depth_of(plan, node), "", node->op,
		   (long long) (node->cr / n), (long long) (node->pr / n),
		   (long long) (node->pw / n), (long long) (node->starts / n), time);
	if (node->wait > 0)
		printf(" wait=%lld us", (long long) (node->wait / n));
	printf(" cost=%lld size=%lld card=%lld)\n", (long long) node->cost,
		   (long long) node->size, (long long) node->card);
}

void
pgt_report_print_plans(const PgtReportPlans *plans)
{
	for (const PgtReportPlans *plan = plans; plan != NULL; plan = plan->next)
	{
		if (plans->next != NULL)
			printf("\nPlan Hash: %lld\n", (long long) plan->plh);
		printf("Number of plan statistics captured: %llu\n\n",
			   (unsigned long long) plan->captured);
		printf("Rows (1st) Rows (avg) Rows (max)  Row Source Operation\n"
			   "---------- ---------- ----------  ---------------------------------------------------\n");
		for (int i = 0; i < plan->nnodes; i++)
		{
			if (plan->nodes[i].captured > 0)
				print_node(plan, &plan->nodes[i]);
		}
	}
	if (plans != NULL)
		printf("\n");
}
