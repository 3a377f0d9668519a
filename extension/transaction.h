/*
 * transaction.h
 *		The ends of transactions, and the statements that ask for them.
 */
#ifndef PGT_TRANSACTION_H
#define PGT_TRANSACTION_H

#include "extension/calls.h"

/* What a statement, when it is done, has for an end of the transaction. */
typedef enum PgtTransactionEnd
{
	PGT_GOES_ON,				/* it doesn't end */
	PGT_ENDS,					/* by COMMIT or ROLLBACK */
	PGT_COMMITS_PREPARED,		/* another's, which matters more than its own */
	PGT_ROLLS_BACK_PREPARED
} PgtTransactionEnd;

/* Postmaster, at load. */
extern void pgt_transaction_install(void);

/*
 * How will the transaction end right after this statement, which the client is
 * about to run at depth 0?
 */
extern PgtTransactionEnd pgt_transaction_end_of(const Node *statement);

/*
 * Keep the call of such a statement open until then.  It is the innermost one;
 * its cursor stays pinned.
 */
extern void pgt_transaction_keep(PgtCall *call, PgtTransactionEnd end);

#endif							/* PGT_TRANSACTION_H */
