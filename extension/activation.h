/*
 * activation.h
 *		Is this process traced?
 */
#ifndef PGT_ACTIVATION_H
#define PGT_ACTIVATION_H

#include "port/atomics.h"

/* Not for use but by pgt_traced(). */
extern pg_atomic_uint32 *pgt_trace_flag;
extern bool pgt_trace_look(void);

/*
 * Is this process traced?  The one test that a process pays for that isn't.
 * May begin or end the trace if a setting says so, and wait for that.
 */
static inline bool
pgt_traced(void)
{
	return unlikely(pg_atomic_read_u32(pgt_trace_flag) != 0) &&
		pgt_trace_look();
}

/*
 * Make the next hook look whether tracing of this session is to be started
 * or stopped.  Can't fail; for assign hooks.
 */
extern void pgt_trace_recheck(void);

#endif							/* PGT_ACTIVATION_H */
