/*
 * tracer.h
 *		The worker's part of one traced process.
 */
#ifndef PGT_TRACER_H
#define PGT_TRACER_H

#include "bgworker/format.h"
#include "bgworker/merge.h"
#include "bgworker/probes.h"
#include "bgworker/writer.h"
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
	PgtSession *session;
	uint32		generation;
	int			pid;
	int			pidfd;			/* readable when the process is gone */
	bool		gone;			/* it is */
	bool		stopping;		/* no longer to be traced */
	bool		linked;			/* to its leader's file */
	uint64		head;			/* of the queue, as noted for this round */

	/* Waits */
	bool		attached;
	enum pgt_probe probe;		/* as shown */
	bool		sampling;		/* right now */
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

/* The process's PGPROC, NULL if it has none yet; and what to probe. */
extern PGPROC *pgt_tracer_proc(const PgtTracer *tracer);
extern PgtProbedProcess pgt_tracer_process(const PgtTracer *tracer);

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

/* Has the backend let go of the queue, so that the trace can end? */
extern bool pgt_tracer_can_end(const PgtTracer *tracer);

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

/* Complete and close the file.  reason is the last line's text. */
extern void pgt_tracer_end(PgtTracer *tracer,
						   const struct pgt_wait_state *last,
						   const char *reason);

#endif							/* PGT_TRACER_H */
