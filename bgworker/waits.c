/*
 * waits.c
 *		Names of wait events.
 *
 * PostgreSQL's own lookup is used, once per event: for custom events it takes
 * a lock, and it raises an error for a number that nobody has registered.
 */
#include "postgres.h"

#include "pgstat.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "bgworker/waits.h"
#include "extension/compat.h"

#define MAX_NAME_LEN	128

typedef struct WaitName
{
	uint32		wait_event_info;	/* hash key */
	char		name[MAX_NAME_LEN];
} WaitName;

static HTAB *names = NULL;

static void
look_up(uint32 wait_event_info, char *name)
{
	MemoryContext caller = CurrentMemoryContext;
	const char *volatile found = NULL;

	PG_TRY();
	{
		found = pgstat_get_wait_event(wait_event_info);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		FlushErrorState();
	}
	PG_END_TRY();

	if (found == NULL || strcmp(found, "unknown wait event") == 0)
		snprintf(name, MAX_NAME_LEN, "unknown 0x%08X", wait_event_info);
	else
		strlcpy(name, found, MAX_NAME_LEN);
}

const char *
pgt_wait_name(uint32 wait_event_info)
{
	WaitName   *entry;
	bool		found;

	if (names == NULL)
	{
		HASHCTL		control = {
			.keysize = sizeof(uint32),
			.entrysize = sizeof(WaitName),
			.hcxt = TopMemoryContext,
		};

		names = hash_create("pg_trace_bgw wait event names", 256, &control,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}

	entry = hash_search(names, &wait_event_info, HASH_ENTER, &found);
	if (!found)
		look_up(wait_event_info, entry->name);
	return entry->name;
}
