/*
 * attribution.h
 *		What has to be remembered of a trace file from line to line, and which
 *		cursor a line belongs to.
 */
#ifndef PGT_TRACE_ATTRIBUTION_H
#define PGT_TRACE_ATTRIBUTION_H

#include "lib/stringinfo.h"

#include "bgworker/trace/node_sums.h"
#include "bgworker/trace/off_cpu.h"
#include "bgworker/trace/wait.h"
#include "extension/record.h"

/* Calls nested deeper than this are attributed to the last one kept. */
#define PGT_FORMAT_MAX_DEPTH	64

/* A call that runs longer than this is reported, and again each time. */
#define PGT_RUNNING_INTERVAL_NS	UINT64CONST(10000000000)

/* Lines of the run queue that a call's begin, known later, may be in */
#define PGT_RUN_QUEUE_LINES		16

typedef struct PgtInterval
{
	uint64		start_ns;
	uint64		end_ns;
} PgtInterval;

typedef struct PgtOpenCall
{
	uint64		plan_node;		/* pgt_plan_node of its caller */
	uint32		cursor;
	uint64		begin_ns;
	uint64		begin_cpu_ns;	/* the process's CPU time when its hook began,
								 * 0 is unknown */
	uint64		begin_off_ns;	/* likewise off_cpu.total_ns */
	uint64		lead_ns;		/* of the time since begin_ns, before the hook */
	uint64		lead_cpu_ns;	/* of CPU time */
	uint64		lead_off_ns;	/* and off the CPU */
} PgtOpenCall;

/*
 * Work at depth 0 that no line has yet: since the last call has ended, or since
 * the client was waited for, if that was later.  It is the next call's, or, if
 * none comes, what there is to be done for the client besides its calls.
 */
typedef struct PgtOpenWork
{
	bool		has_waits;		/* a wait was seen, so those for the client
								 * are */
	uint64		since_ns;		/* 0: unknown */
	uint64		cpu_ns;			/* the process's CPU time at the last call's
								 * end */
	uint64		waits_us;		/* waits since then */
	uint64		off_ns;			/* off_cpu.total_ns then */
} PgtOpenWork;

/* The state of one file */
typedef struct PgtFormat
{
	StringInfo	out;			/* lines are appended here */
	int			depth;			/* calls that are open */
	PgtOpenCall calls[PGT_FORMAT_MAX_DEPTH];
	PgtOpenWork work;
	uint32		last_cursor;	/* of the last call, while none is open */
	bool		next_statement; /* the last call's statement is over */
	uint64		running_due_ns; /* next RUNNING line; 0 if no call is open */
	bool		running_before; /* calls[0] began before tracing did */
	uint64		wall_clock_ns;	/* time of the last wall-clock line */
	bool		has_waits;		/* waits are traced */
	bool		has_samples;	/* and the CPU time of plan nodes is sampled,
								 * in calls that take long enough */
	bool		has_multi_nodes;	/* nodes that MultiExecProcNode() executes
									 * can be told from those above */
	bool		has_run_queue;	/* so is the run queue */
	uint64		run_delay_ns;	/* time in it that is in the file, or in a
								 * wait's ela */
	uint64		last_end_ns;	/* of a call of depth 0 */
	PgtInterval run_queue[PGT_RUN_QUEUE_LINES]; /* of the last lines of that */
	unsigned	nrun_queue;		/* how many there were */
	PgtOffCpu	off_cpu;
	PgtNodeSums sums;			/* for STAT lines */
	char		bind_name[2 * NAMEDATALEN]; /* of the next value, or empty */
	int			text_type;		/* PgtRecordType whose text isn't complete */
	uint64		text_left;		/* of that */
	uint64		text_time_ns;	/* its record's time and depth */
	int			text_depth;
} PgtFormat;

extern void pgt_format_init(PgtFormat *format, StringInfo out);
extern void pgt_format_free(PgtFormat *format);

/*
 * The cursor of what happens at this point, 0 if it has none.  for_client: a
 * wait for the client.
 */
extern uint32 pgt_format_cursor(const PgtFormat *format, bool for_client);

/* A call begins, or ends. */
extern void pgt_format_begin_call(PgtFormat *format,
								  const PgtBeginRecord *record);
extern void pgt_format_end_call(PgtFormat *format,
								const PgtEndRecord *record);

/*
 * A call of depth 0 is about to begin: for how long has its process worked for
 * it, before its hook began?
 */
extern uint64 pgt_format_lead_time(const PgtFormat *format,
								   const PgtBeginRecord *begin);

/*
 * What was worked for the call that ends before its hook had begun, or NULL: it
 * isn't one of depth 0.
 */
extern const PgtOpenCall *pgt_format_lead(const PgtFormat *format,
										  const PgtEndRecord *record);

/*
 * A wait, or time in the run queue, that off_cpu has.  Returns, in us, the work between calls that
 * has come to its end by a wait for the client.
 */
extern uint64 pgt_format_note_wait(PgtFormat *format, const PgtWait *wait);

/* Records or waits are missing: when what is going on began isn't known. */
extern void pgt_format_forget_work(PgtFormat *format);

/* Between calls: what comes next is another statement's. */
extern void pgt_format_end_statement(PgtFormat *format);

/*
 * When tracing begins, at now_ns, a statement is running since since_ns: it is
 * an open call of the first cursor until a call of depth 0 begins or
 * pgt_format_running_ended() is told that it isn't.
 */
extern void pgt_format_running_begun(PgtFormat *format, uint64 now_ns,
									 uint64 since_ns);
extern void pgt_format_running_ended(PgtFormat *format);

#endif							/* PGT_TRACE_ATTRIBUTION_H */
