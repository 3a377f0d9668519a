/*
 * fastpath.h
 *		Calls of functions by protocol message, without SQL.
 */
#ifndef PGT_FASTPATH_H
#define PGT_FASTPATH_H

/*
 * A trace of this process begins.  A process that has never been traced doesn't
 * have the hook, for whose sake PostgreSQL does more than the hook.
 */
extern void pgt_fastpath_begin_trace(void);

#endif							/* PGT_FASTPATH_H */
