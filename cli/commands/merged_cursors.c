/*
 * merged_cursors.c
 *		Cursors' numbers in a trace that is put together from several.
 *
 * Each file numbers its cursors by itself.  In one trace they get numbers that
 * differ, and may be introduced later than in their file: when a filter lets
 * their first line pass.  So PARSING IN CURSOR is kept for each number.
 */
#include "postgres_fe.h"

#include "common/logging.h"

#include "cli/commands/merged_cursors.h"
#include "cli/model/hash.h"

#define FIRST_NUMBER	10		/* as in our files */

#define SH_PREFIX			merged
#define SH_ELEMENT_TYPE		PgtMergedCursor
#define SH_KEY_TYPE			uint64_t
#define SH_KEY				cursor
#define SH_HASH_KEY(table, key)	((uint32) pgt_hash_number(key))
#define SH_EQUAL(table, a, b)	((a) == (b))
#define SH_RAW_ALLOCATOR	pg_malloc0
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct PgtMergedCursors
{
	merged_hash *table;
};

/* Numbers that were given back, and the next one that was never used */
static uint64_t *free_numbers;
static int	nfree;
static int	max_free;
static uint64_t next_number = FIRST_NUMBER;

PgtMergedCursors *
pgt_merged_cursors_create(void)
{
	PgtMergedCursors *cursors = pg_malloc(sizeof(PgtMergedCursors));

	cursors->table = merged_create(64, NULL);
	return cursors;
}

void
pgt_merged_cursors_free(PgtMergedCursors *cursors)
{
	merged_iterator iterator;
	PgtMergedCursor *cursor;

	merged_start_iterate(cursors->table, &iterator);
	while ((cursor = merged_iterate(cursors->table, &iterator)) != NULL)
	{
		pgt_merged_cursor_close(cursor);
		pg_free(cursor->introduction);
	}
	merged_destroy(cursors->table);
	pg_free(cursors);
}

PgtMergedCursor *
pgt_merged_cursors_note(PgtMergedCursors *cursors, const PgtEntry *entry)
{
	bool		is_there;
	PgtMergedCursor *cursor = merged_insert(cursors->table, entry->cursor,
											&is_there);

	if (!is_there)
	{
		cursor->number = 0;
		cursor->introduction = NULL;
	}
	pgt_merged_cursor_close(cursor);
	cursor->sql_id = 0;
	(void) pgt_span_sql_id(entry->of.cursor_of.sqlid, &cursor->sql_id);
	cursor->len = entry->raw.len;
	cursor->introduction = pg_realloc(cursor->introduction, cursor->len);
	memcpy(cursor->introduction, entry->raw.at, cursor->len);
	return cursor;
}

PgtMergedCursor *
pgt_merged_cursors_find(PgtMergedCursors *cursors, uint64_t cursor)
{
	return merged_lookup(cursors->table, cursor);
}

void
pgt_merged_cursor_open(PgtMergedCursor *cursor)
{
	cursor->number = nfree > 0 ? free_numbers[--nfree] : next_number++;
}

void
pgt_merged_cursor_close(PgtMergedCursor *cursor)
{
	if (cursor->number == 0)
		return;
	if (nfree == max_free)
	{
		max_free = Max(64, 2 * max_free);
		free_numbers = pg_realloc(free_numbers, max_free * sizeof(uint64_t));
	}
	free_numbers[nfree++] = cursor->number;
	cursor->number = 0;
}
