/*
 * analysis.c
 *		The analysis of statements.
 *
 * A statement that the client sends is parsed, analyzed and rewritten before any
 * other hook.  All that is the lead (lead.c) of its PARSE, which there are three
 * kinds of:
 *
 *		planned at once		the planner's (hooks.c)
 *		a utility statement	up to its EXEC (hooks.c)
 *		a Parse message		begins here, and lasts until the message is done
 *
 * What is analyzed within a call, as in a function, is a part of that call.
 */
#include "postgres.h"

#include "access/xact.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#include "extension/activation.h"
#include "extension/analysis.h"
#include "extension/command.h"
#include "extension/compat.h"
#include "extension/lasting.h"
#include "extension/nesting.h"
#include "extension/statement.h"

static post_parse_analyze_hook_type next_analyze = NULL;

/* The message with a statement that was analyzed and had no call yet; or 0 */
static TimestampTz analyzed = 0;

/* Of the Parse message that is handled now */
static PgtLastingCall parse = {.missed = true};

static void
begin_parse(const char *string, const Query *query)
{
	uint32		command = query->commandType == CMD_UTILITY ?
		pgt_command_of_utility(query->utilityStmt) :
		pgt_command_of_operation(query->commandType);
	PgtCursor  *cursor;

	/* else it would be found by its plan, which it doesn't have */
	if (parse.call.entered || !pgt_cursor_keeps_text(strlen(string)))
		return;
	cursor = pgt_statement_cursor(string, query->stmt_location,
								  query->stmt_len, command,
								  PGT_QUERY_ID(query->queryId), NULL,
								  query->utilityStmt);
	if (cursor == NULL)
		return;
	pgt_lasting_begin(&parse, PGT_CALL_PARSE, cursor, NULL);
	/* the cursor may have a plan, but this isn't the call that has made it */
	parse.call.plan_hash = 0;
	pgt_lasting_until(&parse, MessageContext);
}

static void
trace_analyze(const ParseState *pstate, const Query *query)
{
	const char *string = pstate->p_sourcetext;

	pgt_statement_note_analyzed(string, query);
	/* the client's statements have no copy of the string */
	if (pgt_call_depth > 0 || string == NULL || string != debug_query_string)
		return;
	/* only in a Parse message may parameters' types be left to be found out */
	if (pstate->p_paramref_hook != NULL && MyBackendType == B_BACKEND)
		begin_parse(string, query);
	else
		analyzed = GetCurrentStatementStartTimestamp();
}

/* Apart from the hook, which otherwise would have a stack frame in any case */
static pg_noinline void
look_at_analyze(PGT_ANALYZE_PARAMS)
{
	/* others may change the query identifier */
	if (next_analyze)
		next_analyze(PGT_ANALYZE_ARGS);
	if (pgt_traced())
		trace_analyze(pstate, query);
}

static void
hook_analyze(PGT_ANALYZE_PARAMS)
{
	if (unlikely(pgt_may_be_traced()))
		look_at_analyze(PGT_ANALYZE_ARGS);
	else if (next_analyze)
		next_analyze(PGT_ANALYZE_ARGS);
}

void
pgt_analysis_install(void)
{
	next_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = hook_analyze;
}

bool
pgt_analysis_take(void)
{
	bool		result = pgt_call_depth == 0 && analyzed != 0 &&
		analyzed == GetCurrentStatementStartTimestamp();

	if (pgt_call_depth == 0)
		analyzed = 0;
	return result;
}
