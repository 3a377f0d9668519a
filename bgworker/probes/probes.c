/*
 * probes.c
 *		Wait events by eBPF.
 *
 * What the rest of the worker knows of BPF.  Opens and closes all there is, and
 * hands over what comes back: events of all sessions through one BPF ring
 * buffer, and the starts of waits for locks through another.  What makes the
 * program run, and in which processes, is the matter of others:
 *
 *		probes/program.c	loads the program, and has its maps
 *		probes/strategy.c	which probes a traced process gets, and when others
 *		probes/selftest.c	which kinds work here at all
 *		probes/attach.c		attaches them, keeps their links
 *		probes/files.c		the places for them in the server and libraries
 *		probes/links.c		what the kernel offers to attach the program
 */
#include "postgres.h"

#include <bpf/libbpf.h>
#include <unistd.h>

#include "storage/fd.h"

#include "bgworker/probes/links.h"
#include "bgworker/probes/probes.h"
#include "bgworker/probes/program.h"
#include "bgworker/probes/ring.h"
#include "bgworker/probes/strategy.h"

struct PgtProbes
{
	PgtProgram	program;
	PgtRing		ring;			/* of waits */
	PgtRing		lock_ring;
	PgtProbeSessions *sessions;
	int		   *samplers;		/* [nslots], -1 is none */
	PgtWaitCallback callback;
	PgtLockCallback lock_callback;
	void	   *callback_arg;
	PgtProbesInfo info;
};

/* ----------
 * Opening and closing
 * ----------
 */

static void
handle_event(void *arg, const void *data, size_t size)
{
	PgtProbes  *probes = (PgtProbes *) arg;
	const struct pgt_wait_event *event = data;

	if (size < sizeof(*event) ||
		size != (event->target == PGT_TARGET_NONE ?
				 sizeof(*event) : sizeof(struct pgt_target_event)))
		return;
	if ((event->flags & PGT_WAIT_SAMPLE) == 0)
		probes->info.drained++;
	probes->callback(probes->callback_arg, event);
}

static void
handle_lock_event(void *arg, const void *data, size_t size)
{
	PgtProbes  *probes = (PgtProbes *) arg;

	if (size == sizeof(struct pgt_lock_event))
		probes->lock_callback(probes->callback_arg, data);
}

static bool
open_ring(PgtRing *ring, int map_fd, Size size, char *error, size_t error_len)
{
	int			rc = pgt_ring_open(ring, map_fd, size);

	if (rc != 0)
		snprintf(error, error_len,
				 "the BPF ring buffer could not be opened: %s", strerror(-rc));
	return rc == 0;
}

static bool
open_rings(PgtProbes *probes, char *error, size_t error_len)
{
	const PgtProgram *program = &probes->program;

	return open_ring(&probes->ring, program->events, program->ring_size,
					 error, error_len) &&
		open_ring(&probes->lock_ring, program->lock_waits,
				  program->lock_ring_size, error, error_len);
}

PgtProbes *
pgt_probes_open(const PgtProbesOptions *options,
				char *error, size_t error_len, const char **hint)
{
	PgtProbes  *probes = palloc0(sizeof(PgtProbes));
	int			nslots = options->nslots;

	*hint = NULL;
	probes->callback = options->callback;
	probes->lock_callback = options->lock_callback;
	probes->callback_arg = options->arg;
	probes->info.ring_size = options->ring_size;
	probes->samplers = palloc(sizeof(int) * nslots);
	for (int i = 0; i < nslots; i++)
		probes->samplers[i] = -1;

	/* the cheap check first: without the privilege the rest is for nothing */
	if (pgt_program_load(&probes->program, nslots, options->ring_size,
						 error, error_len, hint) &&
		open_rings(probes, error, error_len))
		probes->sessions = pgt_probe_sessions_open(&probes->program,
												   options->setting,
												   error, error_len);
	if (probes->sessions == NULL)
	{
		pgt_probes_close(probes);
		return NULL;
	}
	return probes;
}

void
pgt_probes_close(PgtProbes *probes)
{
	if (probes == NULL)
		return;

	pgt_probe_sessions_close(probes->sessions);
	for (int i = 0; i < probes->program.nslots; i++)
		pgt_probes_sample_end(probes, i);
	pgt_ring_close(&probes->ring);
	pgt_ring_close(&probes->lock_ring);
	pgt_program_unload(&probes->program);
	pfree(probes->samplers);
	pfree(probes);
}

int
pgt_probes_fd(const PgtProbes *probes)
{
	return probes->program.events;
}

int
pgt_probes_lock_fd(const PgtProbes *probes)
{
	return probes->program.lock_waits;
}

/* ----------
 * Sessions
 * ----------
 */

bool
pgt_probes_attach(PgtProbes *probes, int slot, uint32 generation,
				  const PgtProbedProcess *process,
				  char *error, size_t error_len)
{
	Assert(slot >= 0 && slot < probes->program.nslots && generation != 0);
	return pgt_probe_sessions_attach(probes->sessions, slot, generation,
									 process, error, error_len);
}

void
pgt_probes_detach(PgtProbes *probes, int slot)
{
	pgt_probes_sample_end(probes, slot);
	pgt_probe_sessions_detach(probes->sessions, slot);
}

bool
pgt_probes_follow_pointers(const PgtProbes *probes)
{
	return probes != NULL &&
		pgt_probe_sessions_default(probes->sessions) != PGT_PROBE_WATCHPOINT;
}

void
pgt_probes_settle(PgtProbes *probes, int slot, const PgtProbedProcess *process)
{
	pgt_probe_sessions_settle(probes->sessions, slot, process);
}

void
pgt_probes_watch_run_queue(PgtProbes *probes, int slot)
{
	probes->program.states[slot].watch_run_delay = 1;
}

bool
pgt_probes_sample(PgtProbes *probes, int slot, int pid, uint64 before_ns,
				  char *error, size_t error_len)
{
	uint64		cookie = PGT_COOKIE(probes->program.states[slot].generation, slot, 0);
	int			fd;

	if (!AcquireExternalFD())
	{
		snprintf(error, error_len, "too many open files");
		return false;
	}
	probes->program.states[slot].sampled_ns = -before_ns;
	fd = pgt_link_cpu_clock(probes->program.cpu_sample, pid, cookie);
	if (fd < 0)
	{
		ReleaseExternalFD();
		snprintf(error, error_len, "the process can't be sampled: %s",
				 strerror(-fd));
		return fd == -ESRCH;	/* it has ended: nothing is missing */
	}
	probes->samplers[slot] = fd;
	return true;
}

void
pgt_probes_sample_end(PgtProbes *probes, int slot)
{
	if (probes->samplers[slot] < 0)
		return;
	close(probes->samplers[slot]);
	ReleaseExternalFD();
	probes->samplers[slot] = -1;
}

void
pgt_probes_libraries(PgtProbes *probes, int slot,
					 PgtLibraryCallback callback, void *arg)
{
	pgt_probe_sessions_libraries(probes->sessions, slot, callback, arg);
}

long
pgt_probes_maintain(PgtProbes *probes)
{
	return pgt_probe_sessions_maintain(probes->sessions);
}

enum pgt_probe
pgt_probes_of(const PgtProbes *probes, int slot)
{
	return pgt_probe_sessions_of(probes->sessions, slot);
}

const char *
pgt_probes_problem(const PgtProbes *probes, int slot)
{
	return pgt_probe_sessions_problem(probes->sessions, slot);
}

struct pgt_wait_state
pgt_probes_state(const PgtProbes *probes, int slot)
{
	return *(volatile struct pgt_wait_state *) &probes->program.states[slot];
}

uint64
pgt_probes_ring_end(const PgtProbes *probes)
{
	return pgt_ring_end(&probes->ring);
}

bool
pgt_probes_drain(PgtProbes *probes, uint64 end)
{
	probes->info.ring_max_used = Max(probes->info.ring_max_used,
									 pgt_ring_used(&probes->ring));
	return pgt_ring_read(&probes->ring, end, handle_event, probes);
}

void
pgt_probes_drain_locks(PgtProbes *probes)
{
	(void) pgt_ring_read(&probes->lock_ring,
						 pgt_ring_end(&probes->lock_ring),
						 handle_lock_event, probes);
}

void
pgt_probes_info(const PgtProbes *probes, PgtProbesInfo *info)
{
	*info = probes->info;
	info->probe = pgt_probe_sessions_default(probes->sessions);
	pgt_probe_sessions_sites(probes->sessions, &info->nsites,
							 &info->nexpensive);
}

void
pgt_probes_libbpf_version(char *buffer, size_t len)
{
	snprintf(buffer, len, "%u.%u",
			 libbpf_major_version(), libbpf_minor_version());
}
