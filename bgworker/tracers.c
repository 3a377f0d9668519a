/*
 * tracers.c
 *		All traced processes, by slot.
 *
 * Events of the BPF program name a slot and the use of it that they are about;
 * here they find their trace, if it hasn't ended.  Waits are kept in its merge
 * (trace/merge.c) until the round puts them in order.  Of waits for locks,
 * only the last one of each process can still be going on.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "bgworker/tracers.h"

PgtTracer  *pgt_tracers = NULL;

/* Slots of tracers with lock_wait_ns; there is room for all */
static int *lock_waits = NULL;
static int	nlock_waits = 0;

static void *
allocate(Size size)
{
	return MemoryContextAllocExtended(TopMemoryContext, size * pgt_nsessions,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

void
pgt_tracers_init(void)
{
	pgt_tracers = allocate(sizeof(PgtTracer));
	lock_waits = allocate(sizeof(int));
}

PgtTracer *
pgt_tracers_next(const PgtTracer *tracer)
{
	for (int i = tracer == NULL ? 0 : tracer->slot + 1; i < pgt_nsessions; i++)
	{
		if (pgt_tracers[i].in_use)
			return &pgt_tracers[i];
	}
	return NULL;
}

bool
pgt_tracers_write(const char *name)
{
	for (PgtTracer *tracer = pgt_tracers_next(NULL); tracer != NULL;
		 tracer = pgt_tracers_next(tracer))
	{
		const char *slash = strrchr(tracer->writer.path, '/');

		if (tracer->writer.fd >= 0 && slash != NULL &&
			strcmp(slash + 1, name) == 0)
			return true;
	}
	return false;
}

/* Who an event is about; NULL if that trace has ended. */
static PgtTracer *
find(uint32 slot, uint32 generation)
{
	if (slot >= (uint32) pgt_nsessions || !pgt_tracers[slot].in_use ||
		pgt_tracers[slot].generation != generation)
		return NULL;
	return &pgt_tracers[slot];
}

void
pgt_tracers_wait(void *arg pg_attribute_unused(),
				 const struct pgt_wait_event *event)
{
	PgtTracer  *tracer = find(event->slot, event->generation);

	if (tracer != NULL)
		pgt_merge_add_wait(&tracer->merge, event);
}

void
pgt_tracers_lock_wait(void *arg pg_attribute_unused(),
					  const struct pgt_lock_event *event)
{
	PgtTracer  *tracer = find(event->slot, event->generation);

	if (tracer == NULL)
		return;
	if (tracer->lock_wait_ns == 0 && nlock_waits < pgt_nsessions)
		lock_waits[nlock_waits++] = tracer->slot;
	tracer->lock_wait_ns = event->start_ns;
}

PgtTracer *
pgt_tracers_take_lock_wait(void)
{
	return nlock_waits > 0 ? &pgt_tracers[lock_waits[--nlock_waits]] : NULL;
}
