/*
 * unfinished.h
 *		Files whose trace has ended while they could not be written.
 */
#ifndef PGT_TRACE_UNFINISHED_H
#define PGT_TRACE_UNFINISHED_H

#include "bgworker/trace/writer.h"

/*
 * Take over a file with what is left to be written.  Returns false if there are
 * too many of them already.
 */
extern bool pgt_unfinished_add(const PgtWriter *writer);

/* Try to complete them.  Returns whether any is left. */
extern bool pgt_unfinished_try(void);

/* Is the file of that name one of them? */
extern bool pgt_unfinished_has(const char *name);

#endif							/* PGT_TRACE_UNFINISHED_H */
