/*
 * sampler.c
 *		Where a traced process uses its CPU time.
 *
 * A link of its own makes the BPF program run by the clock of the process's
 * CPU time, whatever kind of probes sees its waits (cpu_sample() in
 * pg_trace.bpf.c).  The samples come through the ring buffer of the waits.
 */
#include "postgres.h"

#include <unistd.h>

#include "storage/fd.h"

#include "bgworker/probes/links.h"
#include "bgworker/probes/sampler.h"
#include "bgworker/probes/state.h"

bool
pgt_probes_sample(PgtProbes *probes, int slot, int pid, uint64 before_ns,
				  char *error, size_t error_len)
{
	struct pgt_wait_state *state = &probes->program.states[slot];
	int			fd;

	if (!AcquireExternalFD())
	{
		snprintf(error, error_len, "too many open files");
		return false;
	}
	state->sampled_ns = -before_ns;
	fd = pgt_link_cpu_clock(probes->program.cpu_sample, pid,
							PGT_COOKIE(state->generation, slot, 0));
	if (fd < 0)
	{
		ReleaseExternalFD();
		snprintf(error, error_len, "the process can't be sampled: %s",
				 strerror(-fd));
		return fd == -ESRCH;	/* it has ended: nothing is missing */
	}
	probes->sessions[slot].sampler = fd;
	return true;
}

/* Unlike uprobes, a perf event is closed in no time. */
void
pgt_probes_sample_end(PgtProbes *probes, int slot)
{
	PgtProbeSession *session = &probes->sessions[slot];

	if (session->sampler < 0)
		return;
	close(session->sampler);
	ReleaseExternalFD();
	session->sampler = -1;
}
