/*
 * other_wait.c
 *		Stores a wait event for another process, which no probe of that sees.
 *
 * For 065_self_test.pl.  A process's wait_event_info is in shared memory;
 * probes on it see what the process itself stores.
 */
#include "postgres.h"

#include "fmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/wait_event.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT Datum set_wait_event(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(set_wait_event);

Datum
set_wait_event(PG_FUNCTION_ARGS)
{
	PGPROC	   *proc = BackendPidGetProc(PG_GETARG_INT32(0));

	if (proc != NULL)
		*(volatile uint32 *) &proc->wait_event_info = PG_WAIT_EXTENSION;
	PG_RETURN_BOOL(proc != NULL);
}
