/*
 * running_line.h
 *		The lines of what is going on: running statements and current waits.
 */
#ifndef PGT_TRACE_RUNNING_LINE_H
#define PGT_TRACE_RUNNING_LINE_H

#include "bgworker/trace/attribution.h"
#include "bgworker/trace/wait_names.h"
#include "extension/session.h"

/*
 * The statement that a process was running when tracing began at begin_ns, or
 * had run last, as far as pg_stat_activity knows its text; it has the first
 * cursor number.  If it is running, it is an open call since since_ns: see
 * pgt_format_running_begun().
 */
extern void pgt_format_running_statement(PgtFormat *format, const char *text,
										 const PgtSession *session,
										 uint64 begin_ns, bool running,
										 uint64 since_ns);

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
