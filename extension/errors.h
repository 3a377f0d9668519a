/*
 * errors.h
 *		Errors that the client is told of.
 */
#ifndef PGT_ERRORS_H
#define PGT_ERRORS_H

/* Postmaster, at load. */
extern void pgt_errors_install(void);

#endif							/* PGT_ERRORS_H */
