/*
 * executions.h
 *		The executions that are open in this process.
 */
#ifndef PGT_EXECUTIONS_H
#define PGT_EXECUTIONS_H

#include "executor/execdesc.h"

#include "extension/calls.h"

/* Lives in the query's own memory context, and ends with it. */
typedef struct PgtExecution
{
	dlist_node	node;
	struct PgtExecution *next;	/* in its hash bucket */
	struct PgtExecution **link; /* what points to it there */
	QueryDesc  *query;
	PgtCursor  *cursor;
	uint32		plan_hash;		/* the cursor's, when it was found */
	uint32		generation;
	bool		is_dml;			/* all in EXEC, no FETCH */
	bool		want_stat;		/* STAT lines are to be sent */
	bool		rows_only;		/* that is all PostgreSQL was asked for */
	bool		has_run;
	WalUsage	wal_start;		/* the process's, when it began */
	uint32		number;			/* pgt_plan_watch_begin()'s, or 0 */

	/* If STAT lines are to be sent */
	uint64		elapsed_ns;		/* by its lines so far, in whole us */
	bool		stopped;		/* nodes are no longer timed by clocks */
	uint64		exact_ns;		/* of elapsed_ns, until then */
	uint64		start_ns;		/* what the executor's start has taken of it */
	uint64		finish_ns;		/* and its end */
	bool		call_open;		/* call has begun and isn't ended */
	PgtCall		call;			/* EXEC of DML; FETCH and CLOSE of the rest */
	MemoryContextCallback callback;
} PgtExecution;

/*
 * Register an execution that ExecutorStart has just prepared; pins the
 * cursor.  Returns NULL if there is no memory.
 */
extern PgtExecution *pgt_execution_add(QueryDesc *query, PgtCursor *cursor);

/* The execution of a query in the current trace, or NULL. */
extern PgtExecution *pgt_execution_find(const QueryDesc *query);

/*
 * As pgt_call_begin() and pgt_call_enter() for its call, but an error that ends
 * the call ends the execution.
 */
extern void pgt_execution_begin(PgtExecution *execution, PgtCallKind kind,
								const char *stack);
extern void pgt_execution_enter(PgtExecution *execution, const char *stack);

/* The execution that a call is of, if that was begun by the above */
#define pgt_execution_of(call) \
	((PgtExecution *) ((char *) (call) - offsetof(PgtExecution, call)))

/*
 * As pgt_call_end() for its call, which is one of those that make up its
 * elapsed time.
 */
extern void pgt_execution_end_call(PgtExecution *execution, uint64 rows);

/* So much has passed since begin_ns, and is part of its elapsed time. */
extern void pgt_execution_add_time(PgtExecution *execution, uint64 begin_ns,
								   uint64 elapsed_ns);

/* It has ended in the ordinary way. */
extern void pgt_execution_remove(PgtExecution *execution);

/* The transaction is rolled back, and all executions with it. */
extern void pgt_executions_abort(void);

/* A new trace begins: those of the one before are no longer looked up. */
extern void pgt_executions_reset(void);

#endif							/* PGT_EXECUTIONS_H */
