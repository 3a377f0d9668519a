/*
 * format.h
 *		Turns records and waits into the lines of a trace file.
 */
#ifndef PGT_TRACE_FORMAT_H
#define PGT_TRACE_FORMAT_H

#include "lib/stringinfo.h"

#include "bgworker/trace/node_sums.h"
#include "bgworker/trace/wait.h"
#include "extension/record.h"
#include "extension/session.h"

/* Calls nested deeper than this are attributed to the last one kept. */
#define PGT_FORMAT_MAX_DEPTH	64

/* A call that runs longer than this is reported, and again each time. */
#define PGT_RUNNING_INTERVAL_NS	UINT64CONST(10000000000)

typedef struct PgtOpenCall
{
	uint64		plan_node;		/* pgt_plan_node of its caller */
	uint32		cursor;
	uint64		begin_ns;
	uint64		begin_cpu_ns;	/* the process's CPU time then, 0 is unknown */
} PgtOpenCall;

/* What has to be remembered of one file from line to line. */
typedef struct PgtFormat
{
	StringInfo	out;			/* lines are appended here */
	int			depth;			/* calls that are open */
	PgtOpenCall calls[PGT_FORMAT_MAX_DEPTH];
	uint32		last_cursor;	/* of the last call, while none is open */
	bool		next_statement; /* the last call's statement is over */
	uint64		running_due_ns; /* next RUNNING line; 0 if no call is open */
	bool		running_before; /* calls[0] began before tracing did */
	uint64		wall_clock_ns;	/* time of the last wall-clock line */
	bool		has_waits;		/* waits are traced */
	bool		has_samples;	/* and the CPU time of plan nodes is sampled, in
								 * calls that take long enough */
	bool		has_multi_nodes;	/* nodes that MultiExecProcNode() executes
									 * can be told from those above */
	bool		has_run_queue;	/* so is the run queue */
	uint64		run_delay_ns;	/* time in it that is in the file, or in a
								 * wait's ela */
	PgtNodeSums sums;			/* for STAT lines */
	int			text_type;		/* PgtRecordType whose text isn't complete */
	uint64		text_left;		/* of that */
	uint64		text_time_ns;	/* its record's time and depth */
	int			text_depth;
} PgtFormat;

extern void pgt_format_init(PgtFormat *format, StringInfo out);
extern void pgt_format_free(PgtFormat *format);

/* The head of a new file.  path is the file's. */
extern void pgt_format_header(PgtFormat *format, const PgtSession *session,
							  const char *path);

/*
 * The cursor of what happens at this point, 0 if it has none.  for_client: a
 * wait for the client.
 */
extern uint32 pgt_format_cursor(const PgtFormat *format, bool for_client);

/* A line of the form *** <text>. */
extern void pgt_format_note(PgtFormat *format, const char *text);

/* The same, *** <text><time> */
extern void pgt_format_time_note(PgtFormat *format, const char *text,
								 TimestampTz time);

/* A wall-clock line, if the last one is more than ten seconds old. */
extern void pgt_format_wall_clock(PgtFormat *format, uint64 time_ns);

/* A record that a backend sent; it is sound (merge.c has checked that). */
extern void pgt_format_record(PgtFormat *format, const PgtRecord *record);

/*
 * The text of the last record isn't completed: dots for some of the bytes that
 * are missing; and at last, how many these were.
 */
extern void pgt_format_text_dots(PgtFormat *format, uint64 len);
extern void pgt_format_text_missing(PgtFormat *format, uint64 missing);

/* A wait. */
extern void pgt_format_wait(PgtFormat *format, const PgtWait *wait);

/*
 * Until time_ns, the process has spent run_delay_ns in the run queue in all;
 * 0 is unknown.  What isn't in the file of that gets a line.
 */
extern void pgt_format_run_queue(PgtFormat *format, uint64 run_delay_ns,
								 uint64 time_ns);

/* The same, but it is contained in the last wait's ela. */
extern void pgt_format_run_queue_in_wait(PgtFormat *format,
										 uint64 run_delay_ns);

/*
 * The statement that a process was running when tracing began at begin_ns, or
 * had run last, as far as pg_stat_activity knows its text; it has the first
 * cursor number.  If it is running, it is an open call since since_ns, until
 * a call of depth 0 begins or pgt_format_running_ended() is told that it isn't.
 */
extern void pgt_format_running_statement(PgtFormat *format, const char *text,
										 const PgtSession *session,
										 uint64 begin_ns, bool running,
										 uint64 since_ns);
extern void pgt_format_running_ended(PgtFormat *format);

/*
 * trace/stat_line.c: a plan node's line; and what makes up its sums, where
 * plan_node is the word of that name: a wait that has just ended; a sample that
 * stands for so much CPU time.
 */
extern void pgt_format_stat(PgtFormat *format, const PgtStatRecord *record);
extern void pgt_format_node_wait(PgtFormat *format, uint64 plan_node,
								 uint64 wait_ns);
extern void pgt_format_node_sample(PgtFormat *format, uint64 plan_node,
								   uint64 cpu_ns);

/* What the process waits for while tracing begins */
extern void pgt_format_waiting(PgtFormat *format, const PgtWaitName *wait);

/*
 * Report the open call, if that is due, and the wait that it is in since
 * wait_start_ns, which is NULL if it doesn't wait or that isn't known.
 * partial: the wait began earlier, before tracing.
 */
extern void pgt_format_running(PgtFormat *format, uint64 now_ns,
							   const PgtWaitName *wait, uint64 wait_start_ns,
							   bool partial);

#endif							/* PGT_TRACE_FORMAT_H */
