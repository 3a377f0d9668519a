/*
 * libraries.h
 *		Tells the worker of libraries that a traced session has loaded.
 */
#ifndef PGT_LIBRARIES_H
#define PGT_LIBRARIES_H

/*
 * This process's trace begins; remote: another one asked for it; forked: it is
 * traced since it was forked.
 */
extern void pgt_libraries_reset(bool remote, bool forked);

/*
 * In a traced process: if libraries were loaded since the last call, let the
 * worker attach probes to them.  Raises no error, blocks for a second at most.
 */
extern void pgt_libraries_check(void);

#endif							/* PGT_LIBRARIES_H */
