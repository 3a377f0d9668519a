/*
 * parts.c
 *		What a further part of a long trace has to repeat, and to sum up.
 *
 * A trace that reaches pg_trace.max_file_size goes on in further parts, files
 * of their own, of which the newest two are kept (tracer/next_part.c).  So that
 * each part can be read by itself, it repeats the statements that cursors stand
 * for, of longer ones only the beginning of their texts, and what the session
 * was called.  And so that nothing is missing without a trace, what was in parts
 * that are gone is summed up, statement by statement.
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "bgworker/trace/format.h"
#include "bgworker/trace/grammar.h"
#include "bgworker/trace/line.h"
#include "bgworker/trace/parts.h"

/* So much of a text is repeated, and of all texts of a trace. */
#define TEXT_LEN		1024
#define TEXTS_MAX		(256 * 1024)

/* Statements with sums of their own; those of the rest are one. */
#define STATEMENTS_MAX	1000

/* A context's value, as in its line */
#define VALUE_LEN		1024

/* A cursor whose number is in use */
typedef struct Cursor
{
	uint32		number;			/* key */
	PgtCursorRecord *record;	/* with the beginning of its text */
} Cursor;

typedef struct Figures
{
	uint64		calls[PGT_CALL_CLOSE + 1];
	uint64		cpu_ns;
	uint64		elapsed_ns;
	int64		blocks_read;
	int64		blocks_got;
	int64		blocks_dirtied;
	uint64		rows;
	uint64		waits;
	uint64		waited_ns;
} Figures;

typedef struct StatementKey
{
	uint64		id;				/* its sqlid; 0: those that have no sums of
								 * their own, and what belongs to no cursor */
	uint32		depth;
	uint32		unused;			/* keys are compared by their bytes */
} StatementKey;

/* A statement, and its figures in parts that are there and that are gone */
typedef struct Statement
{
	StatementKey key;
	Figures		current;
	Figures		previous;
	Figures		gone;
} Statement;

struct PgtParts
{
	MemoryContext context;
	HTAB	   *cursors;
	HTAB	   *statements;		/* NULL in the first part, which stays */
	Size		texts;			/* bytes kept of texts */
	bool		may_end;
	bool		incomplete;		/* another worker knew more */
	char	   *contexts[PGT_CONTEXT_KINDS];	/* NULL: as at the beginning */
	Oid			userid;
};

static HTAB *
create_table(MemoryContext context, const char *name, Size key, Size entry)
{
	HASHCTL		control = {.keysize = key, .entrysize = entry, .hcxt = context};

	return hash_create(name, 64, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

PgtParts *
pgt_parts_create(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pg_trace parts",
												  ALLOCSET_SMALL_SIZES);
	PgtParts   *parts = MemoryContextAllocZero(context, sizeof(PgtParts));

	parts->context = context;
	parts->may_end = true;
	parts->cursors = create_table(context, "pg_trace cursors", sizeof(uint32),
								  sizeof(Cursor));
	return parts;
}

void
pgt_parts_free(PgtParts *parts)
{
	if (parts != NULL)
		MemoryContextDelete(parts->context);
}

/* ----------
 * What is known
 * ----------
 */

static void
forget_cursor(PgtParts *parts, uint32 number)
{
	Cursor	   *cursor = hash_search(parts->cursors, &number, HASH_FIND, NULL);

	if (cursor == NULL)
		return;
	parts->texts -= cursor->record->header.text_len;
	pfree(cursor->record);
	(void) hash_search(parts->cursors, &number, HASH_REMOVE, NULL);
}

static void
keep_cursor(PgtParts *parts, const PgtCursorRecord *record)
{
	uint32		len = Min(record->header.text_len, TEXT_LEN);
	PgtCursorRecord *copy;
	Cursor	   *cursor;

	forget_cursor(parts, record->header.cursor);
	if (parts->texts + len > TEXTS_MAX)
		len = 0;
	copy = MemoryContextAlloc(parts->context, sizeof(*record) + len);
	memcpy(copy, record, sizeof(*record) + len);
	copy->header.text_len = len;
	if (record->full_len == 0 && record->total_len > len)
		copy->full_len = record->total_len;
	copy->total_len = len;
	cursor = hash_search(parts->cursors, &record->header.cursor, HASH_ENTER,
						 NULL);
	cursor->record = copy;
	parts->texts += len;
}

static void
keep_context(PgtParts *parts, const PgtContextRecord *record)
{
	char	   *value;
	Size		len = Min(record->header.text_len, VALUE_LEN - 1);

	if (record->kind >= PGT_CONTEXT_KINDS)
		return;
	if (record->kind == PGT_CONTEXT_USER)
	{
		parts->userid = record->userid;
		return;
	}
	value = MemoryContextAlloc(parts->context, len + 1);
	memcpy(value, record + 1, len);
	value[len] = '\0';
	if (parts->contexts[record->kind] != NULL)
		pfree(parts->contexts[record->kind]);
	parts->contexts[record->kind] = value;
}

/* The sums that belong to a cursor, which may be unknown */
static Figures *
figures_of(PgtParts *parts, uint32 number)
{
	Cursor	   *cursor = hash_search(parts->cursors, &number, HASH_FIND, NULL);
	StatementKey key = {0};
	Statement  *statement;
	bool		found;

	if (parts->statements == NULL)
		return NULL;
	if (cursor != NULL)
	{
		const PgtCursorRecord *record = cursor->record;

		key.id = record->queryid != 0 ? record->queryid : record->hash;
		key.depth = record->header.depth;
	}
	statement = hash_search(parts->statements, &key, HASH_FIND, NULL);
	if (statement != NULL)
		return &statement->current;
	if (hash_get_num_entries(parts->statements) >= STATEMENTS_MAX)
		memset(&key, 0, sizeof(key));
	statement = hash_search(parts->statements, &key, HASH_ENTER, &found);
	if (!found)
		memset((char *) statement + sizeof(key), 0,
			   sizeof(*statement) - sizeof(key));
	return &statement->current;
}

static void
add_call(PgtParts *parts, const PgtEndRecord *record)
{
	Figures    *figures = figures_of(parts, record->header.cursor);

	if (figures != NULL && record->kind < lengthof(figures->calls))
	{
		figures->calls[record->kind]++;
		figures->cpu_ns += record->cpu_ns;
		figures->elapsed_ns += record->elapsed_ns;
		figures->blocks_read += record->blocks_read;
		figures->blocks_got += record->blocks_got;
		figures->blocks_dirtied += record->blocks_dirtied;
		figures->rows += record->rows;
	}
	if (record->kind == PGT_CALL_CLOSE &&
		record->close_type == PGT_CLOSE_HARD)
		forget_cursor(parts, record->header.cursor);
}

void
pgt_parts_record(PgtParts *parts, const PgtRecord *record)
{
	/* values and nodes follow one another; a call's STAT lines follow it */
	parts->may_end = record->type != PGT_RECORD_BINDS &&
		record->type != PGT_RECORD_BIND &&
		record->type != PGT_RECORD_BIND_NAME &&
		record->type != PGT_RECORD_STAT;
	switch ((PgtRecordType) record->type)
	{
		case PGT_RECORD_CURSOR:
			keep_cursor(parts, (const PgtCursorRecord *) record);
			break;
		case PGT_RECORD_END:
			add_call(parts, (const PgtEndRecord *) record);
			break;
		case PGT_RECORD_CONTEXT:
			keep_context(parts, (const PgtContextRecord *) record);
			break;
		default:
			break;
	}
}

void
pgt_parts_wait(PgtParts *parts, uint32 cursor, uint64 elapsed_ns)
{
	Figures    *figures = figures_of(parts, cursor);

	if (figures == NULL)
		return;
	figures->waits++;
	figures->waited_ns += elapsed_ns;
}

bool
pgt_parts_may_end(const PgtParts *parts)
{
	return parts->may_end;
}

/* ----------
 * The next part
 * ----------
 */

void
pgt_parts_resume(PgtParts *parts, unsigned part)
{
	parts->incomplete = true;
	if (part > 1)
		pgt_parts_next(parts);
}

static void
add_figures(Figures *sum, const Figures *figures)
{
	for (Size i = 0; i < lengthof(sum->calls); i++)
		sum->calls[i] += figures->calls[i];
	sum->cpu_ns += figures->cpu_ns;
	sum->elapsed_ns += figures->elapsed_ns;
	sum->blocks_read += figures->blocks_read;
	sum->blocks_got += figures->blocks_got;
	sum->blocks_dirtied += figures->blocks_dirtied;
	sum->rows += figures->rows;
	sum->waits += figures->waits;
	sum->waited_ns += figures->waited_ns;
}

void
pgt_parts_next(PgtParts *parts)
{
	HASH_SEQ_STATUS scan;
	Statement  *statement;

	if (parts->statements == NULL)
	{
		parts->statements = create_table(parts->context,
										 "pg_trace sums",
										 sizeof(StatementKey),
										 sizeof(Statement));
		return;
	}
	hash_seq_init(&scan, parts->statements);
	while ((statement = hash_seq_search(&scan)) != NULL)
	{
		add_figures(&statement->gone, &statement->previous);
		statement->previous = statement->current;
		memset(&statement->current, 0, sizeof(Figures));
	}
}

static void
put_summary(PgtFormat *format, const Statement *statement)
{
	const Figures *gone = &statement->gone;

	if (statement->key.id != 0)
	{
		put_sql_id(format, PGT_STARS PGT_NOTE_SUMMARY FIELD(PGT_FIELD_SQLID),
				   statement->key.id);
		put_number(format, FIELD(PGT_FIELD_DEP), statement->key.depth);
	}
	else
		put_string(format, PGT_STARS PGT_NOTE_SUMMARY FIELD(PGT_FIELD_SQLID)
				   "others" FIELD(PGT_FIELD_DEP) "0");
	put_number(format, FIELD("parse"), gone->calls[PGT_CALL_PARSE]);
	put_number(format, FIELD("exec"), gone->calls[PGT_CALL_EXEC]);
	put_number(format, FIELD("fetch"), gone->calls[PGT_CALL_FETCH]);
	put_time(format, FIELD(PGT_FIELD_C), gone->cpu_ns);
	put_time(format, FIELD(PGT_FIELD_E), gone->elapsed_ns);
	put_number(format, FIELD(PGT_FIELD_P), gone->blocks_read);
	put_number(format, FIELD(PGT_FIELD_CR), gone->blocks_got);
	put_number(format, FIELD(PGT_FIELD_CU), gone->blocks_dirtied);
	put_number(format, FIELD(PGT_FIELD_R), gone->rows);
	put_number(format, FIELD("events"), gone->waits);
	put_time(format, FIELD(PGT_FIELD_ELA), gone->waited_ns);
	put_string(format, "\n");
}

static void
put_summaries(PgtParts *parts, PgtFormat *format)
{
	static const Figures none = {0};
	HASH_SEQ_STATUS scan;
	Statement  *statement;

	hash_seq_init(&scan, parts->statements);
	while ((statement = hash_seq_search(&scan)) != NULL)
	{
		if (memcmp(&statement->gone, &none, sizeof(none)) != 0)
			put_summary(format, statement);
	}
}

void
pgt_parts_format(PgtParts *parts, PgtFormat *format, uint64 time_ns)
{
	static const char *const labels[PGT_CONTEXT_KINDS] = {
		[PGT_CONTEXT_CLIENT] = PGT_NOTE_CLIENT,
		[PGT_CONTEXT_MODULE] = PGT_NOTE_MODULE,
		[PGT_CONTEXT_ACTION] = PGT_NOTE_ACTION,
	};
	HASH_SEQ_STATUS scan;
	Cursor	   *cursor;

	if (parts->incomplete)
		pgt_format_note(format,
						"SUMS AND STATEMENTS MAY BE MISSING: THE WORKER WAS RESTARTED");
	put_summaries(parts, format);
	for (int i = 0; i < PGT_CONTEXT_KINDS; i++)
	{
		if (parts->contexts[i] != NULL)
			pgt_format_context(format, labels[i], parts->contexts[i],
							   time_ns);
	}
	if (OidIsValid(parts->userid))
	{
		char		userid[16];

		snprintf(userid, sizeof(userid), "%u", parts->userid);
		pgt_format_context(format, PGT_NOTE_ROLE, userid, time_ns);
	}
	hash_seq_init(&scan, parts->cursors);
	while ((cursor = hash_seq_search(&scan)) != NULL)
	{
		/* what is repeated is in its place by time, too */
		cursor->record->header.time_ns = time_ns;
		pgt_format_record(format, &cursor->record->header);
	}
}
