/*
 * call_tree.c
 *		Which statement was called from which, with times.
 *
 * Calls end before those around them: so trees grow from the bottom.  A call's
 * tree is the data of its item, until the call around it takes it as a child.
 */
#include "postgres_fe.h"

#include "cli/commands/call_tree.h"

/* So many children are looked through one by one. */
#define FEW				8

/* Calls that are deeper have no trees of their own. */
#define MAX_DEPTH		200

static void
note_number(PgtCallTree *tree, PgtCallTree *child)
{
	int			number = child->statement->number;

	if (number >= tree->numbers)
	{
		int			numbers = Max(2 * tree->numbers, number + 64);

		tree->by_number = pg_realloc(tree->by_number,
									 numbers * sizeof(PgtCallTree *));
		memset(tree->by_number + tree->numbers, 0,
			   (numbers - tree->numbers) * sizeof(PgtCallTree *));
		tree->numbers = numbers;
	}
	tree->by_number[number] = child;
}

static PgtCallTree *
find_child(const PgtCallTree *tree, const PgtStatement *statement)
{
	if (tree->by_number != NULL)
		return statement->number < tree->numbers ?
			tree->by_number[statement->number] : NULL;
	for (int i = 0; i < tree->nchildren; i++)
	{
		if (tree->children[i]->statement == statement)
			return tree->children[i];
	}
	return NULL;
}

static PgtCallTree *
child_of(PgtCallTree *tree, PgtStatement *statement)
{
	PgtCallTree *child = find_child(tree, statement);

	if (child != NULL)
		return child;
	child = pg_malloc0(sizeof(PgtCallTree));
	child->statement = statement;
	if ((tree->nchildren & (tree->nchildren - 1)) == 0)
		tree->children = pg_realloc(tree->children,
									Max(2 * tree->nchildren, 1) *
									sizeof(PgtCallTree *));
	tree->children[tree->nchildren++] = child;
	if (tree->by_number != NULL)
		note_number(tree, child);
	else if (tree->nchildren > FEW)
	{
		for (int i = 0; i < tree->nchildren; i++)
			note_number(tree, tree->children[i]);
	}
	return child;
}

/* Add what is in another tree of the same statement, which ends with it. */
static void
absorb(PgtCallTree *tree, PgtCallTree *other)
{
	tree->calls += other->calls;
	tree->inclusive += other->inclusive;
	tree->self += other->self;
	for (int i = 0; i < other->nchildren; i++)
		absorb(child_of(tree, other->children[i]->statement),
			   other->children[i]);
	pg_free(other->children);
	pg_free(other->by_number);
	pg_free(other);
}

void *
pgt_call_tree_merge(void *arg, void *data, void *other)
{
	(void) arg;
	absorb(data, other);
	return data;
}

/* The calls below; what has no calls below itself has no tree yet. */
static void
take_items(PgtCallTree *tree, const PgtFlowCall *call)
{
	for (int i = 0; i < call->nitems; i++)
	{
		const PgtFlowItem *item = &call->items[i];
		PgtCallTree *below = item->data;
		uint64_t	calls = item->count;
		int64_t		us = item->us;
		PgtCallTree *child;

		if (item->event != NULL)
			continue;
		child = child_of(tree, item->statement);
		if (below != NULL)
		{
			/* of several calls, some may have none below */
			calls -= below->calls;
			us -= below->inclusive;
			absorb(child, below);
		}
		child->calls += calls;
		child->inclusive += us;
		child->self += us;
	}
}

void
pgt_call_tree_add(PgtCallTree *root, PgtFlowCall *call)
{
	PgtCallTree *tree;

	if (call->entry->of.call.dep <= 0)
		tree = child_of(root, call->statement);
	else
	{
		bool		has_calls = false;

		for (int i = 0; i < call->nitems && !has_calls; i++)
			has_calls = call->items[i].event == NULL;
		if (!has_calls || call->entry->of.call.dep > MAX_DEPTH)
			return;
		tree = pg_malloc0(sizeof(PgtCallTree));
		tree->statement = call->statement;
		call->data = tree;
	}
	tree->calls++;
	tree->inclusive += call->entry->of.call.e;
	tree->self += call->self_e;
	take_items(tree, call);
}

static int
compare(const void *a, const void *b)
{
	const PgtCallTree *one = *(PgtCallTree *const *) a;
	const PgtCallTree *other = *(PgtCallTree *const *) b;

	if (one->inclusive != other->inclusive)
		return one->inclusive < other->inclusive ? 1 : -1;
	return one->statement->number - other->statement->number;
}

void
pgt_call_tree_sort(PgtCallTree *tree)
{
	if (tree->nchildren > 1)
		qsort(tree->children, tree->nchildren, sizeof(PgtCallTree *), compare);
	for (int i = 0; i < tree->nchildren; i++)
		pgt_call_tree_sort(tree->children[i]);
}
