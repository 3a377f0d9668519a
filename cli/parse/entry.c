/*
 * entry.c
 *		What the kinds of entries are called.
 */
#include "cli/parse/entry.h"
#include "bgworker/trace/grammar.h"

static const char *const names[PGT_ENTRY_KINDS] = {
	[PGT_ENTRY_PARSE] = PGT_LINE_PARSE,
	[PGT_ENTRY_EXEC] = PGT_LINE_EXEC,
	[PGT_ENTRY_FETCH] = PGT_LINE_FETCH,
	[PGT_ENTRY_CLOSE] = PGT_LINE_CLOSE,
	[PGT_ENTRY_UNMAP] = "UNMAP",
	[PGT_ENTRY_LOB] = "LOB",
	[PGT_ENTRY_WAIT] = PGT_LINE_WAIT,
	[PGT_ENTRY_CURSOR] = PGT_LINE_CURSOR,
	[PGT_ENTRY_BINDS] = PGT_LINE_BINDS,
	[PGT_ENTRY_BIND] = "Bind",
	[PGT_ENTRY_STAT] = PGT_LINE_STAT,
	[PGT_ENTRY_XCTEND] = PGT_LINE_XCTEND,
	[PGT_ENTRY_ERROR] = PGT_LINE_ERROR,
	[PGT_ENTRY_PARSE_ERROR] = PGT_LINE_PARSE_ERROR,
	[PGT_ENTRY_STAMP] = "time",
	[PGT_ENTRY_CONTEXT] = "context",
	[PGT_ENTRY_RUNNING] = PGT_NOTE_RUNNING,
	[PGT_ENTRY_IN_PROGRESS] = PGT_NOTE_BUSY,
	[PGT_ENTRY_LOST] = "LOST",
	[PGT_ENTRY_EXIT] = "PROCESS EXITS",
	[PGT_ENTRY_HELD] = "HELD UP BY PG_TRACE",
	[PGT_ENTRY_PARALLEL_WORKER] = "PARALLEL WORKER",
	[PGT_ENTRY_PARALLEL_LEADER] = "PARALLEL LEADER",
	[PGT_ENTRY_STARTED_MIDWAY] = "TRACING STARTED IN THE MIDDLE OF A CALL",
	[PGT_ENTRY_LIMITED] = "DUMP FILE SIZE IS LIMITED",
	[PGT_ENTRY_ENDED] = PGT_NOTE_ENDED,
	[PGT_ENTRY_NOTE] = "note",
	[PGT_ENTRY_HEAD] = "head",
	[PGT_ENTRY_EMPTY] = "empty",
	[PGT_ENTRY_UNKNOWN] = "unknown",
};

const char *
pgt_entry_kind_name(PgtEntryKind kind)
{
	return names[kind];
}

void
pgt_entry_init(PgtEntry *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->kind = PGT_ENTRY_UNKNOWN;
	entry->tim = PGT_ENTRY_NO_TIM;
}
