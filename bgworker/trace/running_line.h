/*
 * running_line.h
 *		The lines of what is going on: running statements and current waits.
 */
#ifndef PGT_TRACE_RUNNING_LINE_H
#define PGT_TRACE_RUNNING_LINE_H

#include "bgworker/trace/attribution.h"
#include "bgworker/trace/wait_names.h"

/*
 * The statement that a process was running when tracing began, or had run
 * last, as far as pg_stat_activity knows its text
 */
typedef struct PgtRunningStatement
{
	const char *text;
	uint64		queryid;		/* 0: unknown */
	Oid			role;			/* whose it is */
	bool		running;		/* it is an open call, else the last one */
	uint64		since_ns;		/* when it began */
	uint64		traced_ns;		/* when tracing did */
} PgtRunningStatement;

/*
 * Write it, with the first cursor number.  If it is running, it is an open
 * call from now on: see pgt_format_running_begun().
 */
extern void pgt_format_running_statement(PgtFormat *format,
										 const PgtRunningStatement *statement);

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

#endif							/* PGT_TRACE_RUNNING_LINE_H */
