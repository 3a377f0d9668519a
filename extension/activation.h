/*
 * activation.h
 *		Is this process traced?
 */
#ifndef PGT_ACTIVATION_H
#define PGT_ACTIVATION_H

#include "port/atomics.h"

/*
 * Not for use but by the functions below.  That the flag is in this library is
 * said here as well, which saves an instruction in every hook.
 */
extern __attribute__((visibility("hidden")))
pg_atomic_uint32 *pgt_trace_flag;
extern bool pgt_trace_look(void);
extern bool pgt_trace_goes_on(void);

/* If not, this process isn't traced. */
static inline bool
pgt_may_be_traced(void)
{
	return pg_atomic_read_u32(pgt_trace_flag) != 0;
}

/*
 * Is this process traced?  The one test that a process pays for that isn't.
 * May begin or end the trace if a setting says so, and wait for that.
 */
static inline bool
pgt_traced(void)
{
	return unlikely(pgt_may_be_traced()) && pgt_trace_look();
}

/*
 * Take part in a trace that the worker has begun, without waiting for anything.
 * May raise an error.
 */
extern void pgt_trace_join(void);

/*
 * As pgt_traced(), where nothing may fail or wait: in callbacks of transactions, and
 * after errors.  Neither begins nor ends a trace.
 */
static inline bool
pgt_still_traced(void)
{
	return unlikely(pgt_may_be_traced()) && pgt_trace_goes_on();
}

/*
 * Make the next hook look whether tracing of this session is to be started
 * or stopped.  Can't fail; for assign hooks.
 */
extern void pgt_trace_recheck(void);

/*
 * Called when a trace of this process begins.  fastpath.c has it set at load: it
 * asks this file whether the process is traced, so this file can't know it.
 */
extern void (*pgt_trace_begins) (void);

#endif							/* PGT_ACTIVATION_H */
