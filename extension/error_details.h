/*
 * error_details.h
 *		What is known of an error besides its code.
 */
#ifndef PGT_ERROR_DETAILS_H
#define PGT_ERROR_DETAILS_H

#include "utils/elog.h"

#include "extension/record.h"

/* Keep what this error says, until the next one. */
extern void pgt_error_details_keep(const ErrorData *edata);

/* To be called before the others, where an error does no harm. */
extern void pgt_error_prepare(void);

/*
 * The error that is being raised, or a mere message, as a copy until
 * pgt_error_copy_free(): in a callback of its context, or in PG_CATCH().  Up to
 * then, what is palloc()ed goes away with it.
 */
extern const ErrorData *pgt_error_copy(void);
extern void pgt_error_copy_free(void);

/*
 * What was kept, if it is of an error with this code.  hide: of a statement
 * whose values are secret, so the message may have some.
 */
extern void pgt_error_details_fill(PgtErrorDetails *details, int sqlstate,
								   bool hide);

/*
 * Has what was kept been sent, or is it of another error?  Thousands of calls
 * may end by one error, and only the first of them says all of it.
 */
extern bool pgt_error_details_are_sent(int sqlstate);

/* The number of the bind value that an error was raised for, 0 if none was */
extern int	pgt_error_bind(const ErrorData *edata);

#endif							/* PGT_ERROR_DETAILS_H */
