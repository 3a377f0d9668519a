/*
 * libraries.h
 *		Tells the worker of libraries that a traced session has loaded.
 */
#ifndef PGT_LIBRARIES_H
#define PGT_LIBRARIES_H

/* Postmaster, at load. */
extern void pgt_libraries_install(void);

/* Has this process the postmaster's libraries and no others? */
extern bool pgt_libraries_are_inherited(void);

/*
 * This process's trace begins; remote: another one asked for it; forked: it is
 * traced since it was forked.
 */
extern void pgt_libraries_reset(bool remote, bool forked);

/*
 * In a traced process: if libraries were loaded since the last call, let the
 * worker attach probes to them.  Raises no error, blocks for
 * pg_trace.attach_timeout at most.
 */
extern void pgt_libraries_check(void);

#endif							/* PGT_LIBRARIES_H */
