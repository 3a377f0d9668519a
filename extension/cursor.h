/*
 * cursor.h
 *		The cursor numbers of this process's trace.
 */
#ifndef PGT_CURSOR_H
#define PGT_CURSOR_H

#include "lib/ilist.h"
#include "nodes/plannodes.h"

/* Of so many plans, it is known whether they have been shown. */
#define PGT_STAT_PLANS	4

/*
 * A statement at a depth, of a user; lives until its number is given to another.
 */
typedef struct PgtCursor
{
	char	   *text;			/* or NULL: found only by its plan */
	uint64		hash;			/* of the text */
	uint64		queryid;
	uint32		len;			/* of the text */
	uint32		full_len;		/* likewise, before it was cut */
	uint32		number;			/* from PGT_FIRST_CURSOR */
	Oid			userid;			/* current user */
	Oid			loginid;		/* session user */
	int			depth;
	int			location;		/* of the text in the string it came in last */
	int			pins;			/* executions that are open */
	bool		sent;			/* the worker knows the text */
	bool		hides_values;	/* its binds aren't sent (redact.h) */
	uint32		stat_plans[PGT_STAT_PLANS]; /* plan hashes of the last STAT
											 * lines that were sent */
	int			nstat_plans;	/* of which so many, the latest first */
	uint64		time_ns;		/* of its EXECs and FETCHes since then */
	uint32		command;		/* Oracle's command code */
	uint32		plan_hash;
	const PlannedStmt *plan;	/* what plan_hash was computed for; may
								 * dangle, if there is a text, and what is
								 * there now may be another */
	dlist_node	chain;			/* in its hash bucket, or by itself */
	dlist_node	lru;			/* least recently used first, unless pinned */
} PgtCursor;

/* Forget all cursors and number new ones from first_number. */
extern void pgt_cursor_reset(uint32 first_number);

/*
 * The cursor of a statement at a depth.  query is the client's or function's
 * whole string, of which location and len, as in PlannedStmt, name the
 * statement.  plan is that of the statement, NULL if it isn't planned yet,
 * utility the tree of a utility statement, or NULL.
 * What is new is sent as PARSING IN CURSOR, redacted, with the given command
 * code and query identifier.  Returns NULL if it can't be sent or all cursors
 * are open.
 */
extern PgtCursor *pgt_cursor_get(const char *query, int location, int len,
								 uint32 command, uint64 queryid, int depth,
								 const PlannedStmt *plan,
								 const Node *utility);

/* The same for the first len bytes of a statement at depth 0 */
extern PgtCursor *pgt_cursor_get_part(const char *text, uint32 len,
									  uint32 full_len, uint32 command,
									  uint64 queryid);

/* Is a text of that length kept, so that the statement is found by it? */
extern bool pgt_cursor_keeps_text(Size len);

/* The statement has this plan now. */
extern void pgt_cursor_set_plan(PgtCursor *cursor, const PlannedStmt *plan);

/* Have STAT lines of a plan been sent, as far as that is remembered? */
extern bool pgt_cursor_has_stat(const PgtCursor *cursor, uint32 plan_hash);

/* They have now. */
extern void pgt_cursor_note_stat(PgtCursor *cursor, uint32 plan_hash);

/* While pinned, a cursor keeps its number. */
extern void pgt_cursor_pin(PgtCursor *cursor);
extern void pgt_cursor_unpin(PgtCursor *cursor);

#endif							/* PGT_CURSOR_H */
