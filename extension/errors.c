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
#include "extension/error_details.h"
#include "extension/errors.h"
#include "extension/redact.h"
#include "extension/sql_text.h"

/* What is shown of the statement on an error's own line */
#define MAX_STATEMENT	2048

static emit_log_hook_type prev_emit_log = NULL;

/*
 * An error outside any call, such as that of a bind value that can't be read or
 * of a statement in an aborted transaction: says which statement was meant.
 */
static void
send_with_statement(const ErrorData *edata)
{
	const char *text = debug_query_string != NULL ? debug_query_string : "";
	Size		len = strnlen(text, MAX_STATEMENT + 1);
	Size		full_len = len > MAX_STATEMENT ? strlen(text) : 0;
	char	   *redacted = NULL;
	PgtErrorRecord *record;

	len = pgt_clip(text, len, MAX_STATEMENT);
	if (len > 0)
		redacted = pgt_redact_failed(text, &len, true, false);
	record = pgt_emit_begin(PGT_RECORD_ERROR, sizeof(PgtErrorRecord),
							redacted != NULL ? redacted : text,
							Min(len, 2 * MAX_STATEMENT), 0, 0);
	if (record != NULL)
	{
		record->sqlstate = edata->sqlerrcode;
		record->full_len = full_len;
		record->bind = pgt_error_bind(edata);
		pgt_error_details_fill(&record->details, edata->sqlerrcode,
							   redacted != NULL);
		pgt_emit_commit();
	}
	if (redacted != NULL)
		pfree(redacted);
}

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
		send_with_statement(edata);
}

static void
report(const ErrorData *edata)
{
	bool		nested = edata->internalquery != NULL;

	if (!pgt_calls_know_error())
		pgt_error_details_keep(edata);
	/* before the calls that it is nested in end */
	if (nested && !pgt_calls_know_error())
		pgt_emit_parse_error(edata->internalquery, edata->internalpos,
							 edata->sqlerrcode);
	if (edata->elevel > ERROR)
		pgt_calls_fail(edata->sqlerrcode);
	else
		pgt_calls_sweep_detached(edata->sqlerrcode);
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
