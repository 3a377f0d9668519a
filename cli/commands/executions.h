/*
 * executions.h
 *		Executions of statements: EXEC, its FETCHes and its CLOSE, with its bind
 *		values.
 *
 * One for each file that is read.  Memory is that of its cursors.
 */
#ifndef PGT_COMMANDS_EXECUTIONS_H
#define PGT_COMMANDS_EXECUTIONS_H

#include "cli/model/flow.h"

/* Of bind values, so much is kept */
#define PGT_BINDS_LEN	480

typedef struct PgtExecution
{
	PgtStatement *statement;
	bool		is_open;		/* its EXEC has been read */
	uint64_t	line;			/* of EXEC */
	int64_t		begin;			/* tim */
	int64_t		us;				/* e of its calls */
	int64_t		rows;
	bool		has_binds;		/* BINDS were read since its last EXEC */
	int			binds_len;
	char		binds[PGT_BINDS_LEN];	/* "5, 'text', NULL", cut with "..." */
} PgtExecution;

typedef struct PgtExecutions PgtExecutions;

typedef void (*PgtExecutionDone) (void *arg, const PgtExecution *execution);

extern PgtExecutions *pgt_executions_create(PgtExecutionDone done, void *arg);

/* Take note of BINDS and Bind#, before the flow does. */
extern void pgt_executions_note(PgtExecutions *executions,
								const PgtEntry *entry);

/* Of a call that has ended; returns the execution that it is of, or NULL. */
extern const PgtExecution *pgt_executions_call(PgtExecutions *executions,
											   const PgtFlowCall *call);

/* At the end of the file: those that are open are done.  Frees all. */
extern void pgt_executions_finish(PgtExecutions *executions);

#endif							/* PGT_COMMANDS_EXECUTIONS_H */
