/*
 * session.h
 *		The registry of traced processes, in shared memory.
 */
#ifndef PGT_SESSION_H
#define PGT_SESSION_H

#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

#include "extension/queue.h"

#define PGT_ERROR_LEN	256
#define PGT_PROBE_LEN	24

typedef enum PgtSessionState
{
	PGT_SESSION_FREE,
	PGT_SESSION_STARTING,		/* requested, the worker's turn */
	PGT_SESSION_ACTIVE,
	PGT_SESSION_STOPPING		/* stop requested, the worker's turn */
} PgtSessionState;

/* What a trace includes; options.c says what can be changed later. */
typedef struct PgtOptions
{
	bool		waits;
	bool		binds;
	bool		cpu;
	int			plan_stat;		/* PgtPlanStat */
	int			node_timing;	/* PgtNodeTiming */
	char		identifier[NAMEDATALEN];
} PgtOptions;

/* Options that a request names, of which the others are defaults */
#define PGT_NAMED_WAITS		0x01
#define PGT_NAMED_BINDS		0x02
#define PGT_NAMED_PLAN_STAT	0x04

/*
 * A traced process.  The lock protects all but the queue and the atomics.
 * A slot is in use from PGT_SESSION_STARTING on; who
 * asked for the trace sets that state and everything above the line, the
 * worker does the rest.  generation tells one use of a slot from the next.
 */
typedef struct PgtSession
{
	PgtSessionState state;
	uint32		generation;
	int			pid;
	int			proc_number;	/* index in ProcGlobal->allProcs; -1 if a
								 * parallel worker has none yet: arrival.c */
	int			leader_pid;		/* 0 if not a parallel worker */
	BackendType backend_type;
	char		image[BGW_MAXLEN];	/* as pg_stat_activity.backend_type */
	uint32		leader_cursor;	/* of a parallel worker's query */
	bool		remote;			/* asked for by another session */
	bool		forked;			/* traced since it was forked: arrival.c */
	bool		bare;			/* has loaded no library since it was forked */
	Oid			database;
	Oid			role;
	TimestampTz backend_start;
	NameData	database_name;
	NameData	role_name;
	char		application_name[NAMEDATALEN];
	PgtOptions	options;
	uint32		named_options;	/* PGT_NAMED_...; only of a request */
	Oid			owner;			/* role that began it, or, of a request, asks
								 * for it; InvalidOid: a superuser */
	/*----------------------------------------------------------------*/
	uint64		requested_ns;	/* when it was asked for */
	TimestampTz started_at;
	TimestampTz running_since;	/* start of the statement that it was in the
								 * middle of, 0 if none; set before its flag */
	char		probe[PGT_PROBE_LEN];
	char		trace_file[MAXPGPATH];
	char		last_error[PGT_ERROR_LEN];
	uint32		failed_generation;	/* its start failed: see last_error */
	bool		refused_disabled;	/* because the worker has tracing disabled */
	pg_atomic_uint64 bytes_written;
	pg_atomic_uint64 sql_events;
	pg_atomic_uint64 wait_events;
	pg_atomic_uint64 lost_events;	/* besides those of the queue */
	pg_atomic_uint64 told_events;	/* of these, the file says so */
	pg_atomic_uint64 told_queue;	/* and of those of the queue */
	pg_atomic_uint64 tracer_wait_us;	/* what the process has waited for the
										 * worker, as its file has it */
	/* Looks at the process's libraries that it asked for, and that were done */
	pg_atomic_uint32 libraries_wanted;
	pg_atomic_uint32 libraries_done;
	pg_atomic_uint32 options_version;	/* counts their changes */

	/*
	 * Of a process that has asked for its own trace: since when it has waited
	 * for probes, and when it went on without them, 0 if it didn't.  Then the
	 * worker counts how often probes were attached later.
	 */
	pg_atomic_uint64 waits_since_ns;
	pg_atomic_uint64 went_on_ns;
	pg_atomic_uint32 late_probes;
	pg_atomic_uint32 exits;		/* the process has begun to end */

	/* The backend's end of the queue */
	pg_atomic_uint32 writing;	/* generation it writes for, 0 is none */
	pg_atomic_uint32 waiting;	/* it waits for room in the queue */
	pg_atomic_uint32 half_full; /* it has told the worker so */
	pg_atomic_uint64 waited_ns; /* for the worker, by its own count */
	PgtQueue	queue;
} PgtSession;

/* A parallel worker that has just been forked; see arrival.c */
typedef struct PgtArrival
{
	pg_atomic_uint32 state;
	int			pid;
	int			leader_pid;
	uint64		since_ns;		/* it stands still since then */
} PgtArrival;

/*
 * The utility statement that a traced process executes, for its parallel
 * workers: leader.c
 */
#define PGT_LEADER_TEXT	8192

typedef struct PgtLeaderStatement
{
	uint32		cursor;			/* in the leader's trace; 0 is none */
	uint32		command;
	uint64		queryid;
	Oid			userid;
	uint32		full_len;		/* of the text */
	uint32		len;			/* of what is here of it */
	char		text[PGT_LEADER_TEXT];
} PgtLeaderStatement;

/* What pg_trace_worker shows; the lock protects it. */
typedef struct PgtWorkerStatus
{
	int			pid;			/* 0: not running */
	int			proc_number;	/* index in ProcGlobal->allProcs; -1: not
								 * running */
	char		state[PGT_PROBE_LEN];
	char		capabilities[64];
	char		probe[PGT_PROBE_LEN];
	char		libbpf[16];
	char		unusable_probes[PGT_ERROR_LEN]; /* kinds, and why */
	char		last_error[PGT_ERROR_LEN];
	int			probe_sites;
	int			expensive_sites;
	uint64		ring_buffer_size;	/* bytes */
	uint64		ring_buffer_max_used;	/* bytes */
	uint64		probe_hits;
	uint64		drained_events;
	uint64		lost_events;
	int			sessions;
} PgtWorkerStatus;

typedef struct PgtShared
{
	uint32		next_generation;
	pg_atomic_uint32 worker_asleep; /* the worker wants to be woken */
	PgtWorkerStatus worker;
} PgtShared;

/* NULL where the library isn't loaded by shared_preload_libraries. */
extern PgtShared *pgt_shared;

/*
 * What stands behind it in shared memory.  Addresses and counts are each
 * process's own, from the postmaster's start on: a process that scribbles over
 * shared memory must not lead another one, least of all the worker, astray.
 */
extern LWLock *pgt_lock;
extern int	pgt_nsessions;
extern int	pgt_nprocs;
extern PgtSession *pgt_sessions;	/* [pgt_nsessions] */
extern PgtArrival *pgt_arrivals;	/* [pgt_nsessions] */
extern PgtQueuePlace *pgt_queues;	/* [pgt_nsessions] */
extern PgtLeaderStatement *pgt_leader_statements;	/* [pgt_nsessions] */

/*
 * [pgt_nprocs], by proc number: slot + 1 of the session that a process belongs
 * to, 0 if it isn't traced.  This is the flag that every hook tests.
 */
extern pg_atomic_uint32 *pgt_flags;

/*
 * Instead: the worker has ended the trace since tracing was disabled, and the
 * process is to look whether it still wants one.
 */
#define PGT_LOOK_AGAIN	PG_UINT32_MAX

/*
 * [pgt_nprocs], by proc number: slot + 1 of the session whose state that
 * process waits for, 0 is none.  The worker sets its latch then.
 */
extern pg_atomic_uint32 *pgt_waiters;

/* Instead: it waits for any slot to become free. */
#define PGT_ANY_SLOT	PG_UINT32_MAX

/* Postmaster, at load. */
extern void pgt_session_install(void);

/* Raises an error where the library isn't loaded by shared_preload_libraries. */
extern void pgt_session_check_loaded(void);

/*
 * Copy a session out of shared memory, where anything may stand: in the copy,
 * strings end, and options are among those that there are.  The lock makes
 * the copy consistent.
 */
extern void pgt_session_copy(PgtSession *copy, const PgtSession *session);

/* The process with that pid, of whatever kind, or NULL. */
extern PGPROC *pgt_session_find_proc(int pid);

/* The session that traces that process, or NULL.  Caller holds the lock. */
extern PgtSession *pgt_session_find(int pid);

/*
 * Are there free slots, but none for what description describes, since they are
 * reserved for superusers?  Caller holds the lock.
 */
extern bool pgt_session_is_reserved(const PgtSession *description);

/*
 * Take a free slot for what description describes, in state
 * PGT_SESSION_STARTING; NULL if there is none, or none for whom but a
 * superuser begins it.  Caller holds the lock.
 */
extern PgtSession *pgt_session_allocate(const PgtSession *description);

/*
 * Describe the current process in session, which is the caller's.  Names
 * come from the connection, so this needs no transaction.
 */
extern void pgt_session_describe_self(PgtSession *session);

/* Set the worker's latch, if there is a worker. */
extern void pgt_session_wake_worker(void);

/* Set the latches of all processes: the worker's is among them. */
extern void pgt_session_wake_everyone(void);

/*
 * From now on, this process's latch is set when the worker has done something
 * about session; NULL: no longer.  To be called before the first look.
 */
extern void pgt_session_await(const PgtSession *session);
extern void pgt_session_await_any(void);

#endif							/* PGT_SESSION_H */
