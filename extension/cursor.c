/*
 * cursor.c
 *		The cursor numbers of this process's trace.
 *
 * In the file, PARSING IN CURSOR gives a number to a statement once, and all
 * later calls refer to it.  This is the backend's side of that: a table of the
 * statements last used, by hash, so that no text is sent twice.  When the table
 * is full, the cursor that was unused for longest is closed and its number goes
 * to the new text.  Only if all are in use, as in a deep recursion, whose every
 * level has cursors of its own, is the table enlarged.
 *
 * A statement is the same only if its whole text is, and its command, its query
 * identifier and its user: hashes can be made to agree by whoever writes the
 * SQL.  So texts are kept, as many as there is room for.  One that is not kept,
 * or was cut, and so can't be compared, has the same cursor as long as it has
 * the same plan: the plan's memory tells when that is gone.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "extension/compat.h"
#include "extension/context.h"
#include "extension/cursor.h"
#include "extension/emit.h"
#include "extension/guc.h"
#include "extension/nesting.h"
#include "extension/plan_hash.h"
#include "extension/redact.h"
#include "extension/sql_text.h"

#define CHUNK_CURSORS	1024
#define MAX_CHUNKS		8
#define NBUCKETS		1024	/* a power of two */

/* Bytes of text that are kept, altogether and of one statement */
#define KEPT_TOTAL		(16 * 1024 * 1024)
#define KEPT_MAX		(KEPT_TOTAL / 4)

/* How much of a text that isn't kept makes its hash, which is only shown */
#define HASHED_LEN		1024

typedef struct CursorTable
{
	PgtCursor  *chunks[MAX_CHUNKS]; /* of CHUNK_CURSORS each */
	int			nchunks;
	dlist_head	buckets[NBUCKETS];
	dlist_head	lru;			/* those that aren't pinned */
	int			nused;
	uint32		first_number;
	MemoryContext texts;
	Size		kept;			/* bytes of texts */
} CursorTable;

/* Of a plan whose cursors are found by it; lives in the plan's memory */
typedef struct PlanEnd
{
	MemoryContextCallback callback;
	const PlannedStmt *plan;
} PlanEnd;

/* A statement that a cursor is wanted for */
typedef struct Statement
{
	PgtSqlText	sql;
	bool		by_plan;		/* its text can't be compared */
	uint64		hash;
	int			depth;
	uint32		command;
	uint64		queryid;
	Oid			userid;
	Oid			loginid;
	const PlannedStmt *plan;
	const Node *utility;
} Statement;

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
	if (table.texts == NULL)
		table.texts = AllocSetContextCreate(TopMemoryContext,
											"pg_trace_bgw texts",
											ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(table.texts);
	table.kept = 0;
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

/* In no list, but dlist_delete() may be called for it. */
static void
detach(dlist_node *node)
{
	node->prev = node->next = node;
}

static void
forget_text(PgtCursor *cursor)
{
	if (cursor->text == NULL)
		return;
	table.kept -= cursor->len;
	pfree(cursor->text);
	cursor->text = NULL;
}

/* Find it no longer. */
static void
unlink_cursor(PgtCursor *cursor)
{
	forget_text(cursor);
	dlist_delete(&cursor->chain);
	detach(&cursor->chain);
}

/* The cursor that is unused for longest, taken out of the table, or NULL */
static PgtCursor *
evict(int depth)
{
	PgtCursor  *cursor;

	if (dlist_is_empty(&table.lru))
		return NULL;
	cursor = dlist_head_element(PgtCursor, lru, &table.lru);
	if (cursor->sent && !send_close(cursor, depth))
		return NULL;
	unlink_cursor(cursor);
	dlist_delete(&cursor->lru);
	return cursor;
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

/*
 * Send PARSING IN CURSOR.  What is hidden of a text must not be found by trying
 * which one has the same hash; before 16, the query identifier of a utility
 * statement is one, too.
 */
static bool
send_text(PgtCursor *cursor, const char *text, const Node *utility,
		  bool again)
{
	Size		len = cursor->len;
	char	   *redacted = pgt_redact(text, &len, utility,
									  pgt_values_hidden,
									  &cursor->hides_values);
	char		traceparent[PGT_TRACEPARENT_LEN];
	PgtCursorRecord *record;

	(void) pgt_traceparent_find(text, cursor->len, pgt_strings_are_standard(),
								traceparent);
	record = (again ? pgt_emit_again : pgt_emit_begin)
		(PGT_RECORD_CURSOR, sizeof(PgtCursorRecord),
		 redacted != NULL ? redacted : text, len,
		 cursor->number, cursor->depth);
	if (record != NULL)
	{
		record->total_len = len;
		record->full_len = cursor->full_len > cursor->len ?
			cursor->full_len : 0;
		record->hash = redacted == NULL ? cursor->hash :
			hash_bytes_extended((const unsigned char *) redacted, len,
								cursor->depth);
		record->queryid = redacted == NULL || utility == NULL ?
			cursor->queryid : 0;
		record->userid = cursor->userid;
		record->loginid = cursor->loginid;
		record->command = cursor->command;
		memcpy(record->traceparent, traceparent, PGT_TRACEPARENT_LEN);
		pgt_emit_commit();
	}
	if (redacted != NULL)
		pfree(redacted);
	return record != NULL;
}

static uint32
hash_of_plan(const PlannedStmt *plan)
{
	return murmurhash32((uint32) ((uintptr_t) plan >> 4));
}

static bool
matches(const PgtCursor *cursor, const Statement *statement)
{
	if (cursor->depth != statement->depth ||
		cursor->userid != statement->userid ||
		cursor->loginid != statement->loginid ||
		cursor->command != statement->command ||
		cursor->queryid != statement->queryid)
		return false;
	if (cursor->text == NULL || statement->by_plan)
		return cursor->text == NULL && statement->by_plan &&
			statement->plan != NULL && cursor->plan == statement->plan;
	return cursor->hash == statement->hash &&
		cursor->len == statement->sql.len &&
		memcmp(cursor->text, statement->sql.text, cursor->len) == 0;
}

static PgtCursor *
find(const Statement *statement, dlist_head *bucket)
{
	dlist_iter	iter;

	dlist_foreach(iter, bucket)
	{
		PgtCursor  *cursor = dlist_container(PgtCursor, chain, iter.cur);

		if (matches(cursor, statement))
			return cursor;
	}
	return NULL;
}

/* Forget texts until there is room for one. */
static bool
make_room(Size len)
{
	dlist_iter	iter;

	if (table.kept + len <= KEPT_TOTAL)
		return true;
	dlist_foreach(iter, &table.lru)
	{
		PgtCursor  *cursor = dlist_container(PgtCursor, lru, iter.cur);

		if (cursor->text != NULL)
			unlink_cursor(cursor);
		if (table.kept + len <= KEPT_TOTAL)
			return true;
	}
	return false;
}

static bool
keep_text(PgtCursor *cursor, const Statement *statement)
{
	if (statement->by_plan || !make_room(statement->sql.len))
		return false;
	cursor->text = MemoryContextAllocExtended(table.texts,
											  Max(statement->sql.len, 1),
											  MCXT_ALLOC_NO_OOM);
	if (cursor->text == NULL)
		return false;
	memcpy(cursor->text, statement->sql.text, statement->sql.len);
	table.kept += statement->sql.len;
	return true;
}

/* The memory of a plan is freed: what comes at its address is another. */
static void
plan_ended(void *arg)
{
	const PlannedStmt *plan = ((PlanEnd *) arg)->plan;
	dlist_head *bucket =
		&table.buckets[hash_of_plan(plan) & (NBUCKETS - 1)];
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, bucket)
	{
		PgtCursor  *cursor = dlist_container(PgtCursor, chain, iter.cur);

		if (cursor->text == NULL && cursor->plan == plan)
			unlink_cursor(cursor);
	}
}

/* Have a cursor without a text found by its plan. */
static void
link_by_plan(PgtCursor *cursor, const PlannedStmt *plan)
{
	MemoryContext context = GetMemoryChunkContext(unconstify(PlannedStmt *,
															 plan));
	PlanEnd    *end = MemoryContextAllocExtended(context, sizeof(PlanEnd),
												 MCXT_ALLOC_NO_OOM);

	unlink_cursor(cursor);
	if (end == NULL)
		return;
	end->plan = plan;
	end->callback.func = plan_ended;
	end->callback.arg = end;
	MemoryContextRegisterResetCallback(context, &end->callback);
	dlist_push_head(&table.buckets[hash_of_plan(plan) & (NBUCKETS - 1)],
					&cursor->chain);
}

void
pgt_cursor_set_plan(PgtCursor *cursor, const PlannedStmt *plan)
{
	/* another plan may have the address of one that is gone */
	cursor->plan_hash = pgt_plan_hash(plan);
	if (cursor->plan == plan)
		return;
	cursor->plan = plan;
	if (cursor->text == NULL)
		link_by_plan(cursor, plan);
}

/* Its place among those that were sent; their number if it isn't among them */
static int
find_stat_plan(const PgtCursor *cursor, uint32 plan_hash)
{
	int			i = 0;

	while (i < cursor->nstat_plans && cursor->stat_plans[i] != plan_hash)
		i++;
	return i;
}

bool
pgt_cursor_has_stat(const PgtCursor *cursor, uint32 plan_hash)
{
	return find_stat_plan(cursor, plan_hash) < cursor->nstat_plans;
}

void
pgt_cursor_note_stat(PgtCursor *cursor, uint32 plan_hash)
{
	int			i = find_stat_plan(cursor, plan_hash);

	cursor->time_ns = 0;
	if (i == cursor->nstat_plans && i < PGT_STAT_PLANS)
		cursor->nstat_plans++;
	i = Min(i, PGT_STAT_PLANS - 1);
	memmove(&cursor->stat_plans[1], &cursor->stat_plans[0],
			i * sizeof(cursor->stat_plans[0]));
	cursor->stat_plans[0] = plan_hash;
}

/*
 * A new cursor, NULL if there is none.  If its text can't be sent, its calls are
 * traced even so: each of them is in the file, or counted as lost.
 */
static PgtCursor *
add_cursor(const Statement *statement, dlist_head *bucket)
{
	PgtCursor  *cursor = free_entry(statement->depth);
	uint32		number;

	if (cursor == NULL)
		return NULL;
	number = cursor->number;
	memset(cursor, 0, sizeof(*cursor));
	cursor->number = number;
	cursor->hash = statement->hash;
	cursor->len = statement->sql.len;
	cursor->full_len = statement->sql.full_len != 0 ? statement->sql.full_len :
		strlen(statement->sql.text);
	cursor->depth = statement->depth;
	cursor->location = statement->sql.location;
	cursor->command = statement->command;
	cursor->queryid = statement->queryid;
	cursor->userid = statement->userid;
	cursor->loginid = statement->loginid;
	detach(&cursor->chain);

	cursor->sent = send_text(cursor, statement->sql.text, statement->utility,
							 false);
	if (keep_text(cursor, statement))
		dlist_push_head(bucket, &cursor->chain);
	else if (statement->plan != NULL)
		pgt_cursor_set_plan(cursor, statement->plan);
	dlist_push_tail(&table.lru, &cursor->lru);
	return cursor;
}

static PgtCursor *
find_or_add(Statement *statement)
{
	dlist_head *bucket;
	PgtCursor  *cursor;

	statement->userid = GetUserId();
	statement->loginid = GetSessionUserId();
	statement->hash =
		hash_bytes_extended((const unsigned char *) statement->sql.text,
							statement->by_plan ? HASHED_LEN : statement->sql.len,
							statement->depth);
	bucket = &table.buckets[(statement->by_plan ? hash_of_plan(statement->plan) :
							 statement->hash) & (NBUCKETS - 1)];

	cursor = find(statement, bucket);
	if (cursor == NULL)
		return add_cursor(statement, bucket);
	if (cursor->pins == 0)
		dlist_move_tail(&table.lru, &cursor->lru);
	cursor->location = statement->sql.location;
	if (!cursor->sent)
		cursor->sent = send_text(cursor, statement->sql.text,
								 statement->utility, true);
	return cursor;
}

PgtCursor *
pgt_cursor_get(const char *query, int location, int len,
			   uint32 command, uint64 queryid, int depth,
			   const PlannedStmt *plan, const Node *utility)
{
	Statement	statement = {.depth = depth, .command = command,
		.queryid = queryid, .plan = plan, .utility = utility};

	if (depth == 0)
		pgt_context_send();
	pgt_sql_text_find(&statement.sql, query, location, len, command, queryid);
	statement.by_plan = statement.sql.cut || statement.sql.len > KEPT_MAX;
	return find_or_add(&statement);
}

PgtCursor *
pgt_cursor_get_part(const char *text, uint32 len, uint32 full_len,
					uint32 command, uint64 queryid)
{
	Statement	statement = {.command = command, .queryid = queryid};

	statement.sql.text = text;
	statement.sql.len = len;
	statement.sql.full_len = full_len;
	return find_or_add(&statement);
}

bool
pgt_cursor_keeps_text(Size len)
{
	return len <= Min((Size) pgt_max_sql_length, KEPT_MAX);
}

void
pgt_cursor_pin(PgtCursor *cursor)
{
	if (cursor->pins++ == 0)
		dlist_delete(&cursor->lru);
}

void
pgt_cursor_unpin(PgtCursor *cursor)
{
	if (cursor->pins == 0 || --cursor->pins > 0)
		return;
	dlist_push_tail(&table.lru, &cursor->lru);
}
