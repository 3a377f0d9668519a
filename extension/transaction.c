/*
 * transaction.c
 *		The ends of transactions, and the statements that ask for them.
 *
 * COMMIT as a utility statement only notes that the transaction is to end.
 * Deferred triggers, the flush of the WAL, the wait for standbys and the removal
 * of files come when PostgreSQL does that, right after the utility hook has
 * returned.  Since they are what the client waits for, the call of the statement
 * is kept open until then: they are nested in its EXEC, and so are their errors.
 *
 *		utility hook	EXEC of COMMIT begins, and is kept
 *		(deferred triggers)
 *		before the end	without such a statement, an EXEC begins
 *		(WAL)
 *		end of transaction	XCTEND
 *		(locks, files)
 *		its memory is freed	the EXEC ends
 *
 * As in Oracle's traces, XCTEND comes before the EXEC.  The commit of a single
 * statement, or of a procedure, has a text that stands for the statement that
 * there isn't; one that has written nothing takes no time and has no call.
 *
 * In a parallel worker, the ends of transactions bracket its work.  If that is a
 * utility statement's, no other hook does, and it is its leader's EXEC.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/memutils.h"

#include "extension/activation.h"
#include "extension/emit_xact.h"
#include "extension/lasting.h"
#include "extension/leader.h"
#include "extension/nesting.h"
#include "extension/transaction.h"

#define COMMAND_COMMIT	44		/* Oracle's */

/* The EXEC of what ends the transaction */
static PgtLastingCall kept;
static PgtTransactionEnd kept_end;

/* In a parallel worker: the EXEC of its leader's utility statement */
static PgtLastingCall leaders;

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
	kept_end = end;
	pgt_lasting_take(&kept, call);
	pgt_lasting_until(&kept, TopTransactionContext);
}

/* A commit that no statement has asked for */
static void
begin_commit(void)
{
	PgtCursor  *cursor;

	if (kept.call.entered || !TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	pgt_calls_settle(NULL);
	cursor = pgt_cursor_get("<commit>", -1, 0, COMMAND_COMMIT, 0,
							pgt_call_depth, NULL, NULL);
	if (cursor == NULL)
		return;
	kept_end = PGT_ENDS;
	pgt_lasting_begin(&kept, PGT_CALL_EXEC, cursor, NULL);
	pgt_lasting_until(&kept, TopTransactionContext);
}

/* The transaction in which a parallel worker gets its leader's settings ends. */
static void
begin_leaders(void)
{
	PgtCursor  *cursor = pgt_leader_statement();

	if (cursor != NULL)
		pgt_lasting_begin(&leaders, PGT_CALL_EXEC, cursor, NULL);
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
	if (kept.call.entered && kept_end > PGT_ENDS)
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
	if (!pgt_emit_active())
		return;
	if (IsParallelWorker())
		begin_leaders();
	else
		begin_commit();
}

/* The body is apart, so that this needs no stack frame where nothing is traced. */
static void
end_of_transaction(XactEvent event, void *arg pg_attribute_unused())
{
	if (likely(!pgt_may_be_traced()))
		return;
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		trace_end(event);
	else if (event == XACT_EVENT_PRE_COMMIT)
		trace_before_end();
	else if (event == XACT_EVENT_PARALLEL_COMMIT ||
			 event == XACT_EVENT_PARALLEL_ABORT)
		pgt_lasting_end(&leaders);
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
