/*
 * transaction.h
 *		The ends of transactions, and the statements that ask for them.
 */
#ifndef PGT_TRANSACTION_H
#define PGT_TRANSACTION_H

#include "extension/calls.h"

/* Postmaster, at load. */
extern void pgt_transaction_install(void);

/*
 * Will the transaction end right after this statement, which the client is
 * about to run at depth 0?
 */
extern bool pgt_transaction_will_end(const Node *statement);

/*
 * Keep the call of such a statement open until then.  It is the innermost one;
 * its cursor stays pinned.
 */
extern void pgt_transaction_keep(PgtCall *call);

/*
 * An error has been reported.  If it came from the end of a transaction, it
 * ends the call that is kept open.
 */
extern void pgt_transaction_fail(void);

#endif							/* PGT_TRANSACTION_H */
