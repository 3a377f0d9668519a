/*
 * emit_error.c
 *		Sends errors: PARSE ERROR and ERROR.
 *
 * calls.c and errors.c say which.  Called while an error is raised or hasn't been
 * cleaned up after yet, so nothing here may fail.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "extension/emit.h"
#include "extension/emit_error.h"
#include "extension/error_details.h"
#include "extension/guc.h"
#include "extension/nesting.h"
#include "extension/redact.h"
#include "extension/sql_text.h"

bool
pgt_emit_error(uint32 cursor, int depth, int sqlstate, bool hide)
{
	bool		again = pgt_error_details_are_sent(sqlstate);
	PgtErrorRecord *record = pgt_emit_begin(PGT_RECORD_ERROR,
											again ? PGT_ERROR_AGAIN_LEN :
											sizeof(PgtErrorRecord), NULL, 0,
											cursor, depth);

	if (record == NULL)
		return false;
	record->sqlstate = sqlstate != 0 ? sqlstate : ERRCODE_INTERNAL_ERROR;
	if (!again)
		pgt_error_details_fill(&record->details, sqlstate, hide);
	pgt_emit_commit();
	return true;
}

void
pgt_emit_parse_error(const char *text, int position, int sqlstate)
{
	Size		limit = pgt_max_sql_length;
	Size		len = strnlen(text, limit + 1);
	Size		full_len = len > limit ? strlen(text) : 0;
	char	   *redacted;
	PgtParseErrorRecord *record;

	len = pgt_clip(text, len, limit);
	redacted = pgt_redact_failed(text, &len,
								 sqlstate != ERRCODE_SYNTAX_ERROR,
								 pgt_values_hidden);

	record = pgt_emit_begin(PGT_RECORD_PARSE_ERROR,
							sizeof(PgtParseErrorRecord),
							redacted != NULL ? redacted : text, len, 0,
							pgt_call_depth);
	if (record != NULL)
	{
		record->total_len = len;
		record->full_len = full_len;
		record->userid = GetUserId();
		record->loginid = GetSessionUserId();
		record->sqlstate = sqlstate;
		record->position = Max(position, 0);
		pgt_error_details_fill(&record->details, sqlstate, redacted != NULL);
		pgt_emit_commit();
	}
	if (redacted != NULL)
		pfree(redacted);
}
