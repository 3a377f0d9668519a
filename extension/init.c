/*
 * init.c
 *		Loading the library.
 *
 * What flows where:
 *
 *	  traced backend                                kernel
 *	  hooks.c -> calls.c, emit*.c                   bpf/pg_trace.bpf.c
 *		 |  records (record.h)                         |  wait events
 *		 v                                             v
 *	  queue.c, one per session                      BPF ring buffer
 *		 |                                             |
 *		 +--------> background worker <----------------+
 *					merge.c -> format.c -> writer.c -> trace file
 *
 *	  sqlfuncs.c, activation.c -> control.c -> the worker attaches and detaches
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "bgworker/worker.h"
#include "extension/arrival.h"
#include "extension/compat.h"
#include "extension/errors.h"
#include "extension/fastpath.h"
#include "extension/fork.h"
#include "extension/guc_define.h"
#include "extension/hooks.h"
#include "extension/libraries.h"
#include "extension/privilege.h"
#include "extension/session.h"
#include "extension/transaction.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	if (IsBinaryUpgrade)
		return;
	if (!process_shared_preload_libraries_in_progress)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_trace_bgw can only be loaded by shared_preload_libraries"),
				 errhint("Add pg_trace_bgw to shared_preload_libraries in postgresql.conf and restart the server.")));

	pgt_guc_define();
	EnableQueryId();
	if (IsPostmasterEnvironment)
	{
		pgt_privilege_install();
		pgt_arrival_install();
		pgt_fork_install(pgt_worker_is_own);
	}
	pgt_session_install();
	pgt_libraries_install();
	pgt_worker_register();
	pgt_hooks_install();
	pgt_transaction_install();
	pgt_fastpath_install();
	pgt_errors_install();
}
