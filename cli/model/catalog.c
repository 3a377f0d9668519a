/*
 * catalog.c
 *		The statements and wait events that all files of a run have in common.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#include "common/logging.h"
#else
#include "postgres.h"
#endif

#include "cli/model/catalog.h"
#include "cli/model/hash.h"
#include "bgworker/trace/grammar.h"

#define INITIAL_STATEMENTS	256
#define INITIAL_EVENTS		64

typedef struct StatementKey
{
	uint64_t	id;
	uint64_t	text_id;
} StatementKey;

typedef struct StatementEntry
{
	StatementKey key;
	PgtStatement *statement;
	char		status;
} StatementEntry;

#define SH_PREFIX			statements
#define SH_ELEMENT_TYPE		StatementEntry
#define SH_KEY_TYPE			StatementKey
#define SH_KEY				key
#define SH_HASH_KEY(table, key)	\
	((uint32) pgt_hash_number((key).id ^ pgt_hash_number((key).text_id)))
#define SH_EQUAL(table, a, b)	((a).id == (b).id && (a).text_id == (b).text_id)
#define SH_RAW_ALLOCATOR	palloc0
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct EventKey
{
	PgtSpan		nam;
	PgtSpan		type;
} EventKey;

typedef struct EventEntry
{
	EventKey	key;
	uint32		hash;
	PgtEvent   *event;
	char		status;
} EventEntry;

static inline bool
is_same(PgtSpan a, PgtSpan b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

#define SH_PREFIX			events
#define SH_ELEMENT_TYPE		EventEntry
#define SH_KEY_TYPE			EventKey
#define SH_KEY				key
#define SH_HASH_KEY(table, key)	\
	((uint32) (pgt_hash_text((key).nam.at, (key).nam.len) + (key).type.len))
#define SH_EQUAL(table, a, b)	\
	(is_same((a).nam, (b).nam) && is_same((a).type, (b).type))
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry)	((entry)->hash)
#define SH_RAW_ALLOCATOR	palloc0
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct PgtCatalog
{
	bool		exact_text;
	uint64_t	max_text;
	statements_hash *by_id;
	events_hash *by_name;
	PgtStatement **statements;	/* by number */
	int			nstatements;
	PgtEvent  **events;
	int			nevents;
	PgtStatement *none;
	PgtStatement *unknown;
};

PgtCatalog *
pgt_catalog_create(bool exact_text, uint64_t max_text)
{
	PgtCatalog *catalog = palloc0(sizeof(PgtCatalog));

	catalog->exact_text = exact_text;
	catalog->max_text = max_text;
	catalog->by_id = statements_create(INITIAL_STATEMENTS, NULL);
	catalog->by_name = events_create(INITIAL_EVENTS, NULL);
	return catalog;
}

void
pgt_catalog_free(PgtCatalog *catalog)
{
	for (int i = 0; i < catalog->nstatements; i++)
	{
		pfree(catalog->statements[i]->text);
		pfree(catalog->statements[i]);
	}
	for (int i = 0; i < catalog->nevents; i++)
	{
		/* with the keys of the table */
		pfree(catalog->events[i]->name);
		pfree(catalog->events[i]->type);
		pfree(catalog->events[i]);
	}
	statements_destroy(catalog->by_id);
	events_destroy(catalog->by_name);
	if (catalog->statements != NULL)
		pfree(catalog->statements);
	if (catalog->events != NULL)
		pfree(catalog->events);
	pfree(catalog);
}

/* A list of pointers with n of them, which has room for one more afterwards */
static void *
make_room(void *list, int n)
{
	/* n is a power of two whenever it's full */
	if (list == NULL)
		return palloc(sizeof(void *));
	if ((n & (n - 1)) == 0)
		return repalloc(list, 2 * (Size) n * sizeof(void *));
	return list;
}

/* ----------
 * Statements
 * ----------
 */

static PgtStatement *
new_statement(PgtCatalog *catalog, PgtSpan text)
{
	PgtStatement *statement = palloc0(sizeof(PgtStatement));

	statement->full_len = text.len;
	statement->text_len = Min(text.len, catalog->max_text);
	statement->text = palloc(statement->text_len + 1);
	if (text.len > 0)
		memcpy(statement->text, text.at, statement->text_len);
	statement->text[statement->text_len] = '\0';
	statement->number = catalog->nstatements;
	catalog->statements = make_room(catalog->statements, catalog->nstatements);
	catalog->statements[catalog->nstatements++] = statement;
	return statement;
}

/* Another text of a statement? */
static void
note_text(PgtStatement *statement, uint64_t hash)
{
	for (int i = 0; i < statement->texts; i++)
	{
		if (statement->text_hashes[i] == hash)
			return;
	}
	if (statement->texts < PGT_STATEMENT_TEXTS)
		statement->text_hashes[statement->texts++] = hash;
}

PgtStatement *
pgt_catalog_statement(PgtCatalog *catalog, const PgtEntry *entry)
{
	const PgtEntryCursor *cursor = &entry->of.cursor_of;
	bool		is_error = entry->kind == PGT_ENTRY_PARSE_ERROR;
	PgtSpan		text = is_error ? entry->of.error.text : cursor->text;
	uint64_t	hash = pgt_hash_text(text.at, text.len);
	bool		has_id = !is_error && cursor->sqlid.at != NULL;
	StatementKey key = {hash, catalog->exact_text ? hash : 0};
	StatementEntry *found;
	bool		is_there;

	/* "0000000000000": begun before the trace, so it isn't known */
	if (has_id)
		has_id = pgt_span_sql_id(cursor->sqlid, &key.id) && key.id != 0;
	if (!has_id)
		key.id = hash;
	found = statements_insert(catalog->by_id, key, &is_there);
	if (!is_there)
	{
		PgtStatement *statement = new_statement(catalog, text);

		statement->id = key.id;
		statement->text_id = key.text_id;
		if (has_id)
			memcpy(statement->sqlid, cursor->sqlid.at,
				   Min(cursor->sqlid.len, sizeof(statement->sqlid) - 1));
		if (!is_error)
			statement->queryid = cursor->queryid;
		statement->oct = is_error ? entry->of.error.oct : cursor->oct;
		statement->uid = is_error ? entry->of.error.uid : cursor->uid;
		statement->dep = is_error ? entry->of.error.dep : cursor->dep;
		found->statement = statement;
	}
	note_text(found->statement, hash);
	return found->statement;
}

PgtStatement *
pgt_catalog_unknown(PgtCatalog *catalog)
{
	static const char text[] = "(a statement whose text is not in the file)";

	if (catalog->unknown == NULL)
		catalog->unknown = new_statement(catalog,
										 pgt_span(text, sizeof(text) - 1));
	return catalog->unknown;
}

PgtStatement *
pgt_catalog_none(PgtCatalog *catalog)
{
	static const char text[] = "(no statement)";

	if (catalog->none == NULL)
		catalog->none = new_statement(catalog,
									  pgt_span(text, sizeof(text) - 1));
	return catalog->none;
}

int
pgt_catalog_statements(PgtCatalog *catalog, PgtStatement ***statements)
{
	*statements = catalog->statements;
	return catalog->nstatements;
}

/* ----------
 * Events
 * ----------
 */

/* Its own text, with a 0 at the end */
static PgtSpan
copy(PgtSpan span)
{
	char	   *text = palloc(span.len + 1);

	if (span.len > 0)
		memcpy(text, span.at, span.len);
	text[span.len] = '\0';
	return pgt_span(text, span.len);
}

static PgtEvent *
new_event(PgtCatalog *catalog, const EventKey *key)
{
	PgtEvent   *event = palloc0(sizeof(PgtEvent));

	event->name = (char *) key->nam.at;
	event->type = (char *) key->type.at;
	event->is_client = strcmp(event->name, "ClientRead") == 0 ||
		strcmp(event->name, "SQL*Net message from client") == 0;
	event->is_tracer = strcmp(event->name, PGT_WAIT_TRACER) == 0;
	event->is_cpu = strcmp(event->type, "CPU") == 0;
	event->number = catalog->nevents;
	catalog->events = make_room(catalog->events, catalog->nevents);
	catalog->events[catalog->nevents++] = event;
	return event;
}

PgtEvent *
pgt_catalog_event(PgtCatalog *catalog, PgtSpan nam, PgtSpan type)
{
	EventKey	key = {nam, type};
	EventEntry *found;
	bool		is_there;

	found = events_insert(catalog->by_name, key, &is_there);
	if (!is_there)
	{
		found->key.nam = copy(nam);
		found->key.type = copy(type);
		found->event = new_event(catalog, &found->key);
	}
	return found->event;
}

int
pgt_catalog_events(PgtCatalog *catalog, PgtEvent ***events)
{
	*events = catalog->events;
	return catalog->nevents;
}
