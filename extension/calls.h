/*
 * calls.h
 *		The calls of the trace: PARSE, EXEC, FETCH, CLOSE.
 */
#ifndef PGT_CALLS_H
#define PGT_CALLS_H

#include "datatype/timestamp.h"

#include "extension/cursor.h"
#include "extension/event.h"

/* A call that has begun; lives in the frame of the hook, or in an execution */
typedef struct PgtCall
{
	struct PgtCall *outer;		/* while it is entered: the one around it */
	PgtCursor  *cursor;			/* valid while generation is the trace's */
	uint32		generation;
	PgtCallKind kind;
	int			depth;
	bool		hides_values;	/* of it, and of what runs in it */
	uint64		plan_node;		/* while it is entered: the caller's */
	uint64		begin_ns;
	uint64		begin_cpu_ns;
	int64		blocks_read;	/* counters when it began */
	int64		blocks_got;
	int64		blocks_dirtied;
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

/* How many calls this process is in, that is dep= of the next one. */
extern int	pgt_call_depth;

/*
 * Begin a call, one level below those that are open, and say so to the
 * worker.
 */
extern void pgt_call_begin(PgtCall *call, PgtCallKind kind, PgtCursor *cursor);

/*
 * Leave a call for the moment, or enter it again: between the hooks of one
 * execution, its caller's depth is the current one.
 */
extern void pgt_call_leave(const PgtCall *call);
extern void pgt_call_enter(PgtCall *call);

/* Is one of the calls that are entered of a statement that hides its values? */
extern bool pgt_calls_hide_values(void);

/* Is it the one that was entered last, and not left since? */
extern bool pgt_call_is_innermost(const PgtCall *call);

/* End a call: its line with figures up to now.  missed: planned anew. */
extern void pgt_call_end(const PgtCall *call, uint64 rows, bool missed);

/*
 * The same for a call that an error ends; to be called in PG_CATCH().
 */
extern void pgt_call_fail(const PgtCall *call);

/*
 * The process is about to end by a FATAL error, which passes no PG_CATCH():
 * the same for all calls that are entered, from the innermost outwards.
 */
extern void pgt_calls_fail(void);

/*
 * Has an error been reported by pgt_call_fail() since this was last called?
 */
extern bool pgt_call_failed(void);

#endif							/* PGT_CALLS_H */
