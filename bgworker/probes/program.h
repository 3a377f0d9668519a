/*
 * program.h
 *		The BPF program, loaded into the kernel.
 */
#ifndef PGT_PROBES_PROGRAM_H
#define PGT_PROBES_PROGRAM_H

#include "bpf/pg_trace.h"

/* The file descriptors are the skeleton's; negative: there is none. */
typedef struct PgtProgram
{
	struct pg_trace_bpf *skeleton;	/* program.c's */

	/* programs, to be linked: by enum pgt_probe, and the sampler */
	int			programs[PGT_PROBE_WATCHPOINT + 1];
	int			cpu_sample;

	/* maps */
	int			events;			/* ring buffers */
	int			lock_waits;
	int			processes;
	struct pgt_wait_state *states;	/* [nslots + 1], shared with the kernel:
									 * the last one is the self-test's */

	Size		states_size;	/* bytes mapped */
	Size		ring_size;		/* bytes of events and of lock_waits */
	Size		lock_ring_size;
	int			nslots;
} PgtProgram;

/*
 * Load it for sessions 0 to nslots - 1.  ring_size is in bytes, a power of
 * two.  Returns false with a reason in error, and perhaps a hint in *hint.  In
 * either case the program is to be unloaded.
 */
extern bool pgt_program_load(PgtProgram *program, int nslots, Size ring_size,
							 char *error, size_t error_len,
							 const char **hint);

/* Nothing is linked any more. */
extern void pgt_program_unload(PgtProgram *program);

#endif							/* PGT_PROBES_PROGRAM_H */
