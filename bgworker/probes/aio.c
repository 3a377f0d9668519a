/*
 * aio.c
 *		Where the server keeps asynchronous I/O.
 *
 * From PostgreSQL 18 on, a process that needs a block may start to read it
 * and wait for the end of that later, which may come by another process.
 * Each I/O has a handle in shared memory, which says what it is about.
 * bpf/aio.bpf.h finds the one that a wait is for by what is described here.
 */
#include "postgres.h"

#include "bgworker/probes/aio.h"
#include "extension/compat.h"

#ifdef PGT_HAVE_AIO

/* Bit fields have no offset: is PgAioTargetData.smgr what struct pgt_aio says? */
static bool
is_as_expected(void)
{
	PgAioTargetData data;
	const struct pgt_aio *aio = (const struct pgt_aio *) &data;

	StaticAssertDecl(sizeof(data.smgr) == offsetof(struct pgt_aio, owner) &&
					 offsetof(RelFileLocator, spcOid) ==
					 offsetof(struct pgt_aio, tablespace) &&
					 offsetof(RelFileLocator, dbOid) ==
					 offsetof(struct pgt_aio, database) &&
					 offsetof(RelFileLocator, relNumber) ==
					 offsetof(struct pgt_aio, file) &&
					 sizeof(RelFileLocator) == offsetof(struct pgt_aio, block) &&
					 offsetof(PgAioTargetData, smgr.blockNum) ==
					 offsetof(struct pgt_aio, block) &&
					 offsetof(PgAioTargetData, smgr.nblocks) ==
					 offsetof(struct pgt_aio, nblocks), "PgAioTargetData");

	memset(&data, 0, sizeof(data));
	data.smgr.forkNum = INIT_FORKNUM;
	data.smgr.is_temp = true;
	return aio->fork == INIT_FORKNUM && aio->flags == PGT_AIO_TEMPORARY;
}

void
pgt_aio_describe(struct pgt_aio_layout *layout)
{
	StaticAssertDecl(offsetof(PgAioWaitRef, generation_lower) ==
					 offsetof(PgAioWaitRef, generation_upper) + sizeof(uint32),
					 "PgAioWaitRef");

	if (!is_as_expected())
		return;
	layout->handles = (uintptr_t) pgaio_ctl->io_handles;
	layout->backend = (uintptr_t) &pgaio_my_backend;
	layout->handle_size = sizeof(PgAioHandle);
	layout->handle_count = pgaio_ctl->io_handle_count;
	layout->target = offsetof(PgAioHandle, target);
	layout->generation = offsetof(PgAioHandle, generation);
	layout->owner = offsetof(PgAioHandle, owner_procno);
	layout->node = offsetof(PgAioHandle, node);
	layout->target_data = offsetof(PgAioHandle, target_data.smgr);
	layout->in_flight = offsetof(PgAioBackend, in_flight_ios.dlist.head.next);
	layout->nstaged = offsetof(PgAioBackend, num_staged_ios);
	layout->staged = offsetof(PgAioBackend, staged_ios);
	layout->reference_index = offsetof(PgAioWaitRef, aio_index);
	layout->reference_generation = offsetof(PgAioWaitRef, generation_upper);
	layout->completion = WAIT_EVENT_AIO_IO_COMPLETION;
	layout->execution = WAIT_EVENT_AIO_IO_URING_EXECUTION;
	layout->submission = WAIT_EVENT_AIO_IO_URING_SUBMIT;
	layout->relation_target = PGAIO_TID_SMGR;
}

#else

void
pgt_aio_describe(struct pgt_aio_layout *layout)
{
	memset(layout, 0, sizeof(*layout));
}

#endif							/* PGT_HAVE_AIO */
