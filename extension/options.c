/*
 * options.c
 *		What a trace that runs already includes, and who may change that.
 *
 * Whoever changes the options of a trace writes them into its session and
 * counts that up; the traced process compares the count at each hook, takes
 * the new ones over, and has the file say so at that place.
 */
#include "postgres.h"

#include "extension/calls.h"
#include "extension/guc.h"
#include "extension/nesting.h"
#include "extension/options.h"

bool
pgt_options_change(PgtSession *session, const PgtSession *request,
				   char *error, const char **hint, int *sqlstate)
{
	PgtOptions *options = &session->options;
	PgtOptions	wanted = *options;

	if ((request->named_options & PGT_NAMED_WAITS) != 0)
		wanted.waits = request->options.waits;
	if ((request->named_options & PGT_NAMED_BINDS) != 0)
		wanted.binds = request->options.binds;
	if ((request->named_options & PGT_NAMED_PLAN_STAT) != 0)
		wanted.plan_stat = request->options.plan_stat;

	if (OidIsValid(request->owner) && !OidIsValid(session->owner) &&
		(wanted.waits != options->waits || wanted.binds != options->binds ||
		 wanted.plan_stat != options->plan_stat))
	{
		*sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE;
		strlcpy(error, "must be a superuser to change a trace that a superuser began",
				PGT_ERROR_LEN);
		return false;
	}
	if (wanted.waits != options->waits)
	{
		snprintf(error, PGT_ERROR_LEN,
				 "it is being traced %s waits, and that can't be changed now",
				 options->waits ? "with" : "without");
		*hint = "Stop the trace first.";
		return false;
	}

	if (!OidIsValid(request->owner))
		session->owner = InvalidOid;
	if (wanted.binds != options->binds ||
		wanted.plan_stat != options->plan_stat)
	{
		options->binds = wanted.binds;
		options->plan_stat = wanted.plan_stat;
		/* a full barrier: who sees the count sees the options */
		pg_atomic_fetch_add_u32(&session->options_version, 1);
	}
	return true;
}

void
pgt_options_refresh(void)
{
	PgtSession *session = pgt_trace.session;
	PgtContextRecord *record;
	char		text[64];

	if (!pgt_emit_active())
		return;
	pgt_trace.options_version = pg_atomic_read_u32(&session->options_version);
	pg_read_barrier();
	pgt_trace.options.binds = session->options.binds;
	pgt_trace.options.plan_stat = session->options.plan_stat;

	snprintf(text, sizeof(text), "binds=%s plan_stat=%s",
			 pgt_trace.options.binds ? "on" : "off",
			 pgt_plan_stat_name(pgt_trace.options.plan_stat));
	record = pgt_emit_begin(PGT_RECORD_CONTEXT, sizeof(PgtContextRecord),
							text, strlen(text), 0, pgt_call_depth);
	if (record == NULL)
		return;
	record->kind = PGT_CONTEXT_OPTIONS;
	pgt_emit_commit();
}
