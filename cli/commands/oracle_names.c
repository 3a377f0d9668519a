/*
 * oracle_names.c
 *		What Oracle calls things: for convert_oracle.c.
 *
 * An event has the name of the one that Oracle's people look for when they see
 * the same thing there.  What has no such name keeps its own: readers show it.
 */
#include "postgres_fe.h"

#include "cli/commands/oracle_names.h"

typedef struct EventName
{
	const char *type;
	const char *name;
	const char *oracle;
} EventName;

static const EventName events[] = {
	{"Client", "ClientRead", "SQL*Net message from client"},
	{"Client", "ClientWrite", "SQL*Net message to client"},
	{"IO", "DataFileWrite", "db file single write"},
	{"IO", "DataFileFlush", "db file parallel write"},
	{"IO", "DataFileSync", "db file parallel write"},
	{"IO", "DataFileImmediateSync", "db file parallel write"},
	{"IO", "DataFileExtend", "Data file init write"},
	{"IO", "DataFilePrefetch", "db file parallel read"},
	{"IO", "BufFileRead", "direct path read temp"},
	{"IO", "BufFileWrite", "direct path write temp"},
	{"IO", "WALWrite", "log file parallel write"},
	{"IO", "WalWrite", "log file parallel write"},
	{"IO", "WALSync", "log file sync"},
	{"IO", "WalSync", "log file sync"},
	{"IO", "CopyFileRead", "external table read"},
	{"Lock", "transactionid", "enq: TX - row lock contention"},
	{"Lock", "tuple", "enq: TX - row lock contention"},
	{"Lock", "virtualxid", "enq: TX - contention"},
	{"Lock", "relation", "enq: TM - contention"},
	{"Lock", "extend", "enq: HW - contention"},
	{"Lock", "advisory", "enq: UL - contention"},
	{"LWLock", "LWLock: BufferContent", "buffer busy waits"},
	{"BufferPin", "BufferPin", "buffer busy waits"},
	{"Buffer", "BufferCleanup", "buffer busy waits"},
	{"Buffer", "BufferExclusive", "buffer busy waits"},
	{"Buffer", "BufferShared", "buffer busy waits"},
	{"IPC", "BufferIO", "read by other session"},
	{"IPC", "BufferIo", "read by other session"},
	{"IPC", "ExecuteGather", "PX Deq: Execute Reply"},
	{"IPC", "MessageQueueReceive", "PX Deq: Table Q Normal"},
	{"IPC", "MessageQueueSend", "PX Deq Credit: send blkd"},
	{"IPC", "ParallelFinish", "PX Deq: Signal ACK EXT"},
	{"IPC", "BgworkerStartup", "PX Deq: Join ACK"},
	{"IPC", "BgWorkerStartup", "PX Deq: Join ACK"},
	{"IPC", "SyncRep", "LGWR-LNS wait on channel"},
	{"Timeout", "PgSleep", "PL/SQL lock timer"},
	{"CPU", "CPU run queue", "resmgr:cpu quantum"},
};

void
pgt_oracle_event(const PgtEntryWait *wait, char name[PGT_ORACLE_NAME_LEN])
{
	static const char tranche[] = "LWLock: ";

	for (size_t i = 0; i < lengthof(events); i++)
	{
		if (pgt_span_is(wait->nam, events[i].name) &&
			pgt_span_is(wait->type, events[i].type))
		{
			strlcpy(name, events[i].oracle, PGT_ORACLE_NAME_LEN);
			return;
		}
	}
	if (pgt_span_is(wait->nam, "DataFileRead"))
		strlcpy(name, wait->parameter[2].value > 1 ? "db file scattered read" :
				"db file sequential read", PGT_ORACLE_NAME_LEN);
	else if (pgt_span_begins(wait->nam, tranche))
		snprintf(name, PGT_ORACLE_NAME_LEN, "latch: %.*s",
				 (int) (wait->nam.len - strlen(tranche)),
				 wait->nam.at + strlen(tranche));
	else if (pgt_span_is(wait->type, "Lock"))
		snprintf(name, PGT_ORACLE_NAME_LEN, "enq: %.*s - contention",
				 (int) Min(wait->nam.len, 64), wait->nam.at);
	else
		snprintf(name, PGT_ORACLE_NAME_LEN, "%.*s",
				 (int) Min(wait->nam.len, PGT_ORACLE_NAME_LEN - 1),
				 wait->nam.at);
}

typedef struct Error
{
	const char *sqlstate;
	int			oracle;
} Error;

int64_t
pgt_oracle_error(const PgtEntryError *error)
{
	static const Error errors[] = {
		{"23505", 1},			/* unique constraint violated */
		{"55P03", 54},			/* resource busy, NOWAIT */
		{"40P01", 60},			/* deadlock */
		{"42601", 900},			/* invalid SQL statement */
		{"42703", 904},			/* invalid identifier */
		{"42883", 904},
		{"42P01", 942},			/* table does not exist */
		{"42P07", 955},			/* name is already used */
		{"57014", 1013},		/* cancelled */
		{"42501", 1031},		/* insufficient privileges */
		{"23502", 1400},		/* NULL */
		{"21000", 1427},		/* more than one row */
		{"22012", 1476},		/* divisor is zero */
		{"22P02", 1722},		/* invalid number */
		{"23514", 2290},		/* check constraint */
		{"23503", 2291},		/* parent key not found */
		{"40001", 8177},		/* can't serialize */
	};

	for (size_t i = 0; i < lengthof(errors); i++)
	{
		if (error->sqlstate.at != NULL &&
			pgt_span_is(error->sqlstate, errors[i].sqlstate))
			return errors[i].oracle;
	}
	return error->err;
}

/* ----------
 * Placeholders
 * ----------
 */

/* Behind a literal or a quoted name that begins at p */
static char *
skip_quoted(char *p, char *end)
{
	char		quote = *p++;

	/* two of them are one that belongs to it, and look like two literals */
	while (p < end && *p != quote)
		p++;
	return p < end ? p + 1 : end;
}

static char *
skip_comment(char *p, char *end)
{
	int			depth = 0;

	if (*p == '-')
	{
		p = memchr(p, '\n', end - p);
		return p != NULL ? p : end;
	}
	while (p + 1 < end)
	{
		if (p[0] == '/' && p[1] == '*')
			depth++;
		else if (p[0] == '*' && p[1] == '/')
			depth--;
		else
		{
			p++;
			continue;
		}
		p += 2;
		if (depth == 0)
			return p;
	}
	return end;
}

static bool
is_name(char c)
{
	return isalnum((unsigned char) c) || c == '_' || (c & 0x80) != 0;
}

/* Behind a literal in dollar quotes that begins at p; p if there is none. */
static char *
skip_dollars(char *p, char *end)
{
	char	   *tag_end = p + 1;
	size_t		len;

	if (tag_end < end && isdigit((unsigned char) *tag_end))
		return p;
	while (tag_end < end && is_name(*tag_end))
		tag_end++;
	if (tag_end == end || *tag_end != '$')
		return p;
	len = tag_end + 1 - p;
	tag_end = memmem(p + len, end - p - len, p, len);
	return tag_end != NULL ? tag_end + len : end;
}

void
pgt_oracle_placeholders(char *text, size_t len)
{
	char	   *p = text;
	char	   *end = text + len;

	while (p < end)
	{
		char	   *next = p;

		if (*p == '\'' || *p == '"')
			next = skip_quoted(p, end);
		else if (p + 1 < end && ((p[0] == '-' && p[1] == '-') ||
								 (p[0] == '/' && p[1] == '*')))
			next = skip_comment(p, end);
		else if (*p == '$' && (p == text || !is_name(p[-1])))
		{
			next = skip_dollars(p, end);
			if (next == p && p + 1 < end && isdigit((unsigned char) p[1]))
				*p = ':';
		}
		p = next > p ? next : p + 1;
	}
}
