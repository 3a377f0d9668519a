/*
 * run_queue.h
 *		How long this process has waited for a CPU.
 */
#ifndef PGT_RUN_QUEUE_H
#define PGT_RUN_QUEUE_H

/*
 * ns since the process began that it was ready to run and didn't; 0 if the
 * kernel doesn't tell.  Costs a system call.  Raises no error.
 */
extern uint64 pgt_run_queue_ns(void);

/* The same from a process's /proc/.../schedstat that is open. */
extern uint64 pgt_run_queue_read(int fd);

#endif							/* PGT_RUN_QUEUE_H */
