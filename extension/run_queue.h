/*
 * run_queue.h
 *		How long this process has waited for a CPU.
 */
#ifndef PGT_RUN_QUEUE_H
#define PGT_RUN_QUEUE_H

/*
 * At a boundary of a call of the trace, at now_ns, when the process has used
 * cpu_ns of CPU time: the ns since it began for which it was ready to run and
 * had no CPU.  0 if that can't have grown by much since it was asked for last,
 * or if the kernel doesn't tell.  Raises no error.
 *
 * The first two are for calls that the client has sent.
 */
extern uint64 pgt_run_queue_at_first_begin(uint64 now_ns, uint64 cpu_ns);
extern uint64 pgt_run_queue_at_last_end(uint64 now_ns, uint64 cpu_ns);
extern uint64 pgt_run_queue_within(uint64 now_ns, uint64 cpu_ns);

/* The same from a process's /proc/.../schedstat that is open. */
extern uint64 pgt_run_queue_read(int fd);

#endif							/* PGT_RUN_QUEUE_H */
