/*
 * layout.c
 *		Does the server keep its data where this library was built to look?
 *
 * The worker and the BPF program read other processes' PGPROCs and buffers at
 * offsets that are compiled in.  PostgreSQL refuses a library of another major
 * version, but not one that was built with the headers of a server with patched
 * structures.  Such a library would read waits out of something else.  So what
 * can be known of the worker's own entries is compared first.
 *
 * The fields between those that are compared are where they should be as well,
 * unless somebody takes out as many bytes as he puts in.  Structures in
 * backends' own memory (RelationData, EState) can't be compared here.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/buf_internals.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/guc.h"

#include "bgworker/probes/layout.h"
#include "extension/arrival.h"
#include "extension/compat.h"

/* What isn't where it should be, or NULL */
static const char *
find_difference(void)
{
	const void *const *pointer = pgt_arrival_pointer();

	if (pointer == NULL || *pointer != &MyProc->wait_event_info)
		return "PGPROC.wait_event_info";
	if (MyProc->pid != MyProcPid)
		return "PGPROC.pid";
	if (MyLatch != &MyProc->procLatch || MyLatch->owner_pid != MyProcPid)
		return "PGPROC.procLatch";
	if (PGT_MY_PROC_NUMBER >= ProcGlobal->allProcCount ||
		&ProcGlobal->allProcs[PGT_MY_PROC_NUMBER] != MyProc)
		return "the size of PGPROC";
	if (BufferDescriptors[NBuffers - 1].bufferdesc.buf_id != NBuffers - 1)
		return "BufferDesc";
	return NULL;
}

bool
pgt_server_layout_fits(char *error, size_t error_len)
{
	const char *difference = find_difference();
	const char *server = GetConfigOption("server_version", false, false);

	if (difference == NULL)
		return true;
	snprintf(error, error_len,
			 "the server's structures differ from those that pg_trace_bgw was built with: %s (built for %s, the server is %s)",
			 difference, PG_VERSION, server);
	return false;
}
