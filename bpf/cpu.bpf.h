/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * cpu.bpf.h - what the scheduler knows of a process's time
 *
 * How long the process has been on a CPU, and how long it was ready to run and
 * had none.  Both are counted anyway, and nothing more is observed for it.
 */
#ifndef PG_TRACE_CPU_H
#define PG_TRACE_CPU_H

#include "kernel.bpf.h"
#include "maps.bpf.h"

/* ns in the run queue so far; 0 if nobody wants to know. */
static __always_inline __u64 read_run_delay(const struct pgt_wait_state *state)
{
	struct task_struct *task;

	if (!state->watch_cpu)
		return 0;
	task = bpf_get_current_task_btf();
	if (!bpf_core_field_exists(task->sched_info.run_delay))
		return 0;
	return task->sched_info.run_delay;
}

/* The compiler must neither merge nor move these loads. */
#define ONCE(member) (*(const volatile __u64 *)&(member))

/*
 * ns of CPU time until now_ns, which is bpf_ktime_get_ns(), plus what is the same
 * for all processes and CPUs, and changes only as fast as NTP changes the rate
 * of that clock; 0 if unknown.  Two of them tell the CPU time in between.
 *
 * The scheduler adds to sum_exec_runtime at ticks and switches, and sets
 * exec_start.  That is by a clock of this CPU's which stands still in interrupts
 * and while the hypervisor has the CPU: clock_task is where it was when the run
 * queue was looked at last, and clock the time of that.  Since then, less than a
 * tick ago, the process has been on the CPU, as it is right now.
 *
 * A tick may come in between, or another CPU that wakes somebody here.
 *
 * The variable runqueues would lead to the run queue as well, but only where
 * the kernel was built with CONFIG_KALLSYMS_ALL.  This way needs
 * CONFIG_FAIR_GROUP_SCHED, which is with control groups.
 */
static __always_inline __u64 read_cpu_time(struct pgt_wait_state *state, __u64 now_ns)
{
	struct task_struct *task;
	struct rq *rq;
	__u64 sum, start, clock, clock_task;

	if (!state->watch_cpu)
		return 0;
	task = bpf_get_current_task_btf();
	if (!bpf_core_field_exists(task->se.cfs_rq)) {
		state->cpu_is_unknown = 1;
		return 0;
	}
	rq = task->se.cfs_rq->rq;
	for (int i = 0; i < 2; i++) {
		start = ONCE(task->se.exec_start);
		clock_task = ONCE(rq->clock_task);
		clock = ONCE(rq->clock);
		sum = ONCE(task->se.sum_exec_runtime);
		if (ONCE(rq->clock_task) == clock_task && ONCE(task->se.exec_start) == start)
			return sum + (clock_task - start) + (now_ns - clock);
	}
	return 0;
}

#endif /* PG_TRACE_CPU_H */
