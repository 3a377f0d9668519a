/*
 * record.h
 *		The records that a traced backend sends to the worker.
 *
 * Records are built in place in the session's queue (queue.h) by emit*.c and
 * read there by bgworker/.  They never leave the machine or outlive the
 * server, so they use native types.  Variable-length text follows the fixed
 * part of a record; what doesn't fit into one record of PGT_RECORD_MAX bytes
 * goes on in PGT_RECORD_TEXT records right behind it.
 *
 * Sizes are bytes, times ns of CLOCK_MONOTONIC, durations ns, buffer figures
 * blocks of BLCKSZ.
 */
#ifndef PGT_RECORD_H
#define PGT_RECORD_H

#include "extension/traceparent.h"

/* Largest record, so that a queue always holds several */
#define PGT_RECORD_MAX 16384

/*
 * Longest text, over all its records.  Whoever sends texts cuts them to this;
 * the worker takes a record that announces more for a corrupt one.
 */
#define PGT_TEXT_MAX (16 * 1024 * 1024)

/* What is shown of an error's message, and its terminator */
#define PGT_MESSAGE_LEN	1024

/*
 * Cursor numbers begin here.  Programs that read Oracle's traces expect an
 * address, and some take a single digit for a mistake.
 */
#define PGT_FIRST_CURSOR	10

typedef enum PgtRecordType
{
	PGT_RECORD_PAD = 1,			/* rest of the ring before it wraps */
	PGT_RECORD_TEXT,			/* continues the text of the one before */
	PGT_RECORD_CURSOR,			/* PARSING IN CURSOR */
	PGT_RECORD_BEGIN,			/* a call begins */
	PGT_RECORD_END,				/* PARSE, EXEC, FETCH, CLOSE */
	PGT_RECORD_BINDS,			/* BINDS, followed by nbinds PGT_RECORD_BIND */
	PGT_RECORD_BIND,
	PGT_RECORD_STAT,
	PGT_RECORD_XACT,			/* XCTEND */
	PGT_RECORD_ERROR,
	PGT_RECORD_PARSE_ERROR,
	PGT_RECORD_CONTEXT,			/* a *** line */
	PGT_RECORD_LOST,			/* records before this one are missing */
	PGT_RECORD_EXIT,			/* the process ends */
	PGT_RECORD_BIND_NAME,		/* text: the name of the value that follows */
	PGT_RECORD_SAMPLED			/* nodes are no longer timed by clocks */
} PgtRecordType;

/* Every record starts with this. */
typedef struct PgtRecord
{
	uint32		len;			/* of the whole record, MAXALIGNed */
	uint16		type;			/* PgtRecordType */
	uint16		depth;			/* dep: 0 is what the client sent */
	uint64		time_ns;		/* when it happened */
	uint32		cursor;			/* cursor number, 0 is none */
	uint32		text_len;		/* length of the text in this record */
} PgtRecord;

/*
 * Has a record of that type a line of its own in the file, or is it a bind
 * value?  Those are the events that are counted.
 */
static inline bool
pgt_record_is_event(int type)
{
	return type != PGT_RECORD_PAD && type != PGT_RECORD_TEXT &&
		type != PGT_RECORD_BEGIN && type != PGT_RECORD_LOST &&
		type != PGT_RECORD_BIND_NAME;
}

typedef enum PgtCallKind
{
	PGT_CALL_PARSE,
	PGT_CALL_EXEC,
	PGT_CALL_FETCH,
	PGT_CALL_CLOSE
} PgtCallKind;

typedef struct PgtCursorRecord
{
	PgtRecord	header;
	uint64		queryid;
	uint64		hash;
	uint64		total_len;		/* of the text, over all its records */
	uint64		full_len;		/* if it was cut: before that */
	Oid			userid;			/* current user */
	Oid			loginid;		/* session user */
	uint32		command;		/* Oracle's command code */
	char		traceparent[PGT_TRACEPARENT_LEN];	/* or empty */
} PgtCursorRecord;

typedef struct PgtBeginRecord
{
	PgtRecord	header;
	uint64		run_delay_ns;	/* in the run queue so far; 0: not asked */
	uint64		plan_node;		/* pgt_plan_node of the caller */
	uint64		cpu_ns;			/* of the process so far */
	uint64		lead_ns;		/* worked for the call before, at depth 0 */
	uint32		kind;			/* PgtCallKind */
	uint32		gapless;		/* what has been done since the call before,
								 * or the client's message, is its, too */
} PgtBeginRecord;

typedef struct PgtEndRecord
{
	PgtRecord	header;
	uint64		elapsed_ns;		/* without lead_ns */
	uint64		cpu_ns;			/* likewise */
	uint64		run_delay_ns;	/* as at its beginning */
	int64		blocks_read;	/* p */
	int64		blocks_got;		/* cr: hit + read */
	int64		blocks_dirtied; /* cu */
	uint64		rows;
	uint32		kind;			/* PgtCallKind */
	uint32		plan_hash;
	uint32		missed;			/* planned anew */
	uint16		close_type;		/* of a CLOSE: PGT_CLOSE_... */
	uint16		cpu_age_ns;		/* cpu_ns is right if the process has been on
								 * the CPU for so long */
	uint32		begun;			/* ends the call of a PGT_RECORD_BEGIN */
	uint32		done;			/* what follows is another statement's */
} PgtEndRecord;

/* Oracle's type= of CLOSE lines */
#define PGT_CLOSE_HARD		0	/* the number can be used again */
#define PGT_CLOSE_CACHED	3	/* the cursor keeps its number */

typedef struct PgtBindsRecord
{
	PgtRecord	header;
	uint32		nbinds;
} PgtBindsRecord;

/* Oracle's codes of types, which readers know */
#define PGT_ORACLE_VARCHAR2		1
#define PGT_ORACLE_NUMBER		2
#define PGT_ORACLE_DATE			12
#define PGT_ORACLE_RAW			23
#define PGT_ORACLE_ROWID		69
#define PGT_ORACLE_CHAR			96
#define PGT_ORACLE_FLOAT		100
#define PGT_ORACLE_DOUBLE		101
#define PGT_ORACLE_CURSOR		102
#define PGT_ORACLE_CLOB			112
#define PGT_ORACLE_OBJECT		121
#define PGT_ORACLE_ARRAY		122
#define PGT_ORACLE_TIMESTAMP	180
#define PGT_ORACLE_TIMESTAMPTZ	181
#define PGT_ORACLE_INTERVAL		183
#define PGT_ORACLE_BOOLEAN		252

typedef enum PgtBindState
{
	PGT_BIND_VALUE,
	PGT_BIND_NULL,
	PGT_BIND_OMITTED			/* the text says why there is no value */
} PgtBindState;

typedef struct PgtBindRecord
{
	PgtRecord	header;
	uint64		total_len;		/* of the text over all its records */
	uint64		value_len;		/* of the whole value, if it was cut */
	Oid			type;
	int32		type_len;		/* typlen: -1 varlena, -2 cstring */
	uint32		index;			/* from 0 */
	uint16		state;			/* PgtBindState */
	uint16		oracle_type;	/* Oracle's code for such a type */
	NameData	type_name;
} PgtBindRecord;

/* What some nodes have in addition; stat_line.c has the names. */
typedef enum PgtStatDetailName
{
	PGT_DETAIL_FILTERED,		/* rows removed by a filter, */
	PGT_DETAIL_JOIN_FILTERED,	/* a join's, */
	PGT_DETAIL_RECHECKED,		/* or a recheck of an index's condition */
	PGT_DETAIL_HEAP_FETCHES,
	PGT_DETAIL_SORT_METHOD,		/* TuplesortMethod */
	PGT_DETAIL_BUCKETS,			/* of a hash table */
	PGT_DETAIL_BATCHES,
	PGT_DETAIL_MEMORY,			/* kB */
	PGT_DETAIL_DISK,			/* kB */
	PGT_DETAIL_JIT_FUNCTIONS,
	PGT_DETAIL_JIT_TIME,		/* us */
	PGT_DETAIL_WAL_RECORDS,
	PGT_DETAIL_WAL_FPI,
	PGT_DETAIL_WAL_BYTES,
	PGT_DETAIL_START_TIME,		/* us, of the executor's start, */
	PGT_DETAIL_FINISH_TIME		/* and of what is after all rows */
} PgtStatDetailName;

#define PGT_DETAIL_NAMES	(PGT_DETAIL_FINISH_TIME + 1)
#define PGT_MAX_DETAILS		12

typedef struct PgtStatDetail
{
	uint32		name;			/* PgtStatDetailName */
	uint32		reserved;
	uint64		value;
} PgtStatDetail;

/* How a node's time is known */
typedef enum PgtStatTiming
{
	PGT_STAT_UNKNOWN,
	PGT_STAT_OFF,				/* nobody wants to know */
	PGT_STAT_EXACT,				/* by clocks */
	PGT_STAT_MIXED				/* by clocks, and then by waits and samples */
} PgtStatTiming;

typedef struct PgtStatRecord
{
	PgtRecord	header;			/* text: the operation */
	uint64		rows;			/* cnt, over all loops */
	uint64		loops;			/* str */
	uint64		blocks_read;	/* pr */
	uint64		blocks_got;		/* cr */
	uint64		blocks_written; /* pw, temporary files included */
	uint64		total_ns;		/* of the whole execution */
	uint64		exact_total_ns; /* of that, as long as nodes were timed by
								 * clocks, */
	uint64		exact_ns;		/* and of that, in this one and those below */
	double		cost;
	double		plan_rows;		/* card */
	uint64		plan_bytes;		/* size */
	uint32		id;				/* from 1, in the order of EXPLAIN */
	uint32		parent;			/* id of the parent, 0 for the top node */
	uint32		position;		/* among the parent's children, from 1 */
	Oid			object;			/* relation or index, 0 is none */
	uint32		timing;			/* PgtStatTiming */
	uint32		last_id;		/* of the nodes below */
	uint32		multi;			/* as in PgtNodeCounts */
	uint32		gathers;		/* it runs parallel workers, namely: */
	uint32		workers_planned;
	uint32		workers_launched;	/* in its last loop */
	uint32		nprocs;			/* that have executed it, below such a node;
								 * of all of these is what is above but times, */
	uint32		workers_timed;
	uint64		workers_ns;		/* of all but this one, if workers_timed, */
	uint64		own_rows;		/* and of this one alone */
	uint64		own_loops;
	uint32		execution;		/* pgt_plan_watch_begin()'s number, or 0 */
	uint32		ndetails;
	PgtStatDetail details[PGT_MAX_DETAILS];
} PgtStatRecord;

typedef struct PgtSampledRecord
{
	PgtRecord	header;
	uint32		execution;		/* pgt_plan_watch_begin()'s number */
} PgtSampledRecord;

typedef struct PgtXactRecord
{
	PgtRecord	header;
	uint32		rolled_back;
	uint32		read_only;
} PgtXactRecord;

/* What is known of an error; what is empty isn't. */
typedef struct PgtErrorDetails
{
	char		message[PGT_MESSAGE_LEN];
	NameData	schema;
	NameData	table;
	NameData	column;
	NameData	constraint;
} PgtErrorDetails;

typedef struct PgtErrorRecord
{
	PgtRecord	header;			/* text: the statement, if no call was open */
	uint64		full_len;		/* if that was cut: before that */
	uint32		sqlstate;		/* packed by MAKE_SQLSTATE() */
	uint32		bind;			/* the value that was meant, from 1; 0 is none */
	PgtErrorDetails details;	/* missing where they were sent already */
} PgtErrorRecord;

/* The length of such a record; it has no text. */
#define PGT_ERROR_AGAIN_LEN		offsetof(PgtErrorRecord, details)

typedef struct PgtParseErrorRecord
{
	PgtRecord	header;			/* text: the statement */
	uint64		total_len;
	uint64		full_len;		/* if it was cut: before that */
	Oid			userid;
	Oid			loginid;
	uint32		sqlstate;
	uint32		position;		/* in characters from 1, 0 is unknown */
	PgtErrorDetails details;
} PgtParseErrorRecord;

typedef enum PgtContextKind
{
	PGT_CONTEXT_CLIENT,
	PGT_CONTEXT_MODULE,
	PGT_CONTEXT_ACTION,
	PGT_CONTEXT_USER,			/* the last one; no text */
	PGT_CONTEXT_OPTIONS			/* not of the session, but of the trace */
} PgtContextKind;

#define PGT_CONTEXT_KINDS	(PGT_CONTEXT_USER + 1)

typedef struct PgtContextRecord
{
	PgtRecord	header;			/* text: the value */
	uint32		kind;			/* PgtContextKind */
	Oid			userid;			/* current user */
} PgtContextRecord;

typedef struct PgtLostRecord
{
	PgtRecord	header;
	uint64		count;
	uint32		calls;			/* count is of calls that had no cursor, not
								 * of records that found no room */
} PgtLostRecord;

typedef struct PgtExitRecord
{
	PgtRecord	header;
	int32		code;			/* proc_exit()'s argument */
} PgtExitRecord;

/*
 * What a traced session writes for each execution: whoever lets these grow
 * pays in every call.
 */
StaticAssertDecl(sizeof(PgtRecord) == 24, "head of a record");
StaticAssertDecl(sizeof(PgtBeginRecord) <= 64, "beginning of a call");
StaticAssertDecl(sizeof(PgtEndRecord) <= 104, "end of a call");
StaticAssertDecl(sizeof(PgtBindsRecord) <= 32, "values to come");
StaticAssertDecl(sizeof(PgtBindRecord) <= 120, "a value");
StaticAssertDecl(sizeof(PgtXactRecord) <= 32, "end of a transaction");

#endif							/* PGT_RECORD_H */
