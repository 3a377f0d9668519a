/*
 * utilities.c
 *		The utility statements that this process is in.
 *
 * Recursion by CALL and DO passes through the utility hook, so that keeps as
 * little as possible on the stack: calls.c tells why, and how errors are noticed
 * nevertheless.  What has to be kept of a statement is here, in memory that is
 * used again and never freed.  Since an error may be noticed late, a statement
 * counts as running only while its error context callback is in place: PG_TRY()
 * takes that back at once.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "extension/leader.h"
#include "extension/transaction.h"
#include "extension/utilities.h"

typedef struct Utility
{
	struct Utility *outer;		/* or the next one that isn't in use */
	PgtCall		call;
	PgtTransactionEnd transaction_end;
	const char *string;			/* of which it is a part, */
	int			location;
	int			len;			/* 0: to the end */
} Utility;

static Utility *innermost = NULL;
static Utility *unused = NULL;

static Utility *
take(void)
{
	Utility    *utility = unused;

	if (utility == NULL)
		return MemoryContextAllocExtended(TopMemoryContext, sizeof(Utility),
										  MCXT_ALLOC_NO_OOM |
										  MCXT_ALLOC_ZERO);
	unused = utility->outer;
	return utility;
}

/* They end from the inside outwards, in whichever way. */
static void
give_back(Utility *utility)
{
	innermost = utility->outer;
	utility->outer = unused;
	unused = utility;
	pgt_leader_show(innermost != NULL &&
					innermost->call.generation == pgt_trace.generation ?
					innermost->call.cursor : NULL);
}

static void
call_failed(PgtCall *call)
{
	pgt_call_unpin(call);
	give_back((Utility *) ((char *) call - offsetof(Utility, call)));
}

static bool
is_running(const Utility *utility)
{
	const ErrorContextCallback *context = error_context_stack;

	while (context != NULL && context != &utility->call.context)
		context = context->previous;
	return context != NULL;
}

bool
pgt_utility_begin(PlannedStmt *statement, const char *string,
				  PgtCursor *cursor, const char *stack)
{
	Utility    *utility = take();

	if (utility == NULL)
		return false;

	utility->transaction_end =
		pgt_transaction_end_of(statement->utilityStmt);
	pgt_cursor_pin(cursor);
	/* also ends those that errors have ended */
	pgt_call_begin(&utility->call, PGT_CALL_EXEC, cursor, stack);
	utility->call.failed = call_failed;
	utility->string = string;
	utility->location = Max(statement->stmt_location, 0);
	utility->len = Max(statement->stmt_len, 0);
	if (statement->stmt_len <= 0 && statement->stmt_location <= 0)
		(void) pgt_utility_find_part(string, &utility->location,
									 &utility->len);
	utility->outer = innermost;
	innermost = utility;
	pgt_leader_show(cursor);
	pgt_call_watch(&utility->call, statement);
	return true;
}

void
pgt_utility_end(const PlannedStmt *statement, uint64 rows)
{
	PgtCall    *call = pgt_call_unwatch(statement);
	Utility    *utility;

	/* one that isn't entered any more has failed */
	if (call == NULL || !call->entered)
		return;
	utility = (Utility *) ((char *) call - offsetof(Utility, call));
	if (utility->transaction_end != PGT_GOES_ON)
	{
		call->failed = NULL;
		pgt_transaction_keep(call, utility->transaction_end);
	}
	else
	{
		pgt_call_end(call, rows, false);
		pgt_call_unpin(call);
	}
	give_back(utility);
}

bool
pgt_utility_find_part(const char *string, int *location, int *len)
{
	if (innermost == NULL || innermost->string == NULL || string == NULL ||
		!is_running(innermost))
		return false;
	/* a portal has a copy of the string */
	if (string != innermost->string && strcmp(string, innermost->string) != 0)
		return false;
	*location = innermost->location;
	*len = innermost->len;
	return true;
}
