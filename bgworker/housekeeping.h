/*
 * housekeeping.h
 *		Keeps the trace files within the settings' limits.
 *
 * For the worker only.
 */
#ifndef PGT_HOUSEKEEPING_H
#define PGT_HOUSEKEEPING_H

/* The worker's start: have the thread begin. */
extern void pgt_housekeeping_start(void);

/* The settings may have changed, or a file has been begun or completed. */
extern void pgt_housekeeping_wanted(void);

/*
 * Have the thread look at the files if it is time for that, and log what it has
 * done.  writing: files are being written.  Returns when to do so again, in ms;
 * -1 if there is no need.
 */
extern long pgt_housekeeping_follow(bool writing);

#endif							/* PGT_HOUSEKEEPING_H */
