/*
 * errors.c
 *		Errors that the client is told of: PARSE ERROR and ERROR.
 *
 * Most errors are raised within a call, which then has them (calls.c).  What
 * is left for the log's hook are those that come before a statement's first
 * call, in its analysis, or outside any, and FATAL errors, which no PG_CATCH()
 * sees.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "tcop/tcopprot.h"

#include "extension/activation.h"
#include "extension/calls.h"
#include "extension/emit.h"
#include "extension/emit_error.h"
#include "extension/errors.h"
#include "extension/transaction.h"

static emit_log_hook_type prev_emit_log = NULL;

/*
 * An error that no call has had.  If there is a position, it is in the client's
 * statement, which didn't get as far as a call.  Where there is no such text, as
 * in a process that connects or applies changes, it can't be one of it.
 */
static void
send_error(const ErrorData *edata)
{
	bool		in_text = edata->cursorpos > 0 ||
		ERRCODE_TO_CATEGORY(edata->sqlerrcode) ==
		ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION;

	if (in_text && debug_query_string != NULL)
		pgt_emit_parse_error(debug_query_string, edata->cursorpos,
							 edata->sqlerrcode);
	else
		(void) pgt_emit_error(0, 0, edata->sqlerrcode);
}

static void
report(const ErrorData *edata)
{
	bool		nested = edata->internalquery != NULL;

	/* before the calls that it is nested in end */
	if (nested && !pgt_calls_know_error())
		pgt_emit_parse_error(edata->internalquery, edata->internalpos,
							 edata->sqlerrcode);
	if (edata->elevel > ERROR)
		pgt_calls_fail(edata->sqlerrcode);
	else
		pgt_calls_sweep(edata->sqlerrcode);
	pgt_transaction_fail();
	if (!pgt_call_failed() && !nested)
		send_error(edata);
	pgt_calls_error_reported();
}

static void
hook_emit_log(ErrorData *edata)
{
	static bool in_hook = false;

	if (edata->elevel >= ERROR && !in_hook && pgt_still_traced())
	{
		in_hook = true;
		/* the locks of what has failed may still be held */
		pgt_emit_hurry();
		report(edata);
		pgt_emit_take_time();
		in_hook = false;
	}
	if (prev_emit_log)
		prev_emit_log(edata);
}

void
pgt_errors_install(void)
{
	prev_emit_log = emit_log_hook;
	emit_log_hook = hook_emit_log;
}
