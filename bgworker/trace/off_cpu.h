/*
 * off_cpu.h
 *		How long a traced process has been off the CPU, as its file has it.
 */
#ifndef PGT_TRACE_OFF_CPU_H
#define PGT_TRACE_OFF_CPU_H

#define PGT_OFF_CPU_RECENT	8

typedef struct PgtOffCpu
{
	uint64		total_ns;		/* in waits and in the run queue so far */
	uint64		end_ns;			/* of the last wait */
	struct
	{
		uint64		start_ns;
		uint64		off_ns;
	}			recent[PGT_OFF_CPU_RECENT]; /* waits that are known exactly */
	unsigned	next_recent;
} PgtOffCpu;

/* A wait, or a time in the run queue.  exact: off_ns isn't just its length. */
extern void pgt_off_cpu_add(PgtOffCpu *off_cpu, uint64 start_ns, uint64 end_ns,
							uint64 off_ns, bool exact);

/* In the last few waits, of those that began no earlier than since_ns */
extern uint64 pgt_off_cpu_since(const PgtOffCpu *off_cpu, uint64 since_ns);

#endif							/* PGT_TRACE_OFF_CPU_H */
