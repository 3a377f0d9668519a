/*
 * call_tree.h
 *		Which statement was called from which, with times.
 */
#ifndef PGT_COMMANDS_CALL_TREE_H
#define PGT_COMMANDS_CALL_TREE_H

#include "cli/model/flow.h"

/* A statement on its way from a statement of the client's */
typedef struct PgtCallTree
{
	PgtStatement *statement;	/* NULL: the root */
	uint64_t	calls;
	int64_t		inclusive;
	int64_t		self;
	struct PgtCallTree **children;
	int			nchildren;
	struct PgtCallTree **by_number; /* with many children: by the number of
									 * their statement */
	int			numbers;
} PgtCallTree;

/*
 * Put a call that has ended into the tree that its data will be, or if it has
 * none around it, into the root.
 */
extern void pgt_call_tree_add(PgtCallTree *root, PgtFlowCall *call);

/* For PgtFlowEvents.merge */
extern void *pgt_call_tree_merge(void *arg, void *data, void *other);

/* Sort all children, the longest first. */
extern void pgt_call_tree_sort(PgtCallTree *tree);

#endif							/* PGT_COMMANDS_CALL_TREE_H */
