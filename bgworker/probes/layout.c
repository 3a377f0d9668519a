/*
 * layout.c
 *		Where the server keeps what is read of it, and is it there?
 *
 * The worker and the BPF program read other processes' PGPROCs and buffers at
 * offsets that are compiled in.  PostgreSQL refuses a library of another major
 * version, but not one that was built with the headers of a server with
 * patched structures.  Such a library would read waits out of something else.
 * So what can be known of the worker's own entries is compared first; what the
 * BPF program is to know is described to it when it is loaded.
 *
 * The fields between those that are compared are where they should be as well,
 * unless somebody takes out as many bytes as he puts in.  Structures in
 * backends' own memory (RelationData, EState) can't be compared here.
 */
#include "postgres.h"

#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "storage/buf_internals.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/rel.h"

#include "bgworker/probes/aio.h"
#include "bgworker/probes/layout.h"
#include "extension/arrival.h"
#include "extension/compat.h"
#include "extension/plan_watch.h"
#include "extension/tracer_wait.h"

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

void
pgt_server_layout_describe(struct pgt_layout *layout)
{
	int			word = offsetof(PGPROC, wait_event_info);

	StaticAssertDecl(PG_WAIT_LWLOCK == 0x01000000U &&
					 PG_WAIT_LOCK == 0x03000000U &&
					 PG_WAIT_EXTENSION == 0x07000000U &&
					 PG_WAIT_IO == 0x0A000000U, "classes in bpf/target.bpf.h");
	StaticAssertDecl(sizeof(LOCKTAG) == sizeof(struct pgt_lock) &&
					 offsetof(LOCK, tag) == 0 &&
					 offsetof(LOCKTAG, locktag_type) ==
					 offsetof(struct pgt_lock, type), "LOCKTAG");
	StaticAssertDecl(sizeof(BufferTag) == sizeof(struct pgt_buffer) &&
					 offsetof(BufferDesc, tag) == 0, "BufferTag");
	StaticAssertDecl(sizeof(((PGPROC *) NULL)->lwWaitMode) == 1,
					 "PGPROC.lwWaitMode");

	layout->buffer_descriptors = (uintptr_t) BufferDescriptors;
	layout->buffer_descriptor_size = sizeof(BufferDescPadded);
	layout->lwlock_mode = (int) offsetof(PGPROC, lwWaitMode) - word;
	layout->lock = (int) offsetof(PGPROC, waitLock) - word;
	layout->lock_mode = (int) offsetof(PGPROC, waitLockMode) - word;
	layout->lock_wait_start = (int) offsetof(PGPROC, waitStart) - word;
	layout->relation_oid = offsetof(RelationData, rd_id);
	layout->relation = PGT_RELATION_OFFSET;
	layout->relation_is_address = PGT_RELATION_IS_ADDRESS;
	layout->local_word = (uintptr_t) pgt_arrival_local_word();
	pgt_plan_watch_describe(layout);
	pgt_tracer_wait_describe(layout);
	layout->client_port = (uintptr_t) &MyProcPort;
	layout->port_socket = offsetof(Port, sock);
	layout->client_read = WAIT_EVENT_CLIENT_READ;
	layout->client_write = WAIT_EVENT_CLIENT_WRITE;
	pgt_aio_describe(&layout->aio);
}
