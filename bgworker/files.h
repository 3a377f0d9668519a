/*
 * files.h
 *		Looks after the files of all traces.
 */
#ifndef PGT_FILES_H
#define PGT_FILES_H

/*
 * Begin.  Returns a descriptor that is readable when something has been done to
 * the files, or -1.
 */
extern int	pgt_files_init(void);

/*
 * Traces may have been left incomplete by a former worker: look for them, now
 * and, if they can't be completed, later.
 */
extern void pgt_files_look_for_leftovers(void);

/*
 * See whether the files are where they were, and try again what has failed.
 * Returns when to do so again, in ms; -1: no need.
 */
extern long pgt_files_follow(void);

#endif							/* PGT_FILES_H */
