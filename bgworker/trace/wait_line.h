/*
 * wait_line.h
 *		The lines of waits.
 */
#ifndef PGT_TRACE_WAIT_LINE_H
#define PGT_TRACE_WAIT_LINE_H

#include "bgworker/trace/attribution.h"
#include "bgworker/trace/wait.h"

/*
 * For format.c, which knows the cursor.  node is 0 if there is none, worked_us
 * what pgt_format_note_wait() has returned.
 */
extern void pgt_format_wait_line(PgtFormat *format, uint32 cursor,
								 const PgtWait *wait, uint32 node,
								 uint64 worked_us);

#endif							/* PGT_TRACE_WAIT_LINE_H */
