/*
 * lasting.c
 *		Calls that outlast the hook in which they begin.
 *
 * No hook tells of the end of a message or of a transaction.  But PostgreSQL
 * frees the memory that it has for either as the last thing that it does for
 * it, and then calls whoever wants to know.
 */
#include "postgres.h"

#include "extension/lasting.h"

static void
call_failed(PgtCall *call)
{
	pgt_call_unpin(call);
}

void
pgt_lasting_begin(PgtLastingCall *lasting, PgtCallKind kind,
				  PgtCursor *cursor, const char *stack)
{
	pgt_cursor_pin(cursor);
	pgt_call_begin(&lasting->call, kind, cursor, stack);
	lasting->call.failed = call_failed;
}

void
pgt_lasting_take(PgtLastingCall *lasting, PgtCall *call)
{
	pgt_call_leave(call);
	lasting->call = *call;
	lasting->call.failed = call_failed;
	pgt_call_enter(&lasting->call, NULL);
}

void
pgt_lasting_end(PgtLastingCall *lasting)
{
	if (!lasting->call.entered)
		return;
	pgt_call_end(&lasting->call, lasting->rows, lasting->missed);
	pgt_call_unpin(&lasting->call);
}

static void
memory_freed(void *arg)
{
	PgtLastingCall *lasting = (PgtLastingCall *) arg;

	lasting->awaited = false;
	pgt_lasting_end(lasting);
}

void
pgt_lasting_until(PgtLastingCall *lasting, MemoryContext context)
{
	/* of the same message or transaction: it can't be put in the list twice */
	if (lasting->awaited)
		return;
	lasting->awaited = true;
	lasting->end.func = memory_freed;
	lasting->end.arg = lasting;
	MemoryContextRegisterResetCallback(context, &lasting->end);
}
