/*
 * off_cpu.c
 *		How long a traced process has been off the CPU, as its file has it.
 *
 * What waits have taken of a call's time without using the CPU isn't CPU time,
 * whatever the process believes (extension/calls.c doesn't always ask), and isn't
 * time in the run queue, either.
 */
#include "postgres.h"

#include "bgworker/trace/off_cpu.h"

void
pgt_off_cpu_add(PgtOffCpu *off_cpu, uint64 start_ns, uint64 end_ns,
				uint64 off_ns, bool exact)
{
	off_cpu->total_ns += off_ns;
	off_cpu->end_ns = Max(off_cpu->end_ns, end_ns);
	if (!exact || off_ns == 0)
		return;
	off_cpu->recent[off_cpu->next_recent % PGT_OFF_CPU_RECENT].start_ns = start_ns;
	off_cpu->recent[off_cpu->next_recent % PGT_OFF_CPU_RECENT].off_ns = off_ns;
	off_cpu->next_recent++;
}

uint64
pgt_off_cpu_since(const PgtOffCpu *off_cpu, uint64 since_ns)
{
	uint64		result = 0;

	for (int i = 0; i < PGT_OFF_CPU_RECENT; i++)
	{
		if (off_cpu->recent[i].start_ns >= since_ns)
			result += off_cpu->recent[i].off_ns;
	}
	return result;
}
