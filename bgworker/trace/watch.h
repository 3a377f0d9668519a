/*
 * watch.h
 *		Tells when something happens to trace files.
 *
 * For the worker only.
 */
#ifndef PGT_TRACE_WATCH_H
#define PGT_TRACE_WATCH_H

/*
 * Begin.  Returns a descriptor that is readable when something has happened, or
 * -1 if the kernel has none left.
 */
extern int	pgt_watch_open(void);

/* What happens to that file is of interest. */
extern void pgt_watch_file(const char *path);

/* Has anything happened since the last call? */
extern bool pgt_watch_take(void);

#endif							/* PGT_TRACE_WATCH_H */
