/*
 * errors.c
 *		Errors that the client is told of: PARSE ERROR and ERROR.
 *
 * Most errors pass through a hook, whose call then has them (calls.c).  What
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
#include "extension/errors.h"
#include "extension/guc.h"
#include "extension/redact.h"
#include "extension/sql_text.h"
#include "extension/transaction.h"

static emit_log_hook_type prev_emit_log = NULL;

/* An error that no call has had: the statement didn't get that far. */
static void
send_parse_error(const ErrorData *edata)
{
	const char *text = debug_query_string != NULL ? debug_query_string : "";
	Size		limit = pgt_max_sql_length;
	Size		len = strnlen(text, limit + 1);
	Size		full_len = len > limit ? strlen(text) : 0;
	char	   *redacted;
	PgtParseErrorRecord *record;

	len = pgt_clip(text, len, limit);
	redacted = pgt_redact_failed(text, &len,
								 edata->sqlerrcode != ERRCODE_SYNTAX_ERROR);

	record = pgt_emit_begin(PGT_RECORD_PARSE_ERROR,
							sizeof(PgtParseErrorRecord),
							redacted != NULL ? redacted : text, len, 0, 0);
	if (record != NULL)
	{
		record->total_len = len;
		record->full_len = full_len;
		record->userid = GetUserId();
		record->loginid = GetSessionUserId();
		record->sqlstate = edata->sqlerrcode;
		record->position = Max(edata->cursorpos, 0);
		pgt_emit_commit();
	}
	if (redacted != NULL)
		pfree(redacted);
}

static void
send_error(const ErrorData *edata)
{
	PgtErrorRecord *record = pgt_emit_begin(PGT_RECORD_ERROR,
											sizeof(PgtErrorRecord), NULL, 0,
											0, 0);

	if (record == NULL)
		return;
	record->sqlstate = edata->sqlerrcode;
	pgt_emit_commit();
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
		if (edata->elevel > ERROR)
			pgt_calls_fail(edata->sqlerrcode);
		else
			pgt_calls_sweep(edata->sqlerrcode);
		pgt_transaction_fail();
		if (!pgt_call_failed())
		{
			if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) ==
				ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION)
				send_parse_error(edata);
			else
				send_error(edata);
		}
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
