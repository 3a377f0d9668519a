/*
 * status.c
 *		What pg_trace_worker shows of the worker.
 *
 * The worker is the only one that writes this part of shared memory; the view
 * (sqlfuncs.c) copies it under the lock.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "bgworker/entry.h"
#include "bgworker/probe_selftest.h"
#include "bgworker/status.h"
#include "extension/compat.h"
#include "extension/session.h"

void
pgt_status_started(const char *capabilities)
{
	bool		locked;
	PgtWorkerStatus *status = &pgt_shared->worker;

	locked = pgt_entry_lock(LW_EXCLUSIVE);
	memset(status, 0, sizeof(*status));
	status->pid = MyProcPid;
	status->proc_number = PGT_PROC_NUMBER(MyProc);
	strlcpy(status->capabilities, capabilities, sizeof(status->capabilities));
	pgt_probes_libbpf_version(status->libbpf, sizeof(status->libbpf));
	pgt_entry_unlock(locked);
}

void
pgt_status_stopped(void)
{
	bool		locked;

	locked = pgt_entry_lock(LW_EXCLUSIVE);
	pgt_shared->worker.pid = 0;
	pgt_shared->worker.proc_number = -1;
	pgt_entry_unlock(locked);
	pgt_status_set_state("stopped");
}

void
pgt_status_set_state(const char *state)
{
	bool		locked;

	locked = pgt_entry_lock(LW_EXCLUSIVE);
	strlcpy(pgt_shared->worker.state, state,
			sizeof(pgt_shared->worker.state));
	pgt_entry_unlock(locked);
}

void
pgt_status_set_probes(const PgtProbes *probes, const char *error)
{
	bool		locked;
	PgtWorkerStatus *status = &pgt_shared->worker;
	PgtProbesInfo info = {0};

	if (probes != NULL)
		pgt_probes_info(probes, &info);

	locked = pgt_entry_lock(LW_EXCLUSIVE);
	strlcpy(status->probe, pgt_probe_name(info.probe), PGT_PROBE_LEN);
	status->probe_sites = info.nsites;
	status->expensive_sites = info.nexpensive;
	status->ring_buffer_size = info.ring_size;
	pgt_selftest_unusable(status->unusable_probes, PGT_ERROR_LEN);
	strlcpy(status->last_error, error, PGT_ERROR_LEN);
	pgt_entry_unlock(locked);
}

void
pgt_status_set_counters(const PgtProbes *probes, uint64 hits, uint64 lost,
						int nsessions)
{
	bool		locked;
	PgtWorkerStatus *status = &pgt_shared->worker;
	PgtProbesInfo info = {0};

	if (probes != NULL)
		pgt_probes_info(probes, &info);

	locked = pgt_entry_lock(LW_EXCLUSIVE);
	strlcpy(status->probe, pgt_probe_name(info.probe), PGT_PROBE_LEN);
	pgt_selftest_unusable(status->unusable_probes, PGT_ERROR_LEN);
	status->ring_buffer_max_used = info.ring_max_used;
	status->drained_events = info.drained;
	status->probe_hits = hits;
	status->lost_events = lost;
	status->sessions = nsessions;
	pgt_entry_unlock(locked);
}
