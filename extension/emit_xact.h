/*
 * emit_xact.h
 *		Sends the end of a transaction.
 */
#ifndef PGT_EMIT_XACT_H
#define PGT_EMIT_XACT_H

/*
 * Send XCTEND.  If the transaction is rolled back, all calls and executions that
 * are open end first.
 */
extern void pgt_emit_xact(bool rolled_back);

/* The same for one that was prepared, by whichever session. */
extern void pgt_emit_prepared_xact(bool rolled_back);

#endif							/* PGT_EMIT_XACT_H */
