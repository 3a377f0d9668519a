/*
 * keys.c
 *		What a profile can be by: --by.
 */
#include "postgres_fe.h"

#include "cli/commands/keys.h"
#include "cli/filter.h"
#include "cli/parse/fields.h"

static int
put_span(PgtSpan span, char *text, int size)
{
	if (span.at == NULL)
		return -1;
	return snprintf(text, size, "%.*s", (int) Min(span.len, (size_t) size),
					span.at);
}

static int
make_statement(const PgtKey *key, const PgtEntry *entry,
			   const PgtStatement *statement, const PgtSession *session,
			   char *text, int size)
{
	(void) key;
	(void) entry;
	(void) session;
	if (statement->sqlid[0] != '\0')
		return snprintf(text, size, statement->text_id == 0 ? "%s" : "%s/%08x",
						statement->sqlid, (unsigned) statement->text_id);
	return snprintf(text, size, "-%d", statement->number);
}

static int
make_node(const PgtKey *key, const PgtEntry *entry,
		  const PgtStatement *statement, const PgtSession *session,
		  char *text, int size)
{
	int64_t		node = entry->kind == PGT_ENTRY_STAT ? entry->of.stat.id :
		entry->of.wait.node;
	int			len;

	if (node < 0)
		return -1;
	len = make_statement(key, entry, statement, session, text, size);
	return len + snprintf(text + len, size - len, " node %lld",
						  (long long) node);
}

static int
make_relation(const PgtKey *key, const PgtEntry *entry,
			  const PgtStatement *statement, const PgtSession *session,
			  char *text, int size)
{
	int64_t		obj = entry->kind == PGT_ENTRY_STAT ? entry->of.stat.obj :
		entry->of.wait.obj;

	(void) key;
	(void) statement;
	(void) session;
	return obj > 0 ? snprintf(text, size, "%lld", (long long) obj) : -1;
}

static int
make_file(const PgtKey *key, const PgtEntry *entry,
		  const PgtStatement *statement, const PgtSession *session,
		  char *text, int size)
{
	(void) key;
	(void) statement;
	(void) session;
	return put_span(entry->of.wait.file, text, size);
}

static int
make_block(const PgtKey *key, const PgtEntry *entry,
		   const PgtStatement *statement, const PgtSession *session,
		   char *text, int size)
{
	const PgtEntryWait *wait = &entry->of.wait;
	int			len = make_file(key, entry, statement, session, text, size);

	if (len < 0)
		return -1;
	for (int i = 0; i < PGT_ENTRY_PARAMETERS; i++)
	{
		if (wait->parameter[i].name.at != NULL &&
			pgt_span_is(wait->parameter[i].name, "block#"))
			len += snprintf(text + len, size - len, " block %lld",
							(long long) wait->parameter[i].value);
	}
	return len;
}

static int
make_blocker(const PgtKey *key, const PgtEntry *entry,
			 const PgtStatement *statement, const PgtSession *session,
			 char *text, int size)
{
	const PgtEntryWait *wait = &entry->of.wait;

	(void) key;
	(void) statement;
	(void) session;
	if (wait->blocker.at == NULL)
		return -1;
	return snprintf(text, size, "pid %.*s, statement %.*s, %.*s",
					(int) wait->blocker.len, wait->blocker.at,
					(int) wait->blocker_sqlid.len, wait->blocker_sqlid.at,
					(int) wait->blocker_state.len, wait->blocker_state.at);
}

static int
make_type(const PgtKey *key, const PgtEntry *entry,
		  const PgtStatement *statement, const PgtSession *session,
		  char *text, int size)
{
	(void) key;
	(void) statement;
	(void) session;
	return put_span(entry->of.wait.type, text, size);
}

/* What the session is called */
static int
make_fact(const PgtKey *key, const PgtEntry *entry,
		  const PgtStatement *statement, const PgtSession *session,
		  char *text, int size)
{
	const char *value = session->facts[key->fact];

	(void) entry;
	(void) statement;
	/* the current user is known by its OID, after a change */
	if (key->fact == PGT_SESSION_USER &&
		session->facts[PGT_SESSION_USER_ID][0] != '\0')
		value = session->facts[PGT_SESSION_USER_ID];
	return snprintf(text, size, "%s", value[0] != '\0' ? value : "(none)");
}

static int
make_minute(const PgtKey *key, const PgtEntry *entry,
			const PgtStatement *statement, const PgtSession *session,
			char *text, int size)
{
	char		time[PGT_TIME_LEN];

	(void) key;
	(void) statement;
	pgt_tim_format(session, entry->tim, time);
	/* "2026-11-25T13:43" */
	return snprintf(text, size, "%.16s", time);
}

static int
make_field(const PgtKey *key, const PgtEntry *entry,
		   const PgtStatement *statement, const PgtSession *session,
		   char *text, int size)
{
	PgtSpan		value;

	(void) statement;
	(void) session;
	if (!pgt_entry_field(entry, key->field, &value))
		return -1;
	return put_span(value, text, size);
}

static const PgtKey keys[] = {
	{"event", "event", PGT_KEY_OF_EVENT, NULL, NULL, 0},
	{"statement", "statement", PGT_KEY_OF_CALL, make_statement, NULL, 0},
	{"type", "type of event", PGT_KEY_OF_WAIT, make_type, NULL, 0},
	{"node", "plan node", PGT_KEY_OF_WAIT, make_node, NULL, 0},
	{"relation", "relation", PGT_KEY_OF_WAIT, make_relation, NULL, 0},
	{"file", "file", PGT_KEY_OF_WAIT, make_file, NULL, 0},
	{"block", "block", PGT_KEY_OF_WAIT, make_block, NULL, 0},
	{"blocker", "blocker", PGT_KEY_OF_WAIT, make_blocker, NULL, 0},
	{"bind", "bind values", PGT_KEY_OF_CALL, NULL, NULL, 0},
	{"session", "session", PGT_KEY_OF_SESSION, make_fact, NULL, PGT_SESSION_ID},
	{"client-id", "client id", PGT_KEY_OF_SESSION, make_fact, NULL, PGT_SESSION_CLIENT},
	{"module", "module", PGT_KEY_OF_SESSION, make_fact, NULL, PGT_SESSION_MODULE},
	{"action", "action", PGT_KEY_OF_SESSION, make_fact, NULL, PGT_SESSION_ACTION},
	{"service", "service", PGT_KEY_OF_SESSION, make_fact, NULL, PGT_SESSION_SERVICE},
	{"user", "user", PGT_KEY_OF_SESSION, make_fact, NULL, PGT_SESSION_USER},
	{"minute", "minute", PGT_KEY_OF_SESSION, make_minute, NULL, 0},
};

/* Fields of calls; all others are those of waits. */
static const char *const call_fields[] = {
	"c", "e", "p", "cr", "cu", "mis", "r", "dep", "og", "plh"
};

const PgtKey *
pgt_key_find(const char *name)
{
	static PgtKey field = {NULL, NULL, PGT_KEY_OF_WAIT, make_field, NULL, 0};

	for (size_t i = 0; i < lengthof(keys); i++)
	{
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	if (*name == '\0')
		return NULL;
	field.name = field.title = field.field = name;
	for (size_t i = 0; i < lengthof(call_fields); i++)
	{
		if (strcmp(call_fields[i], name) == 0)
			field.level = PGT_KEY_OF_CALL;
	}
	return &field;
}

const char *
pgt_key_names(void)
{
	return "event, statement, type, node, relation, file, block, blocker, bind, session, client-id, module, action, service, user, minute, or any field of a WAIT or a call";
}
