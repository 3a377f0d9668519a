/*
 * fastpath.c
 *		Calls of functions by protocol message, without SQL.
 *
 * libpq's PQfn(), on which its functions for large objects rest, sends a
 * message that names a function.  No executor hook sees that.  But
 * PostgreSQL says in object_access_hook that a function is going to be
 * executed, and frees the memory of a message when it is done with it.  What
 * lies between these two is the call's EXEC, under a text that stands for the
 * statement that there isn't.  It includes the end of the transaction, if
 * there is no block.
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

#include "extension/activation.h"
#include "extension/calls.h"
#include "extension/fastpath.h"
#include "extension/lasting.h"
#include "extension/nesting.h"

#define COMMAND_EXECUTE		47	/* Oracle's PL/SQL EXECUTE */

static object_access_hook_type next_object_access = NULL;

/* There is one at a time */
static PgtLastingCall call = {.rows = 1};

/*
 * Is it such a call?  The executor, too, says what it is going to execute; but
 * then there is the string of a query.
 */
static bool
is_fastpath(void)
{
	return debug_query_string == NULL && MessageContext != NULL &&
		CurrentMemoryContext == MessageContext && !call.call.entered &&
		MyBackendType == B_BACKEND;
}

static pg_noinline void
trace_function(Oid function)
{
	PgtCursor  *cursor;
	char	   *name;
	char	   *text;

	if (!is_fastpath() || !pgt_traced() || pgt_call_depth > 0)
		return;
	name = format_procedure_extended(function, FORMAT_PROC_INVALID_AS_NULL |
									 FORMAT_PROC_FORCE_QUALIFY);
	if (name == NULL)
		return;
	text = psprintf("<fast-path call> %s", name);
	cursor = pgt_cursor_get(text, -1, 0, COMMAND_EXECUTE, 0, 0, NULL,
							NULL);
	if (cursor == NULL)
		return;

	/*
	 * The stack here is not the call's, but near: its caller has room for the
	 * arguments of any function.
	 */
	pgt_lasting_begin(&call, PGT_CALL_EXEC, cursor, pgt_stack());
	pgt_lasting_until(&call, MessageContext);
}

static void
hook_object_access(ObjectAccessType access, Oid class, Oid object, int sub,
				   void *arg)
{
	if (next_object_access)
		next_object_access(access, class, object, sub, arg);
	if (unlikely(pgt_may_be_traced()) && access == OAT_FUNCTION_EXECUTE)
		trace_function(object);
}

/*
 * A process that has never been traced doesn't have the hook, for whose sake
 * PostgreSQL does more than the hook.
 */
static void
begin_trace(void)
{
	static bool installed = false;

	if (installed)
		return;
	installed = true;
	next_object_access = object_access_hook;
	object_access_hook = hook_object_access;
}

void
pgt_fastpath_install(void)
{
	pgt_trace_begins = begin_trace;
}
