/*
 * entry.h
 *		What one entry of a trace file says: a line, or lines that belong
 *		together.
 *
 * doc/trace-format.md tells what the fields mean; they are called what they are
 * called there.  A number that a line doesn't have is 0, unless said otherwise,
 * a text that it doesn't have is NULL.  All texts are pieces of the reader's
 * buffer: valid until the next entry is read, and with their escapes.
 *
 * Oracle's files have the same entries, with fewer fields.
 */
#ifndef PGT_PARSE_ENTRY_H
#define PGT_PARSE_ENTRY_H

#include "cli/parse/span.h"

typedef enum PgtEntryKind
{
	/* Calls; see pgt_entry_is_call() */
	PGT_ENTRY_PARSE,
	PGT_ENTRY_EXEC,
	PGT_ENTRY_FETCH,
	PGT_ENTRY_CLOSE,
	PGT_ENTRY_UNMAP,			/* Oracle's UNMAP and SORT UNMAP */
	PGT_ENTRY_LOB,				/* Oracle's LOBREAD and so on, without cursor */

	PGT_ENTRY_WAIT,
	PGT_ENTRY_CURSOR,			/* PARSING IN CURSOR up to END OF STMT */
	PGT_ENTRY_BINDS,			/* the line BINDS #n: */
	PGT_ENTRY_BIND,				/* one value: " Bind#" and what belongs to it */
	PGT_ENTRY_STAT,
	PGT_ENTRY_XCTEND,
	PGT_ENTRY_ERROR,
	PGT_ENTRY_PARSE_ERROR,		/* with its text */

	/* "*** " */
	PGT_ENTRY_STAMP,			/* a time and nothing else, or with tim= */
	PGT_ENTRY_CONTEXT,			/* SESSION ID, MODULE NAME and so on */
	PGT_ENTRY_RUNNING,
	PGT_ENTRY_IN_PROGRESS,
	PGT_ENTRY_LOST,
	PGT_ENTRY_EXIT,
	PGT_ENTRY_HELD,				/* HELD UP BY PG_TRACE */
	PGT_ENTRY_PARALLEL_WORKER,	/* in its leader's file */
	PGT_ENTRY_PARALLEL_LEADER,	/* in a worker's file */
	PGT_ENTRY_STARTED_MIDWAY,	/* tracing, in the middle of a call */
	PGT_ENTRY_LIMITED,			/* DUMP FILE SIZE IS LIMITED */
	PGT_ENTRY_ENDED,			/* the last line of a complete file */
	PGT_ENTRY_NOTE,				/* any other */

	PGT_ENTRY_HEAD,				/* a line of the file's head */
	PGT_ENTRY_EMPTY,			/* an empty line, or the separator */
	PGT_ENTRY_UNKNOWN,
	PGT_ENTRY_KINDS
} PgtEntryKind;

/* PARSE, EXEC, FETCH, CLOSE, UNMAP, LOB */
typedef struct PgtEntryCall
{
	int64_t		c;
	int64_t		e;
	int64_t		p;
	int64_t		cr;
	int64_t		cu;
	int64_t		mis;
	int64_t		r;
	int64_t		dep;
	int64_t		og;
	int64_t		plh;
	int64_t		type;			/* of a CLOSE; -1 if it doesn't say */
	PgtSpan		name;			/* of a LOB call */
} PgtEntryCall;

#define PGT_ENTRY_PARAMETERS	3

typedef struct PgtEntryWait
{
	PgtSpan		nam;
	int64_t		ela;
	struct
	{
		PgtSpan		name;		/* NULL if there are fewer than three */
		int64_t		value;
	}			parameter[PGT_ENTRY_PARAMETERS];
	PgtSpan		type;			/* NULL in Oracle's files */
	int64_t		obj;			/* -1: none */
	int64_t		node;			/* -1: none */
	int64_t		cont;
	int64_t		partial;
	int64_t		cpu;			/* CPU time in it; -1: not measured */
	int64_t		protocol;		/* work for the client right before it */
	PgtSpan		fork;
	PgtSpan		file;
	PgtSpan		mode;
	PgtSpan		reason;
	PgtSpan		blocker;		/* numbers of processes, with commas */
	PgtSpan		blockers;
	PgtSpan		blocker_sqlid;	/* these have commas as well */
	PgtSpan		blocker_state;
	PgtSpan		blocker_xact;
} PgtEntryWait;

typedef struct PgtEntryCursor
{
	int64_t		len;
	int64_t		dep;
	int64_t		uid;
	int64_t		oct;
	int64_t		lid;
	int64_t		hv;
	PgtSpan		ad;
	PgtSpan		sqlid;
	int64_t		queryid;		/* 0: none */
	PgtSpan		traceparent;
	int64_t		cut;			/* bytes of the whole text, 0: this is it */
	PgtSpan		text;			/* SQL, without escapes */
} PgtEntryCursor;

typedef enum PgtEntryValueKind
{
	PGT_ENTRY_VALUE_NONE,		/* the file doesn't have it */
	PGT_ENTRY_VALUE_NULL,
	PGT_ENTRY_VALUE_PLAIN,		/* a number, or what Oracle has without quotes */
	PGT_ENTRY_VALUE_QUOTED,		/* the text within "..." */
	PGT_ENTRY_VALUE_OMITTED		/* the reason within <...> */
} PgtEntryValueKind;

typedef struct PgtEntryBind
{
	int64_t		number;			/* from 0 */
	int64_t		oacdty;
	PgtSpan		typ;
	int64_t		typoid;
	PgtSpan		name;
	int64_t		avl;
	int64_t		shown;			/* -1: all is shown */
	PgtEntryValueKind kind;
	PgtSpan		value;
} PgtEntryBind;

typedef struct PgtEntryStat
{
	int64_t		id;
	int64_t		cnt;
	int64_t		pid;
	int64_t		pos;
	int64_t		obj;
	PgtSpan		op;				/* without the parentheses behind it */
	PgtSpan		more;			/* all that is in the parentheses */
	int64_t		cr;
	int64_t		pr;
	int64_t		pw;
	int64_t		str;
	int64_t		time;			/* -1: not known */
	int64_t		cost;
	int64_t		size;
	int64_t		card;
	int64_t		wait;			/* -1: not known, or not traced */
	int64_t		waits;			/* the same */
	PgtSpan		timing;
	int64_t		samples;		/* -1: it doesn't say */
	int64_t		filtered;		/* -1 as well */
} PgtEntryStat;

typedef struct PgtEntryXctend
{
	int64_t		rlbk;
	int64_t		rd_only;
} PgtEntryXctend;

/* ERROR, and PARSE ERROR with len to lid, pos and text */
typedef struct PgtEntryError
{
	int64_t		err;
	PgtSpan		sqlstate;
	PgtSpan		message;
	PgtSpan		schema;
	PgtSpan		table;
	PgtSpan		column;
	PgtSpan		constraint;
	int64_t		bind;			/* -1: none */
	PgtSpan		statement;
	int64_t		cut;
	int64_t		len;
	int64_t		dep;
	int64_t		uid;
	int64_t		oct;
	int64_t		lid;
	int64_t		pos;
	PgtSpan		text;			/* SQL, without escapes */
} PgtEntryError;

/* All that begins with "*** " */
typedef struct PgtEntryStars
{
	PgtSpan		text;			/* all behind the stars */
	bool		has_time;		/* a wall clock's time, in */
	int64_t		time_us;		/* us since 1970, UTC, and in */
	int			offset_s;		/* s by which the file's zone is east of that */
	PgtSpan		label;			/* of a CONTEXT: "MODULE NAME" */
	PgtSpan		value;			/* its value; the FILE of a parallel process;
								 * the library */
	uint64_t	cursor;			/* RUNNING, IN PROGRESS, parallel processes */
	int64_t		e;				/* RUNNING */
	PgtSpan		event;			/* NULL: it doesn't wait */
	PgtSpan		type;
	int64_t		ela;
	int64_t		partial;
	int64_t		number;			/* events lost; exit code; process; HELD UP BY
								 * PG_TRACE in us; bytes of LIMITED; -1 of
								 * LOST: unknown */
} PgtEntryStars;

typedef struct PgtEntryHead
{
	PgtSpan		name;			/* "Database name"; what stands before the
								 * value */
	PgtSpan		value;
} PgtEntryHead;

typedef struct PgtEntry
{
	PgtEntryKind kind;
	uint64_t	offset;			/* in the file, as it is uncompressed */
	uint64_t	line;			/* number of its first line, from 1 */
	uint64_t	lines;			/* how many it has; an unfinished one counts */
	PgtSpan		raw;			/* all of it, with its line ends */
	bool		has_cursor;
	uint64_t	cursor;			/* the number behind "#" */
	bool		has_tim;
	int64_t		tim;

	/*
	 * What is wrong with it: what could be read of it has been.  NULL if
	 * nothing is.
	 */
	const char *problem;
	bool		torn;			/* the file ends in it */
	bool		cut;			/* longer than the reader's memory: the rest
								 * of its text isn't in raw */
	int			unknown_fields; /* number of fields that the reader skipped */
	union
	{
		PgtEntryCall call;
		PgtEntryWait wait;
		PgtEntryCursor cursor_of;	/* PARSING IN CURSOR */
		PgtEntryBind bind;
		PgtEntryStat stat;
		PgtEntryXctend xctend;
		PgtEntryError error;
		PgtEntryStars stars;
		PgtEntryHead head;
	}			of;
} PgtEntry;

static inline bool
pgt_entry_is_call(const PgtEntry *entry)
{
	return entry->kind <= PGT_ENTRY_LOB;
}

static inline bool
pgt_entry_is_stars(const PgtEntry *entry)
{
	return entry->kind >= PGT_ENTRY_STAMP && entry->kind <= PGT_ENTRY_NOTE;
}

/* What a kind is called: "WAIT", "PARSING IN CURSOR", "unknown" */
extern const char *pgt_entry_kind_name(PgtEntryKind kind);

/* Where the first line ends, before its line end */
static inline const char *
pgt_entry_first_end(const PgtEntry *entry)
{
	const char *end = memchr(entry->raw.at, '\n', entry->raw.len);

	return end != NULL ? end : entry->raw.at + entry->raw.len;
}

/* An empty entry of no kind yet, with none of the members of "of" */
extern void pgt_entry_init(PgtEntry *entry);

#define PGT_ENTRY_NO_TIM	INT64_MIN

#endif							/* PGT_PARSE_ENTRY_H */
