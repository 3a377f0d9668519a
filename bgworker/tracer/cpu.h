/*
 * cpu.h
 *		What the kernel tells of another process's time on a CPU.
 */
#ifndef PGT_TRACER_CPU_H
#define PGT_TRACER_CPU_H

/* ns of CPU time that a process has used; 0 if the kernel doesn't tell */
extern uint64 pgt_cpu_ns(int pid);

/*
 * How much longer the clock of waits runs than that by which the kernel counts
 * CPU time, or shorter, when the first one runs for ns; not exact where NTP has
 * just changed its mind.
 */
extern int64 pgt_cpu_clock_gain(uint64 ns);

/* Does this kernel tell how long processes have waited for a CPU? */
extern bool pgt_cpu_run_queue_is_known(void);

/* ns that a process has; see pgt_run_queue_ns(). */
extern uint64 pgt_cpu_run_queue_ns(int pid);

#endif							/* PGT_TRACER_CPU_H */
