/*
 * tracer.h
 *		The worker's part of one traced process.
 */
#ifndef PGT_TRACER_TRACER_H
#define PGT_TRACER_TRACER_H

#include "bgworker/trace/format.h"
#include "bgworker/trace/merge.h"
#include "bgworker/trace/parts.h"
#include "bgworker/trace/writer.h"
#include "bpf/pg_trace.h"
#include "extension/session.h"

/* What pg_stat_activity knows about a process in the middle of something */
typedef struct PgtActivity
{
	bool		running;		/* a statement; else it is idle in a
								 * transaction */
	TimestampTz statement_start;
	TimestampTz state_start;
	TimestampTz xact_start;
	uint64		queryid;		/* of the statement, 0 if unknown */
	char	   *text;			/* of the statement, or the last one; palloc'd */
} PgtActivity;

/* The writer's buffer is written when it has grown to this, at the latest. */
#define PGT_FLUSH_SIZE		(256 * 1024)

/*
 * What the process has waited for the worker in one go, as far as it has been
 * seen; its latch may have cut it into several waits
 */
typedef struct PgtTracerWaitSeen
{
	struct pgt_tracer_wait wait;	/* since_ns is 0: none */
	uint64		start_ns;
	uint64		last_start_ns;	/* of its last part */
	uint64		end_ns;
	uint64		cpu_start_ns;	/* as in pgt_wait_event */
	uint64		cpu_end_ns;
	uint64		plan_node;
} PgtTracerWaitSeen;

/* Waits for locks that may have to be written still */
#define PGT_KEPT_BLOCKERS	8

typedef struct PgtTracer
{
	bool		in_use;
	int			slot;
	PgtSession *session;		/* in shared memory */
	PgtSession	own;			/* what it was copied to, and checked */
	uint32		generation;
	int			pid;
	int			proc_number;	/* -1: none yet */
	int			pidfd;			/* readable when the process is gone */
	bool		gone;			/* it is */
	bool		stopping;		/* no longer to be traced */
	bool		disabled;		/* since nothing is */
	bool		ending;			/* its probes are detached */
	struct pgt_wait_state last; /* as they were then */
	bool		spoilt;			/* since its entry in shared memory was */
	uint64		stop_ns;		/* when it was first seen to be writing then */
	bool		abandoned;		/* it still is; see pgt_tracer_release() */
	bool		linked;			/* to its leader's file */
	PgtQueueReader queue;
	uint64		head;			/* of the queue, as noted for this round */
	bool		corrupt;		/* the queue was, and the log says so */

	/* Waits */
	bool		attached;
	enum pgt_probe probe;		/* as shown */
	bool		sampling;		/* right now */
	bool		sampling_tried; /* whether it is possible */
	uint32		first_value;	/* wait event when the probes were attached */
	uint64		first_ns;		/* time of that */
	uint64		went_on_ns;		/* the process had gone on before, or 0 */
	uint64		waits_since_ns; /* then, after it had waited since */
	bool		start_is_due;	/* that waits are traced isn't said yet */
	uint64		unresolved_ns;	/* start of a wait that first_value goes on in */
	uint64		last_start_ns;	/* of the last wait written */
	uint64		hits;			/* runs of the BPF program */
	uint64		silent_ns;		/* since when there should have been some, or
								 * 0 */
	bool		silence_noted;
	uint64		bpf_lost;		/* waits that the BPF program couldn't send */
	bool		cpu_is_unknown; /* within waits */
	bool		cpu_is_reported;	/* the file says so */

	PgtTracerWaitSeen own_wait; /* not written yet */
	uint64		own_waits_us[PGT_TRACER_REASONS];	/* written; those of a
													 * former worker have no
													 * reason */

	PgtActivity running;		/* when tracing began; without the text */
	bool		client_waited;	/* since that was last looked after */

	/* What waits are for */
	PgtRelations relations;
	uint64		lock_wait_ns;	/* start of one not looked at yet, or 0 */
	PgtBlockers blockers[PGT_KEPT_BLOCKERS];
	unsigned	next_blockers;
	uint8		edge_kind;		/* enum pgt_target_kind, mode and target of */
	uint8		edge_mode;		/* the wait that tracing began or ended in */
	struct pgt_target edge_target;

	PgtMerge	merge;
	PgtFormat	format;
	PgtWriter	writer;
	PgtParts   *parts;			/* what a further part of the trace needs */
	StringInfoData cursors;		/* statements that a gap in the file would
								 * hide, to be written after it */

	/* Events: what has a line of its own, and each bind value */
	uint64		sql_events;		/* in the file, or to be */
	uint64		wait_events;
	uint64		pending_sql;	/* of these, not written yet */
	uint64		pending_waits;
	uint64		discarded;		/* found no room */
	uint64		told_discarded; /* of these, the file says so */
	uint64		told_waits;		/* of waits that the probes have lost */
	uint64		told_queue;		/* of what the queue has lost */
	uint64		pending_told;	/* of all these, it isn't written yet */
	uint64		told_in_vain;	/* nor will it be */

	uint64		lost_in_all;	/* when the trace has ended */

	bool		too_long;		/* some were for any part of the trace */
	bool		paused;			/* some were, for want of free space */
	/* The view and the log say so */
	bool		write_failed;	/* the last flush did */
	bool		queue_overflowed;
	bool		probes_overflowed;
	bool		unreachable;	/* the file's path couldn't be followed */
	char		astray[PGT_ERROR_LEN];	/* why the file has to be left, or
										 * empty */
	PgtWriter  *successor;		/* for another one, in which the process goes
								 * on when this trace has ended */
	uint64		successor_due_ns;	/* when to try again to begin it */
} PgtTracer;

/* The process's PGPROC, NULL if it has none yet or no longer */
extern PGPROC *pgt_tracer_proc(const PgtTracer *tracer);

/* Show in the views what went wrong last. */
extern void pgt_tracer_set_error(PgtTracer *tracer, const char *error);

/*
 * What is written next is of time_ns: if waits are traced by then, the file has
 * to say so before.
 */
extern void pgt_tracer_reach(PgtTracer *tracer, uint64 time_ns);

/* An event was formatted. */
extern void pgt_tracer_count_sql(PgtTracer *tracer);
extern void pgt_tracer_count_wait(PgtTracer *tracer);

/*
 * So many have found no room: take back what was appended for them beyond len,
 * now that the format knows of them.
 */
extern void pgt_tracer_discard(PgtTracer *tracer, int len, uint64 nevents);

/*
 * Before the next event: if some are missing here, say so, when that is
 * possible.  Waits that the probes have lost come after those that are known.
 */
extern void pgt_tracer_tell_losses(PgtTracer *tracer);
extern void pgt_tracer_tell_lost_waits(PgtTracer *tracer);

/* The same at the end of the trace, for all */
extern void pgt_tracer_tell_last_losses(PgtTracer *tracer);

/* The queue has lost something: say so in the view and the log, once. */
extern void pgt_tracer_queue_overflows(PgtTracer *tracer);

/* Write what was formatted if that has become much. */
extern void pgt_tracer_flush_if_much(PgtTracer *tracer);

/* The file is of no use any longer: do without, and keep what fits. */
extern void pgt_tracer_lose_file(PgtTracer *tracer);

/* What isn't written yet never will be. */
extern void pgt_tracer_give_up_pending(PgtTracer *tracer);

/* If the process waits for room in its queue, have it look again. */
extern void pgt_tracer_wake(const PgtTracer *tracer);

/* Write out what was formatted, if that is possible, and show the counters. */
extern void pgt_tracer_flush(PgtTracer *tracer);
extern void pgt_tracer_show_counters(PgtTracer *tracer);

/* How long the process has waited for the worker, as the file has it */
extern uint64 pgt_tracer_own_waits_us(const PgtTracer *tracer);

/* Events that are missing in the file, and those of which it doesn't say so */
extern uint64 pgt_tracer_lost(const PgtTracer *tracer);
extern uint64 pgt_tracer_untold(const PgtTracer *tracer);

#endif							/* PGT_TRACER_TRACER_H */
