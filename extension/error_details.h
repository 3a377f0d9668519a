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

/*
 * The same for the error that is being raised, in a callback of its context or
 * in PG_CATCH().
 */
extern void pgt_error_details_keep_current(void);

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
