/*
 * leftovers.h
 *		Files that an earlier worker has left incomplete.
 */
#ifndef PGT_TRACE_LEFTOVERS_H
#define PGT_TRACE_LEFTOVERS_H

/* Is the file of that name, in the trace directory, still being written? */
typedef bool (*PgtFileInUse) (const char *name);

/*
 * Add a last line to each trace file that has none, isn't in use and whose
 * process is gone.  Raises no error: what can't be done is logged, unless it is
 * tried again.  Returns false if that is of use later, since the disk is full or
 * the directory can't be used now.
 */
extern bool pgt_leftovers_complete(PgtFileInUse in_use, bool again);

#endif							/* PGT_TRACE_LEFTOVERS_H */
