/*
 * fastpath.h
 *		Calls of functions by protocol message, without SQL.
 */
#ifndef PGT_FASTPATH_H
#define PGT_FASTPATH_H

/* Postmaster, at load: observe such calls in each process that is traced. */
extern void pgt_fastpath_install(void);

#endif							/* PGT_FASTPATH_H */
