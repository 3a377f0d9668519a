/*
 * lasting.h
 *		Calls that outlast the hook in which they begin.
 */
#ifndef PGT_LASTING_H
#define PGT_LASTING_H

#include "utils/palloc.h"

#include "extension/calls.h"

/* In static memory */
typedef struct PgtLastingCall
{
	PgtCall		call;
	uint64		rows;			/* for its line */
	bool		missed;
	bool		awaited;		/* end is registered, and hasn't been called */
	MemoryContextCallback end;
} PgtLastingCall;

/* Begin one.  stack is that of pgt_call_begin(). */
extern void pgt_lasting_begin(PgtLastingCall *lasting, PgtCallKind kind,
							  PgtCursor *cursor, const char *stack);

/* Have the innermost call, whose cursor is pinned, go on as a detached one. */
extern void pgt_lasting_take(PgtLastingCall *lasting, PgtCall *call);

/*
 * It ends when that memory is freed: a message's, or a transaction's.  An error
 * may have ended it before.
 */
extern void pgt_lasting_until(PgtLastingCall *lasting, MemoryContext context);

/* It ends now. */
extern void pgt_lasting_end(PgtLastingCall *lasting);

#endif							/* PGT_LASTING_H */
