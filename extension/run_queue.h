/*
 * run_queue.h
 *		How long this process has waited for a CPU.
 */
#ifndef PGT_RUN_QUEUE_H
#define PGT_RUN_QUEUE_H

/* Does this kernel tell?  It needs CONFIG_SCHED_INFO, which nearly all have. */
extern bool pgt_run_queue_is_known(void);

/*
 * ns since the process began that it was ready to run and didn't; 0 if the
 * kernel doesn't tell.  Costs a system call.  Raises no error.
 */
extern uint64 pgt_run_queue_ns(void);

/* The same of any process, opening the file anew. */
extern uint64 pgt_run_queue_ns_of(int pid);

#endif							/* PGT_RUN_QUEUE_H */
