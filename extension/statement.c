/*
 * statement.c
 *		Which statement is it that a hook is called for?
 *
 * Hooks are given the whole string that came from the client or a function, and
 * a place in it.  Not everything knows its place:
 *
 *		a query within a utility statement has that one's (utilities.c)
 *		a parallel worker's plan has lost it: the leader has left it in
 *			shared memory
 *		a rule's action was never in the string; it is run on behalf of a
 *			statement, which was analyzed before the rules were applied
 *
 * So what is analyzed is remembered here.  The action has that statement's query
 * identifier.  To be told from it, its text begins with a comment.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "common/hashfn.h"
#include "parser/scansup.h"

#include "extension/compat.h"
#include "extension/guc.h"
#include "extension/nesting.h"
#include "extension/statement.h"
#include "extension/utilities.h"

#define ACTION_COMMENT	"/* action of a rule, for: */ "

/* What has been analyzed last; a power of two */
#define NANALYZED		16

typedef struct Analyzed
{
	int			location;
	int			len;			/* 0: it is the whole string */
	uint64		queryid;
	uint64		hash;			/* of that part */
} Analyzed;

static Analyzed of_client;		/* its last one: at depth 0 */
static Analyzed nested[NANALYZED];
static uint32 nnested = 0;		/* so far */

static uint64
hash_part(const char *string, int location, int len)
{
	return hash_bytes_extended((const unsigned char *) string + location, len,
							   0);
}

void
pgt_statement_note_analyzed(const char *string, const Query *query)
{
	Analyzed   *analyzed = pgt_call_depth == 0 ? &of_client :
		&nested[nnested++ & (NANALYZED - 1)];

	analyzed->location = Max(query->stmt_location, 0);
	analyzed->len = Max(query->stmt_len, 0);
	analyzed->queryid = PGT_QUERY_ID(query->queryId);
	if (string == NULL)
		analyzed->len = 0;
	else if (analyzed->len == 0 && analyzed->location > 0)
		analyzed->len = strlen(string + analyzed->location);	/* the last one */
	if (analyzed->len > 0)
		analyzed->hash = hash_part(string, analyzed->location, analyzed->len);
}

/* Is it the statement of that string and query identifier? */
static bool
is_origin(const Analyzed *analyzed, const char *string, uint64 queryid)
{
	Size		end = (Size) analyzed->location + analyzed->len;

	return analyzed->len > 0 && analyzed->queryid == queryid &&
		strnlen(string, end) == end &&
		hash_part(string, analyzed->location, analyzed->len) ==
		analyzed->hash;
}

/* The statement that a rule's action is for, or NULL: the string is that, or
 * which part of it is not known */
static const Analyzed *
find_origin(const char *string, uint64 queryid)
{
	if (pgt_call_depth == 0)
		return is_origin(&of_client, string, queryid) ? &of_client : NULL;

	/* without an identifier, it could be any statement of the string */
	if (queryid == 0)
		return NULL;
	for (int i = 0; i < NANALYZED; i++)
	{
		if (is_origin(&nested[i], string, queryid))
			return &nested[i];
	}
	return NULL;
}

/* The cursor of a rule's action, or NULL, also if there is no memory. */
static PgtCursor *
cursor_of_action(const char *string, uint32 command, uint64 queryid,
				 const PlannedStmt *plan)
{
	const Analyzed *origin = find_origin(string, queryid);
	const char *start = string;
	Size		comment_len = strlen(ACTION_COMMENT);
	Size		len;
	char	   *text;
	PgtCursor  *cursor;

	if (origin != NULL)
	{
		start += origin->location;
		len = origin->len;
	}
	else
		len = strlen(string);
	while (len > 0 && scanner_isspace(*start))
	{
		start++;
		len--;
	}
	text = MemoryContextAllocExtended(CurrentMemoryContext,
									  comment_len + len + 1,
									  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	if (text == NULL)
		return NULL;
	memcpy(text, ACTION_COMMENT, comment_len);
	memcpy(text + comment_len, start, len);
	text[comment_len + len] = '\0';
	cursor = pgt_cursor_get(text, -1, 0, command, queryid, pgt_call_depth,
							plan, NULL);
	pfree(text);
	return cursor;
}

PgtCursor *
pgt_statement_cursor(const char *string, int location, int len,
					 uint32 command, uint64 queryid, const PlannedStmt *plan,
					 const Node *utility)
{
	Size		leader_end = (Size) pgt_leader_location + pgt_leader_length;

	if (len > 0 || location > 0 || string == NULL ||
		pgt_utility_find_part(string, &location, &len))
		;
	else if (len < 0)
	{
		if (IsParallelWorker() && pgt_call_depth == 0 &&
			strnlen(string, leader_end) == leader_end)
		{
			location = pgt_leader_location;
			len = pgt_leader_length;
		}
	}
	else if (location < 0 && utility == NULL && *string != '\0')
	{
		PgtCursor  *cursor = cursor_of_action(string, command, queryid, plan);

		if (cursor != NULL)
			return cursor;
	}
	return pgt_cursor_get(string, location, len, command, queryid,
						  pgt_call_depth, plan, utility);
}
