/*
 * tracer_wait.h
 *		Waiting for the worker.
 */
#ifndef PGT_TRACER_WAIT_H
#define PGT_TRACER_WAIT_H

#include "bpf/pg_trace.h"
#include "extension/session.h"

/* The caller's, for as long as it waits for one thing */
typedef struct PgtTracerWait
{
	enum pgt_tracer_reason reason;
	uint64		since_ns;
} PgtTracerWait;

/*
 * This process is going to wait for the worker.  Its latch is set when that has
 * done something about session; NULL: only when others do it.  To be called
 * before the first look, and ended by pgt_tracer_wait_end().  If an error
 * comes in between, the latch will be set for nothing.
 */
extern void pgt_tracer_wait_begin(PgtTracerWait *wait,
								  enum pgt_tracer_reason reason,
								  const PgtSession *session);

/*
 * Sleep until the latch is set, or timeout_ms.  May be woken for nothing, and
 * resets the latch, as any wait within another.
 */
extern void pgt_tracer_wait_sleep(const PgtTracerWait *wait, long timeout_ms);

extern void pgt_tracer_wait_end(void);

/*
 * This process takes part in a trace, which it may have waited for, from now
 * on; NULL: no longer.
 */
extern void pgt_tracer_wait_join(PgtSession *session);

/*
 * A call begins at now_ns: or earlier, if the process has waited since the
 * last one for the sake of the same message from the client.
 */
extern uint64 pgt_tracer_wait_call_begin(uint64 now_ns);

/* A call has ended, and what was waited for until now was within it. */
extern void pgt_tracer_wait_call_end(void);

/* For the BPF program: where it finds what the process waits for. */
extern void pgt_tracer_wait_describe(struct pgt_layout *layout);

#endif							/* PGT_TRACER_WAIT_H */
