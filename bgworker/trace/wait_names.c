/*
 * wait_names.c
 *		Names of wait events.
 *
 * PostgreSQL's own lookup is used, once per event: for custom events it takes
 * a lock, and it raises an error for a number that nobody has registered.
 */
#include "postgres.h"

#include "pgstat.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "bgworker/trace/wait_names.h"
#include "extension/compat.h"

/* The class in a wait_event_info, as in PostgreSQL's wait_event.c */
#define WAIT_CLASS_MASK	0xFF000000U

static HTAB *names = NULL;

static void
look_up(PgtWaitName *entry)
{
	uint32		wait_event_info = entry->wait_event_info;
	MemoryContext caller = CurrentMemoryContext;
	const char *volatile name = NULL;
	const char *type = pgstat_get_wait_event_type(wait_event_info);

	PG_TRY();
	{
		name = pgstat_get_wait_event(wait_event_info);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		FlushErrorState();
	}
	PG_END_TRY();

	if (name == NULL || strcmp(name, "unknown wait event") == 0)
		snprintf(entry->name, sizeof(entry->name), "unknown 0x%08X",
				 wait_event_info);
	else
		strlcpy(entry->name, name, sizeof(entry->name));
	strlcpy(entry->type, type != NULL ? type : "???", sizeof(entry->type));
	entry->for_client = (wait_event_info & WAIT_CLASS_MASK) == PG_WAIT_CLIENT;
	entry->is_client_read = wait_event_info == WAIT_EVENT_CLIENT_READ;
	entry->is_lwlock = (wait_event_info & WAIT_CLASS_MASK) == PG_WAIT_LWLOCK;
}

const PgtWaitName *
pgt_wait_name(uint32 wait_event_info)
{
	PgtWaitName *entry;
	bool		found;

	if (names == NULL)
	{
		HASHCTL		control = {
			.keysize = sizeof(uint32),
			.entrysize = sizeof(PgtWaitName),
			.hcxt = TopMemoryContext,
		};

		names = hash_create("pg_trace_bgw wait event names", 256, &control,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}

	entry = hash_search(names, &wait_event_info, HASH_ENTER, &found);
	if (!found)
		look_up(entry);
	return entry;
}
