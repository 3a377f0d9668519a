/*
 * calls.h
 *		The calls of the trace: PARSE, EXEC, FETCH, CLOSE.
 */
#ifndef PGT_CALLS_H
#define PGT_CALLS_H

#include "datatype/timestamp.h"
#include "utils/elog.h"

#include "extension/cursor.h"
#include "extension/emit.h"
#include "extension/lead.h"
#include "extension/record.h"

/*
 * A call that has begun.  It lives in an execution, so that recursion needs no
 * more of the stack than without the trace; or in the frame of a hook which has
 * a PG_CATCH().
 */
typedef struct PgtCall
{
	struct PgtCall *outer;		/* while it is entered: the one around it */
	const char *frame;			/* likewise: where the stack was, or NULL if
								 * it is detached: see pgt_call_begin() */
	void		(*failed) (struct PgtCall *call);	/* after its lines, or
													 * NULL */
	PgtCursor  *cursor;			/* valid while generation is the trace's */
	uint32		generation;
	PgtCallKind kind;
	int			depth;
	bool		entered;
	bool		hides_values;	/* of it, and of what runs in it */
	uint32		plan_hash;		/* the cursor's plan when it began, or what
								 * the caller has put in its place */
	uint64		plan_node;		/* while it is entered: the caller's */
	uint64		begin_ns;
	uint64		begin_cpu_ns;
	PgtBlockCounts blocks;		/* counters when it, or its lead, began */
	ErrorContextCallback context;	/* while it is watched, */
	const void *key;			/* by which it is found again */
} PgtCall;

/*
 * A trace begins.  If running_since isn't 0, that is when a statement began
 * that may still be running: what the hooks see until it is over is nested in
 * it, at depth 1.
 */
extern void pgt_calls_begin_trace(TimestampTz running_since);

/* For pgt_calls_follow() only */
extern TimestampTz pgt_outer_statement;
extern void pgt_calls_leave_outer(void);

/* To be called at each hook, before pgt_call_depth is used. */
static inline void
pgt_calls_follow(void)
{
	if (unlikely(pgt_outer_statement != 0))
		pgt_calls_leave_outer();
}

/* Where the stack is, for the hook that brackets a call */
#define pgt_stack() ((const char *) __builtin_frame_address(0))

/*
 * To be called at a hook, whose frame is given, before what it is called for is
 * shown: calls that errors have ended end, and what was caught is reported.
 * stack is NULL where none can have ended.
 */
extern void pgt_calls_settle(const char *stack);

/*
 * Begin a call, one level below those that are open, and say so to the
 * worker.  If stack is NULL, the call is detached: it goes on when the hook has
 * returned, until someone ends it.
 */
extern void pgt_call_begin(PgtCall *call, PgtCallKind kind, PgtCursor *cursor,
						   const char *stack);

/*
 * Leave a call for the moment, or enter it again: between the hooks of one
 * execution, its caller's depth is the current one.
 */
extern void pgt_call_leave(PgtCall *call);
extern void pgt_call_enter(PgtCall *call, const char *stack);

/*
 * Unpin its cursor.  If another trace has begun meanwhile, it doesn't have that.
 */
static inline void
pgt_call_unpin(const PgtCall *call)
{
	if (call->generation == pgt_trace.generation)
		pgt_cursor_unpin(call->cursor);
}

/*
 * End a call: its line with figures up to now.  missed: planned anew.  Returns
 * the elapsed time, without the lead that it has in the line at depth 0.
 */
extern uint64 pgt_call_end(PgtCall *call, uint64 rows, bool missed);

/*
 * The same for a call that an error ends, and for those within it; to be called
 * in PG_CATCH().
 */
extern void pgt_call_fail(PgtCall *call);

/*
 * What may raise an error in a call is between these two, so that the error is
 * known, whoever catches it.  By the key the call is found again, whatever the
 * trace does meanwhile.
 */
extern void pgt_call_watch(PgtCall *call, const void *key);
extern PgtCall *pgt_call_unwatch(const void *key);

/*
 * A block that catches errors begins.  Within it, a call is watched, too, that
 * has no hook around it, and so can't be between those two; such a call must not
 * be anywhere but in static memory.  Likewise what runs in no call, like a
 * deferred trigger.
 */
extern void pgt_calls_watch_block(void);

/*
 * End the calls that an error has ended: those whose hook is no longer on the
 * stack.  sqlstate is 0 if the caller doesn't know it.
 */
extern void pgt_calls_sweep(int sqlstate);

/* The error has ended the client's statement: detached calls end as well. */
extern void pgt_calls_sweep_detached(int sqlstate);

/* The memory of a call goes away: if it is still entered, an error ended it. */
extern void pgt_call_forget(PgtCall *call);

/*
 * The process is about to end by a FATAL error, which passes no PG_CATCH():
 * end all calls that are entered, from the innermost outwards.
 */
extern void pgt_calls_fail(int sqlstate);

/*
 * Has an error of a call been reported since this was last called?
 */
extern bool pgt_call_failed(void);

/* Was the error that is on its way raised in a call that was watched? */
extern bool pgt_calls_know_error(void);

/* It has come to its end: it was reported. */
extern void pgt_calls_error_reported(void);

#endif							/* PGT_CALLS_H */
