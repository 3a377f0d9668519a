/*
 * tracer.h
 *		The worker's part of one traced process.
 */
#ifndef PGT_TRACER_TRACER_H
#define PGT_TRACER_TRACER_H

#include "bgworker/probes/probes.h"
#include "bgworker/trace/format.h"
#include "bgworker/trace/merge.h"
#include "bgworker/trace/writer.h"
#include "extension/session.h"

/* What pg_stat_activity knows about a process in the middle of something */
typedef struct PgtActivity
{
	bool		running;		/* a statement; else it is idle in a transaction */
	TimestampTz statement_start;
	TimestampTz state_start;
	TimestampTz xact_start;
	char	   *text;			/* of the statement, or the last one; palloc'd */
} PgtActivity;
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
	uint64		unresolved_ns;	/* start of a wait that first_value goes on in */
	uint64		last_start_ns;	/* of the last wait written */
	uint64		hits;			/* runs of the BPF program */
	uint64		silent_ns;		/* since when there should have been some, or 0 */
	bool		silence_noted;
	uint64		bpf_lost;		/* waits that the BPF program couldn't send */
	uint64		lost_waits;		/* lost waits reported in the file */

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
	uint64		sql_events;
	uint64		wait_events;
	uint64		unflushed;		/* events in the writer's buffer */
	uint64		discarded;		/* events not written, in all */
	bool		write_failed;	/* the last flush did; say so in the file */
} PgtTracer;

/*
 * Begin the trace that is asked for in a slot; or, if resume is set, continue
 * the one that was active when the worker was restarted.  probes is NULL if
 * waits can't be observed; probe_error says why.  Returns false with a reason
 * in error.
 */
extern bool pgt_tracer_begin(PgtTracer *tracer, int slot, bool resume,
							 PgtProbes *probes, const char *probe_error,
							 char *error, size_t error_len);

/*
 * The process's PGPROC, NULL if it has none yet or no longer; and what to
 * probe.
 */
extern PGPROC *pgt_tracer_proc(const PgtTracer *tracer);
extern PgtProbedProcess pgt_tracer_process(const PgtTracer *tracer);

/* The process's hooks are to send no records any longer. */
extern void pgt_tracer_clear_flag(const PgtTracer *tracer);

/*
 * worker is a parallel worker of leader, and both have just been drained: say
 * so in both files.
 */
extern void pgt_tracer_link(PgtTracer *leader, PgtTracer *worker);

/* Something was formatted; write it if that has become much. */
extern void pgt_tracer_count_event(PgtTracer *tracer);

/* A wait event has come in for this process. */
extern void pgt_tracer_add_wait(PgtTracer *tracer,
								const struct pgt_wait_event *event);

/*
 * If the process has begun to wait for a lock and still does, find out who is
 * in the way.
 */
extern void pgt_tracer_look_for_blockers(PgtTracer *tracer,
										 const PgtProbes *probes);

/* Waits that come before the records noted aren't there in this round. */
extern void pgt_tracer_misses_waits(PgtTracer *tracer);

/* Note how far the queue is filled; before the ring buffer is drained. */
extern void pgt_tracer_note(PgtTracer *tracer);

/*
 * Format what can be put in order now; see pgt_merge_run().  Returns the
 * number of events, and sets *held if there are more to come soon.
 */
extern int	pgt_tracer_drain(PgtTracer *tracer, PgtProbes *probes,
							 uint64 safe_ns, bool *held);

/* Write out what was formatted, and show the counters. */
extern void pgt_tracer_flush(PgtTracer *tracer);

/*
 * Look at the entry in shared memory again: does it still describe this trace?
 * It isn't to go on otherwise.
 */
extern void pgt_tracer_check_entry(PgtTracer *tracer);

/* The text that is being written ends here, left bytes short. */
extern void pgt_tracer_break_text(PgtTracer *tracer, uint64 left);

/* The rest of the text that is being sent won't come any more. */
extern void pgt_tracer_give_up_text(PgtTracer *tracer);

/* If the process waits for room in its queue, have it look again. */
extern void pgt_tracer_wake(const PgtTracer *tracer);

/* Keep the BPF program's counters. */
extern void pgt_tracer_note_counters(PgtTracer *tracer,
									 struct pgt_wait_state state);

/*
 * Has the backend let go of the queue, so that the trace can end?  It is
 * given a second.
 */
extern bool pgt_tracer_can_end(PgtTracer *tracer);

/* Is nothing left to be formatted of what was there at the last round? */
extern bool pgt_tracer_is_drained(const PgtTracer *tracer);

/*
 * Detach the probes.  A last round of note, drain and flush must follow, then
 * pgt_tracer_end(), which is told the state that this returns.
 */
extern struct pgt_wait_state pgt_tracer_detach(PgtTracer *tracer,
											   PgtProbes *probes);

/* Show in the views what went wrong last. */
extern void pgt_tracer_set_error(PgtTracer *tracer, const char *error);

/* Records and waits that are missing in the file. */
extern uint64 pgt_tracer_lost(const PgtTracer *tracer);

/*
 * A process that doesn't let go of the queue keeps its slot from being used
 * again.  After the end of such a trace, or after a restart of the worker,
 * pgt_tracer_hold() watches it, and pgt_tracer_release() is called when it is
 * gone.
 */
extern void pgt_tracer_hold(PgtTracer *tracer, int slot);
extern void pgt_tracer_release(PgtTracer *tracer);

/* The worker stops; its successor continues the file. */
extern void pgt_tracer_leave(PgtTracer *tracer);

/* Complete and close the file.  reason is the last line's text. */
extern void pgt_tracer_end(PgtTracer *tracer,
						   const struct pgt_wait_state *last,
						   const char *reason);

#endif							/* PGT_TRACER_TRACER_H */
