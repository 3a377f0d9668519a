/*
 * lock_waits.c
 *		Collects the waits for locks of all sessions: for blockers.c.
 *
 * A wait is kept as its interval, and as what it has in common with others.
 */
#include "postgres_fe.h"

#include "cli/commands/lock_waits.h"
#include "cli/model/hash.h"

#define BUCKETS		4096

static PgtLockKind *kinds[BUCKETS];

PgtLockWaits *
pgt_lock_waits_create(PgtCatalog *catalog)
{
	PgtLockWaits *waits = pg_malloc0(sizeof(PgtLockWaits));

	waits->catalog = catalog;
	return waits;
}

/* ----------
 * Sessions
 * ----------
 */

/* The one with that process number; sessions of one server are meant. */
static PgtLockSession *
session_of(PgtLockWaits *waits, int64_t pid)
{
	PgtLockSession *session;

	for (int i = waits->nsessions - 1; i >= 0; i--)
	{
		if (waits->sessions[i]->pid == pid)
			return waits->sessions[i];
	}
	session = pg_malloc0(sizeof(PgtLockSession));
	session->pid = pid;
	waits->sessions = pg_realloc(waits->sessions, (waits->nsessions + 1) *
								 sizeof(PgtLockSession *));
	waits->sessions[waits->nsessions++] = session;
	return session;
}

static void
append(char *text, size_t size, const char *more)
{
	size_t		len = strlen(text);

	if (*more != '\0')
		snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "", more);
}

void
pgt_lock_waits_file(PgtLockWaits *waits, const PgtSource *source)
{
	PgtLockSession *session = session_of(waits, source->session.pid);
	char		who[3 * PGT_SESSION_FACT_LEN] = "";

	append(who, sizeof(who), source->session.facts[PGT_SESSION_USER]);
	append(who, sizeof(who), source->session.facts[PGT_SESSION_DATABASE]);
	append(who, sizeof(who), source->session.facts[PGT_SESSION_MODULE]);
	pg_free(session->who);
	session->who = pg_strdup(who);
	session->files = pg_realloc(session->files, (session->nfiles + 1) *
								sizeof(char *));
	session->files[session->nfiles++] = pg_strdup(source->name);
}

/* ----------
 * Waits
 * ----------
 */

/* The first of several, which have commas between them */
static void
copy_first(char *target, size_t size, PgtSpan span)
{
	const char *comma;

	if (span.at == NULL)
		return;
	comma = memchr(span.at, ',', span.len);
	if (comma != NULL)
		span.len = comma - span.at;
	strlcpy(target, span.at, Min(size, span.len + 1));
}

/* Numbers of processes: "13004,13010" */
static void
read_blockers(PgtLockKind *kind, PgtSpan span)
{
	const char *p = span.at;
	const char *end = span.at + span.len;
	int64_t		pid;

	while (span.at != NULL && kind->nblockers < PGT_LOCK_MAX_BLOCKERS &&
		   pgt_take_int64(&p, end, &pid))
	{
		kind->pids[kind->nblockers++] = pid;
		if (p == end || *p++ != ',')
			break;
	}
}

static bool
is_same(const PgtLockKind *a, const PgtLockKind *b)
{
	return a->waiter == b->waiter && a->statement == b->statement &&
		a->event == b->event && a->obj == b->obj &&
		a->nblockers == b->nblockers &&
		memcmp(a->pids, b->pids, sizeof(a->pids)) == 0 &&
		strcmp(a->mode, b->mode) == 0 &&
		strcmp(a->blocker_sqlid, b->blocker_sqlid) == 0 &&
		strcmp(a->blocker_state, b->blocker_state) == 0;
}

static PgtLockKind *
kind_of(PgtLockWaits *waits, const PgtLockKind *wanted)
{
	uint64_t	h = pgt_hash_number((uintptr_t) wanted->waiter ^
									pgt_hash_number((uintptr_t) wanted->statement ^
													(uint64_t) wanted->obj ^
													pgt_hash_number(wanted->pids[0])));
	PgtLockKind **bucket = &kinds[h % BUCKETS];
	PgtLockKind *kind;

	for (kind = *bucket; kind != NULL; kind = kind->next)
	{
		if (is_same(kind, wanted))
			return kind;
	}
	kind = pg_malloc(sizeof(PgtLockKind));
	*kind = *wanted;
	for (int i = 0; i < kind->nblockers; i++)
		kind->blockers[i] = session_of(waits, kind->pids[i]);
	kind->next = *bucket;
	*bucket = kind;
	return kind;
}

void
pgt_lock_waits_note(PgtLockWaits *waits, const PgtSource *source,
					const PgtEntry *entry, PgtStatement *statement,
					PgtEvent *event)
{
	const PgtEntryWait *wait = &entry->of.wait;
	PgtLockKind kind = {0};
	PgtLockSession *session;
	int64_t		end;

	if (!pgt_span_is(wait->type, "Lock") ||
		!pgt_session_time(&source->session, entry->tim, &end))
		return;
	waits->waits++;
	waits->wait_us += wait->ela;
	kind.waiter = session = session_of(waits, source->session.pid);
	kind.statement = statement;
	kind.event = event;
	kind.obj = wait->obj;
	copy_first(kind.mode, sizeof(kind.mode), wait->mode);
	copy_first(kind.blocker_sqlid, sizeof(kind.blocker_sqlid),
			   wait->blocker_sqlid);
	copy_first(kind.blocker_state, sizeof(kind.blocker_state),
			   wait->blocker_state);
	read_blockers(&kind, wait->blocker);
	if (kind.nblockers == 0)
	{
		waits->unknown++;
		waits->unknown_us += wait->ela;
		return;
	}
	if (session->nwaits == session->max_waits)
	{
		session->max_waits = Max(16, 2 * session->max_waits);
		session->waits = pg_realloc(session->waits, session->max_waits *
									sizeof(PgtLockInterval));
	}
	session->waits[session->nwaits].begin = end - wait->ela;
	session->waits[session->nwaits].end = end;
	session->waits[session->nwaits++].kind = kind_of(waits, &kind);
}
