/*
 * emit_xact.c
 *		Sends the end of a transaction.
 *
 * It is known to the callback of transactions (transaction.c), and where the
 * process ends in the middle of one (activation.c).
 */
#include "postgres.h"

#include "access/xact.h"

#include "extension/calls.h"
#include "extension/emit.h"
#include "extension/emit_xact.h"
#include "extension/executions.h"
#include "extension/nesting.h"

static void
send(bool rolled_back, bool read_only)
{
	PgtXactRecord *record = pgt_emit_begin(PGT_RECORD_XACT,
										   sizeof(PgtXactRecord), NULL, 0,
										   0, pgt_call_depth);

	if (record == NULL)
		return;
	record->rolled_back = rolled_back;
	record->read_only = read_only;
	pgt_emit_commit();
}

void
pgt_emit_xact(bool rolled_back)
{
	if (rolled_back)
	{
		pgt_calls_sweep(0);
		pgt_executions_abort();
	}
	send(rolled_back,
		 !FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()));
}

void
pgt_emit_prepared_xact(bool rolled_back)
{
	/* what is prepared has a transaction identifier */
	send(rolled_back, false);
}
