/*
 * probes.c
 *		Wait events by eBPF.
 *
 * What the rest of the worker knows of BPF.  Opens and closes all there is,
 * and hands over what comes back: events of all sessions through one BPF ring
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

#include "bgworker/probes/files.h"
#include "bgworker/probes/migration.h"
#include "bgworker/probes/probes.h"
#include "bgworker/probes/program.h"
#include "bgworker/probes/ring.h"
#include "bgworker/probes/state.h"

/* ----------
 * Opening and closing
 * ----------
 */

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

	*hint = NULL;
	probes->setting = options->setting;
	probes->callback = options->callback;
	probes->lock_callback = options->lock_callback;
	probes->callback_arg = options->arg;

	/* the cheap check first: without the privilege the rest is for nothing */
	if (!pgt_program_load(&probes->program, options->nslots,
						  options->ring_size, error, error_len, hint) ||
		!open_rings(probes, error, error_len) ||
		!pgt_strategy_open(probes, error, error_len))
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

	pgt_strategy_close(probes);
	pgt_ring_close(&probes->ring);
	pgt_ring_close(&probes->lock_ring);
	pgt_program_unload(&probes->program);
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
 * What comes back
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
		probes->drained++;
	probes->callback(probes->callback_arg, event);
}

static void
handle_lock_event(void *arg, const void *data, size_t size)
{
	PgtProbes  *probes = (PgtProbes *) arg;

	if (size == sizeof(struct pgt_lock_event))
		probes->lock_callback(probes->callback_arg, data);
}

uint64
pgt_probes_ring_end(const PgtProbes *probes)
{
	return pgt_ring_end(&probes->ring);
}

bool
pgt_probes_drain(PgtProbes *probes, uint64 end)
{
	probes->ring_max_used = Max(probes->ring_max_used,
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

/* ----------
 * Sessions
 * ----------
 */

void
pgt_probes_watch_cpu(PgtProbes *probes, int slot)
{
	probes->program.states[slot].watch_cpu = 1;
}

struct pgt_wait_state
pgt_probes_state(const PgtProbes *probes, int slot)
{
	return *(volatile struct pgt_wait_state *) &probes->program.states[slot];
}

long
pgt_probes_maintain(PgtProbes *probes)
{
	return pgt_migration_maintain(probes);
}

/* ----------
 * For the views
 * ----------
 */

void
pgt_probes_info(const PgtProbes *probes, PgtProbesInfo *info)
{
	const PgtSites *sites = pgt_probe_file(probes->attacher.files,
										   PGT_SERVER_FILE)->sites;

	info->probe = pgt_strategy_default(probes);
	info->nsites = sites != NULL ? sites->nsites : 0;
	info->nexpensive = sites != NULL ? sites->nexpensive : 0;
	info->ring_size = probes->program.ring_size;
	info->ring_max_used = probes->ring_max_used;
	info->drained = probes->drained;
}

void
pgt_probes_libbpf_version(char *buffer, size_t len)
{
	snprintf(buffer, len, "%u.%u",
			 libbpf_major_version(), libbpf_minor_version());
}
