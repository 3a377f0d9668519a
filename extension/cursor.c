/*
 * cursor.c
 *		The cursor numbers of this process's trace.
 *
 * In the file, PARSING IN CURSOR gives a number to a statement text once, and
 * all later calls refer to it.  This is the backend's side of that: a
 * table of the texts last used, by hash, so that a hook neither allocates
 * memory nor sends a text twice.  When the table is full, the cursor that was
 * unused for longest is closed and its number goes to the new text.  Only if
 * all are in use, as in a deep recursion, whose every level has cursors of its
 * own, is the table enlarged.
 */
#include "postgres.h"

#include <ctype.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "extension/compat.h"
#include "extension/context.h"
#include "extension/cursor.h"
#include "extension/emit.h"
#include "extension/redact.h"

#define CHUNK_CURSORS	1024
#define MAX_CHUNKS		8
#define NBUCKETS		1024	/* a power of two */

typedef struct CursorTable
{
	PgtCursor  *chunks[MAX_CHUNKS]; /* of CHUNK_CURSORS each */
	int			nchunks;
	dlist_head	buckets[NBUCKETS];
	dlist_head	lru;
	int			nused;
	uint32		first_number;
} CursorTable;

static CursorTable table;

static bool
add_chunk(void)
{
	PgtCursor  *chunk;

	if (table.nchunks == MAX_CHUNKS)
		return false;
	chunk = MemoryContextAllocExtended(TopMemoryContext,
									   sizeof(PgtCursor) * CHUNK_CURSORS,
									   MCXT_ALLOC_NO_OOM);
	if (chunk == NULL)
		return false;
	table.chunks[table.nchunks++] = chunk;
	return true;
}

void
pgt_cursor_reset(uint32 first_number)
{
	for (int i = 0; i < NBUCKETS; i++)
		dlist_init(&table.buckets[i]);
	dlist_init(&table.lru);
	table.nused = 0;
	table.first_number = first_number;
}

/* Tell the worker that a cursor's number is free; depth is that of the caller. */
static bool
send_close(const PgtCursor *cursor, int depth)
{
	PgtEndRecord *record = pgt_emit_begin(PGT_RECORD_END, sizeof(PgtEndRecord),
										  NULL, 0,
										  cursor->number, depth);

	if (record == NULL)
		return false;
	record->kind = PGT_CALL_CLOSE;
	record->close_type = PGT_CLOSE_HARD;
	pgt_emit_commit();
	return true;
}

/* All cursors are open: a call can't be traced. */
static void
send_lost(int depth)
{
	PgtLostRecord *record = pgt_emit_begin(PGT_RECORD_LOST,
										   sizeof(PgtLostRecord), NULL, 0,
										   0, depth);

	if (record == NULL)
		return;
	record->count = 1;
	record->calls = true;
	pgt_emit_commit();
	pg_atomic_fetch_add_u64(&pgt_trace.session->queue.lost, 1);
}

/* The cursor that is unused for longest, taken out of the table, or NULL */
static PgtCursor *
evict(int depth)
{
	dlist_iter	iter;

	dlist_foreach(iter, &table.lru)
	{
		PgtCursor  *cursor = dlist_container(PgtCursor, lru, iter.cur);

		if (cursor->pins > 0)
			continue;
		if (cursor->sent && !send_close(cursor, depth))
			return NULL;
		dlist_delete(&cursor->chain);
		dlist_delete(&cursor->lru);
		return cursor;
	}
	return NULL;
}

/* An entry for a new text, without a hash yet; NULL if there is none. */
static PgtCursor *
free_entry(int depth)
{
	PgtCursor  *cursor = NULL;

	if (table.nused == table.nchunks * CHUNK_CURSORS)
	{
		if (table.nchunks > 0)
			cursor = evict(depth);
		if (cursor != NULL)
			return cursor;
		if (!add_chunk())
		{
			send_lost(depth);
			return NULL;
		}
	}
	cursor = &table.chunks[table.nused / CHUNK_CURSORS][table.nused % CHUNK_CURSORS];
	memset(cursor, 0, sizeof(*cursor));
	cursor->number = table.first_number + table.nused++;
	return cursor;
}

/* Send PARSING IN CURSOR. */
static bool
send_text(const PgtCursor *cursor, const char *text, uint32 command,
		  uint64 queryid)
{
	Size		len = cursor->len;
	char	   *redacted = pgt_redact(text, &len);
	PgtCursorRecord *record;

	record = pgt_emit_begin(PGT_RECORD_CURSOR, sizeof(PgtCursorRecord),
							redacted != NULL ? redacted : text, len,
							cursor->number, cursor->depth);
	if (record != NULL)
	{
		record->total_len = len;
		record->hash = cursor->hash;
		record->queryid = queryid;
		record->userid = GetUserId();
		record->loginid = GetSessionUserId();
		record->command = command;
		pgt_traceparent_find(text, cursor->len, record->traceparent);
		pgt_emit_commit();
	}
	if (redacted != NULL)
		pfree(redacted);
	return record != NULL;
}

/*
 * What stands for a statement without a text: one in a SQL function whose
 * body is stored parsed.
 */
static const char *
placeholder(uint32 command, uint64 queryid, int *len)
{
	static char text[96];

	*len = snprintf(text, sizeof(text),
					"/* statement without a text, command %u, query identifier "
					UINT64_FORMAT " */", command, queryid);
	return text;
}

/*
 * From PostgreSQL 18 on, comments before the first statement of a string
 * aren't part of it.  They may say more about it (traceparent.c).
 */
static void
include_comments(const char *query, int *location, int *len)
{
	const char *p = query;
	const char *end = query + Max(*location, 0);

	while (p < end)
	{
		const char *rest = NULL;

		if (strncmp(p, "--", 2) == 0)
			rest = strchr(p, '\n');
		else if (strncmp(p, "/*", 2) == 0 && (rest = strstr(p, "*/")) != NULL)
			rest++;
		else if (isspace((unsigned char) *p))
			rest = p;
		if (rest == NULL)
			return;
		p = rest + 1;
	}
	if (p > query && p == end)
	{
		*len += *len > 0 ? *location : 0;
		*location = 0;
	}
}

PgtCursor *
pgt_cursor_get(const char *query, int location, int len,
			   uint32 command, uint64 queryid, int depth)
{
	dlist_head *bucket;
	dlist_iter	iter;
	PgtCursor  *cursor;
	uint64		hash;

	if (depth == 0)
		pgt_context_send();
	if (query == NULL)
	{
		query = "";
		location = -1;
		len = 0;
	}
	include_comments(query, &location, &len);
	query = CleanQuerytext(query, &location, &len);
	if (len == 0)
		query = placeholder(command, queryid, &len);
	hash = hash_bytes_extended((const unsigned char *) query, len, depth);
	bucket = &table.buckets[hash & (NBUCKETS - 1)];

	dlist_foreach(iter, bucket)
	{
		cursor = dlist_container(PgtCursor, chain, iter.cur);
		if (cursor->hash == hash && cursor->len == (uint32) len &&
			cursor->depth == depth)
		{
			dlist_delete(&cursor->lru);
			dlist_push_tail(&table.lru, &cursor->lru);
			cursor->location = location;
			return cursor;
		}
	}

	cursor = free_entry(depth);
	if (cursor == NULL)
		return NULL;
	cursor->hash = hash;
	cursor->len = len;
	cursor->full_len = len;
	cursor->depth = depth;
	cursor->location = location;
	cursor->command = command;
	cursor->pins = 0;
	cursor->stat_sent = false;
	cursor->time_ns = 0;
	cursor->plan = NULL;
	cursor->plan_hash = 0;
	dlist_push_head(bucket, &cursor->chain);
	dlist_push_tail(&table.lru, &cursor->lru);

	cursor->sent = send_text(cursor, query, command, queryid);
	if (!cursor->sent)
	{
		/* the next execution tries again, under another number */
		cursor->len = PG_UINT32_MAX;
		dlist_delete(&cursor->lru);
		dlist_push_head(&table.lru, &cursor->lru);
		return NULL;
	}
	return cursor;
}

void
pgt_cursor_pin(PgtCursor *cursor)
{
	cursor->pins++;
}

void
pgt_cursor_unpin(PgtCursor *cursor)
{
	if (cursor->pins > 0)
		cursor->pins--;
}
