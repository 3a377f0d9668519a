/*
 * format_wait.h
 *		The lines of waits.
 */
#ifndef PGT_FORMAT_WAIT_H
#define PGT_FORMAT_WAIT_H

#include "bgworker/format.h"

/* For format.c, which knows the cursor.  node is 0 if there is none. */
extern void pgt_format_wait_line(PgtFormat *format, uint32 cursor,
								 const PgtWait *wait, uint32 node);

#endif							/* PGT_FORMAT_WAIT_H */
