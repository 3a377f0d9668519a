/*
 * status.c
 *		What pg_trace_worker shows of the worker.
 *
 * The worker is the only one that writes this part of shared memory; the view
 * (sqlfuncs.c) copies it under the lock.  It is written anew in each round, so
 * that nothing else stays there for long.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "bgworker/probes/selftest.h"
#include "bgworker/status.h"
#include "bgworker/tracer/entry.h"
#include "extension/compat.h"
#include "extension/session.h"

static PgtWorkerStatus own;		/* what shared memory is to show */

static void
show(void)
{
	bool		locked = pgt_entry_lock(LW_EXCLUSIVE);

	pgt_shared->worker = own;
	pgt_entry_unlock(locked);
}

void
pgt_status_started(const char *capabilities)
{
	memset(&own, 0, sizeof(own));
	own.pid = MyProcPid;
	own.proc_number = PGT_PROC_NUMBER(MyProc);
	strlcpy(own.capabilities, capabilities, sizeof(own.capabilities));
	pgt_probes_libbpf_version(own.libbpf, sizeof(own.libbpf));
	show();
}

void
pgt_status_stopped(void)
{
	own.pid = 0;
	own.proc_number = -1;
	pgt_status_set_state("stopped");
}

void
pgt_status_set_state(const char *state)
{
	strlcpy(own.state, state, sizeof(own.state));
	show();
}

/* What the probes know by themselves */
static void
take_info(const PgtProbes *probes)
{
	PgtProbesInfo info = {0};

	if (probes != NULL)
		pgt_probes_info(probes, &info);
	strlcpy(own.probe, pgt_probe_name(info.probe), PGT_PROBE_LEN);
	own.probe_sites = info.nsites;
	own.expensive_sites = info.nexpensive;
	own.ring_buffer_size = info.ring_size;
	own.ring_buffer_max_used = info.ring_max_used;
	own.drained_events = info.drained;
	pgt_selftest_unusable(own.unusable_probes, PGT_ERROR_LEN);
}

void
pgt_status_set_probes(const PgtProbes *probes, const char *error)
{
	take_info(probes);
	strlcpy(own.last_error, error, PGT_ERROR_LEN);
	show();
}

void
pgt_status_set_counters(const PgtProbes *probes, uint64 hits, uint64 lost,
						int nsessions)
{
	take_info(probes);
	own.probe_hits = hits;
	own.lost_events = lost;
	own.sessions = nsessions;
	show();
}
