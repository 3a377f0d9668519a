/*
 * leader.c
 *		The utility statement that parallel workers work for.
 *
 * A parallel worker that scans for a query executes a part of the plan, and has
 * the query's text by then.  One that builds an index, or vacuums one, meets no
 * hook.  So that it has a call nevertheless from its first wait on, the leader
 * leaves the statement in shared memory, beside its session.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "miscadmin.h"
#include "storage/proc.h"

#include "extension/compat.h"
#include "extension/emit.h"
#include "extension/guc.h"
#include "extension/leader.h"
#include "extension/sql_text.h"

void
pgt_leader_show(const PgtCursor *cursor)
{
	PgtLeaderStatement *statement;

	if (pgt_trace.session == NULL)
		return;
	statement = &pgt_leader_statements[pgt_trace.session - pgt_sessions];
	statement->cursor = 0;
	if (cursor == NULL || cursor->text == NULL || cursor->hides_values)
		return;
	statement->command = cursor->command;
	statement->queryid = cursor->queryid;
	statement->userid = cursor->userid;
	statement->full_len = cursor->len;
	statement->len = pgt_clip(cursor->text, cursor->len, PGT_LEADER_TEXT);
	memcpy(statement->text, cursor->text, statement->len);
	/* workers are launched later, and see all of it */
	statement->cursor = cursor->number;
}

/* Of this process's leader, as a copy, since anything may stand there */
static bool
copy_statement(PgtLeaderStatement *copy)
{
	const PGPROC *leader = MyProc->lockGroupLeader;
	uint32		slot;

	if (pgt_leader_cursor == 0 || leader == NULL || leader == MyProc)
		return false;
	slot = pg_atomic_read_u32(&pgt_flags[PGT_PROC_NUMBER(leader)]);
	if (slot == 0 || slot > (uint32) pgt_nsessions)
		return false;
	memcpy(copy, &pgt_leader_statements[slot - 1], sizeof(*copy));
	return copy->cursor == (uint32) pgt_leader_cursor && copy->len > 0 &&
		copy->len <= PGT_LEADER_TEXT;
}

PgtCursor *
pgt_leader_statement(void)
{
	static PgtLeaderStatement copy;
	PgtCursor  *cursor;
	Oid			userid;
	int			sec_context;

	if (!copy_statement(&copy))
		return NULL;
	/* the worker will have the leader's user, but doesn't yet */
	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(copy.userid, sec_context);
	cursor = pgt_cursor_get_part(copy.text, copy.len, copy.full_len,
								 copy.command, copy.queryid);
	SetUserIdAndSecContext(userid, sec_context);
	return cursor;
}
