/*
 * transaction.c
 *		The ends of transactions, and the statements that ask for them.
 *
 * COMMIT as a utility statement only notes that the transaction is to end.
 * Deferred triggers, the flush of the WAL and the wait for standbys come when
 * PostgreSQL does that, right after the utility hook has returned.  Since they
 * are what the client waits for, the call of the statement is kept open until
 * then: they are nested in its EXEC, and so are their errors.
 *
 *		utility hook	EXEC of COMMIT begins, and is kept
 *		(deferred triggers, WAL)
 *		end of transaction	XCTEND; the EXEC ends
 *
 * As in Oracle's traces, XCTEND comes before the EXEC.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"

#include "extension/activation.h"
#include "extension/emit_xact.h"
#include "extension/nesting.h"
#include "extension/transaction.h"

static PgtCall kept;			/* the statement's EXEC */
static bool is_kept = false;
static PgtTransactionEnd kept_end;

PgtTransactionEnd
pgt_transaction_end_of(const Node *statement)
{
	if (pgt_call_depth > 0 || !IsA(statement, TransactionStmt))
		return PGT_GOES_ON;

	switch (((const TransactionStmt *) statement)->kind)
	{
		case TRANS_STMT_COMMIT:
		case TRANS_STMT_ROLLBACK:
		case TRANS_STMT_PREPARE:
			/* an error has ended a failed one already */
			return IsAbortedTransactionBlockState() ? PGT_GOES_ON : PGT_ENDS;
		case TRANS_STMT_COMMIT_PREPARED:
			return PGT_COMMITS_PREPARED;
		case TRANS_STMT_ROLLBACK_PREPARED:
			return PGT_ROLLS_BACK_PREPARED;
		default:
			return PGT_GOES_ON;
	}
}

void
pgt_transaction_keep(PgtCall *call, PgtTransactionEnd end)
{
	pgt_call_leave(call);
	kept = *call;
	is_kept = true;
	kept_end = end;
	pgt_call_enter(&kept, pgt_stack());
	pgt_call_detach(&kept);
}

static void
end_kept(void)
{
	is_kept = false;
	pgt_call_end(&kept, 0, false);
	pgt_call_unpin(&kept);
}

void
pgt_transaction_fail(void)
{
	if (!is_kept)
		return;
	is_kept = false;
	/* a FATAL error has ended it with all the others */
	if (pgt_call_is_innermost(&kept))
		pgt_call_fail(&kept);
	pgt_call_unpin(&kept);
}

/*
 * A transaction that is prepared is at no end, though the session is no longer
 * in it; another statement, perhaps in another session, ends it.
 */
static void
send_end(XactEvent event)
{
	if (event == XACT_EVENT_ABORT)
	{
		pgt_emit_xact(true);
		return;
	}
	/* a fast-path call goes on, though its frame is not here */
	pgt_calls_settle(NULL);
	if (is_kept && kept_end > PGT_ENDS)
		pgt_emit_prepared_xact(kept_end == PGT_ROLLS_BACK_PREPARED);
	else if (event == XACT_EVENT_COMMIT)
		pgt_emit_xact(false);
}

static pg_noinline void
trace_end(XactEvent event)
{
	/* unless tracing has stopped in between */
	if (pgt_still_traced())
		send_end(event);
	if (is_kept)
		end_kept();
}

/*
 * Errors can still be raised, and no lightweight locks are held.  Processes that
 * run no statements, like the workers of autovacuum, meet no other hook.
 */
static pg_noinline void
trace_before_end(void)
{
	/* a process that connects keeps nobody waiting */
	if (IsInitProcessingMode())
		(void) pgt_traced();
	else
		pgt_trace_join();
}

/* The body is apart, so that this needs no stack frame where nothing is traced. */
static void
end_of_transaction(XactEvent event, void *arg pg_attribute_unused())
{
	if (likely(!pgt_may_be_traced() && !is_kept))
		return;
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		trace_end(event);
	else if (event == XACT_EVENT_PRE_COMMIT)
		trace_before_end();
}

static pg_noinline void
trace_subtransaction_end(void)
{
	if (pgt_still_traced())
		pgt_calls_sweep(0);
}

/* Some code has caught an error, or is going to: what fails in between ends. */
static void
hook_subtransaction(SubXactEvent event,
					SubTransactionId sub pg_attribute_unused(),
					SubTransactionId parent pg_attribute_unused(),
					void *arg pg_attribute_unused())
{
	if (likely(!pgt_may_be_traced()))
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		trace_subtransaction_end();
	else if (event == SUBXACT_EVENT_START_SUB)
		pgt_calls_watch_block();
}

void
pgt_transaction_install(void)
{
	RegisterSubXactCallback(hook_subtransaction, NULL);
	RegisterXactCallback(end_of_transaction, NULL);
}
