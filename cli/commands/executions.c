/*
 * executions.c
 *		Executions of statements: EXEC, its FETCHes and its CLOSE.
 */
#include "postgres_fe.h"
#include "common/logging.h"

#include "cli/commands/executions.h"
#include "cli/model/hash.h"

typedef struct ExecutionEntry
{
	uint64_t	cursor;
	PgtExecution *execution;
	char		status;
} ExecutionEntry;

#define SH_PREFIX			executions
#define SH_ELEMENT_TYPE		ExecutionEntry
#define SH_KEY_TYPE			uint64_t
#define SH_KEY				cursor
#define SH_HASH_KEY(table, key)	((uint32) pgt_hash_number(key))
#define SH_EQUAL(table, a, b)	((a) == (b))
#define SH_RAW_ALLOCATOR	palloc0
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct PgtExecutions
{
	executions_hash *by_cursor;
	PgtExecution *binding;		/* whose values are being read */
	PgtExecutionDone done;
	void	   *arg;
};

PgtExecutions *
pgt_executions_create(PgtExecutionDone done, void *arg)
{
	PgtExecutions *executions = pg_malloc0(sizeof(PgtExecutions));

	executions->by_cursor = executions_create(64, NULL);
	executions->done = done;
	executions->arg = arg;
	return executions;
}

static void
clear_binds(PgtExecution *execution)
{
	execution->has_binds = false;
	execution->binds_len = 0;
	execution->binds[0] = '\0';
}

static PgtExecution *
find(PgtExecutions *executions, uint64_t cursor)
{
	bool		is_there;
	ExecutionEntry *entry = executions_insert(executions->by_cursor, cursor,
											  &is_there);

	if (!is_there)
		entry->execution = pg_malloc0(sizeof(PgtExecution));
	return entry->execution;
}

static void
finish(PgtExecutions *executions, PgtExecution *execution)
{
	if (execution->is_open && executions->done != NULL)
		executions->done(executions->arg, execution);
	execution->is_open = false;
}

/* Append a piece of text, as long as there is room for it and the dots. */
static void
append(PgtExecution *execution, const char *text, size_t len)
{
	static const char dots[] = "...";
	size_t		room = PGT_BINDS_LEN - sizeof(dots) - execution->binds_len;

	if (execution->binds_len >= PGT_BINDS_LEN - (int) sizeof(dots))
		return;
	if (len > room)
	{
		memcpy(execution->binds + execution->binds_len, text, room);
		execution->binds_len += room;
		memcpy(execution->binds + execution->binds_len, dots, sizeof(dots));
		execution->binds_len += sizeof(dots) - 1;
		return;
	}
	memcpy(execution->binds + execution->binds_len, text, len);
	execution->binds_len += len;
	execution->binds[execution->binds_len] = '\0';
}

static void
append_value(PgtExecution *execution, const PgtEntryBind *bind)
{
	const char *quote = "";

	if (execution->binds_len > 0)
		append(execution, ", ", 2);
	if (bind->kind == PGT_ENTRY_VALUE_QUOTED)
		quote = "'";
	else if (bind->kind == PGT_ENTRY_VALUE_OMITTED)
		quote = "<";
	append(execution, quote, strlen(quote));
	if (bind->kind == PGT_ENTRY_VALUE_NONE)
		append(execution, "?", 1);
	else
		append(execution, bind->value.at, bind->value.len);
	append(execution, *quote == '<' ? ">" : quote, strlen(quote));
}

void
pgt_executions_note(PgtExecutions *executions, const PgtEntry *entry)
{
	if (entry->kind == PGT_ENTRY_BINDS)
	{
		executions->binding = find(executions, entry->cursor);
		/* they come before their EXEC: what was open is over */
		finish(executions, executions->binding);
		clear_binds(executions->binding);
		executions->binding->has_binds = true;
	}
	else if (entry->kind == PGT_ENTRY_BIND && executions->binding != NULL)
		append_value(executions->binding, &entry->of.bind);
	else if (entry->kind == PGT_ENTRY_CURSOR)
	{
		/* the number means something else now */
		PgtExecution *execution = find(executions, entry->cursor);

		finish(executions, execution);
		clear_binds(execution);
	}
}

const PgtExecution *
pgt_executions_call(PgtExecutions *executions, const PgtFlowCall *call)
{
	const PgtEntry *entry = call->entry;
	PgtExecution *execution;

	if (!entry->has_cursor || entry->kind == PGT_ENTRY_PARSE)
		return NULL;
	execution = find(executions, entry->cursor);
	if (entry->kind == PGT_ENTRY_EXEC)
	{
		finish(executions, execution);
		if (!execution->has_binds)
			clear_binds(execution);
		execution->has_binds = false;
		execution->is_open = true;
		execution->statement = call->statement;
		execution->line = entry->line;
		execution->begin = call->begin;
		execution->us = 0;
		execution->rows = 0;
	}
	if (!execution->is_open)
		return NULL;
	execution->us += entry->of.call.e;
	execution->rows += entry->of.call.r;
	if (entry->kind == PGT_ENTRY_CLOSE)
		finish(executions, execution);
	return execution;
}

void
pgt_executions_finish(PgtExecutions *executions)
{
	executions_iterator iterator;
	ExecutionEntry *entry;

	executions_start_iterate(executions->by_cursor, &iterator);
	while ((entry = executions_iterate(executions->by_cursor,
									   &iterator)) != NULL)
	{
		finish(executions, entry->execution);
		pg_free(entry->execution);
	}
	executions_destroy(executions->by_cursor);
	pg_free(executions);
}
