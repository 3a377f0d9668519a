/*
 * probes.c
 *		Wait events by eBPF.
 *
 * Loads bpf/pg_trace.bpf.c by libbpf, and has its maps.
 * What makes the program run, and in which processes, is the matter of others:
 *
 *		probes/sessions.c	which probes a traced process gets, and when others
 *		probes/selftest.c	which kinds work here at all
 *		probes/attach.c		attaches them, keeps their links
 *		probes/files.c		the places for them in the server and libraries
 *		probes/links.c		what the kernel offers to attach the program
 *
 * Events come back through one BPF ring buffer, which the worker drains.
 */
#include "postgres.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "storage/buf_internals.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/rel.h"

#include "bgworker/probes/aio.h"
#include "bgworker/probes/compat.h"
#include "bgworker/probes/links.h"
#include "bgworker/probes/probes.h"
#include "bgworker/probes/ring.h"
#include "bgworker/probes/sessions.h"
#include "bpf/.output/pg_trace.skel.h"
#include "extension/arrival.h"
#include "extension/compat.h"
#include "extension/plan_watch.h"

/* The PID namespace of the server, and the kernel's number of the first one */
#define PID_NAMESPACE			"/proc/self/ns/pid"
#define INITIAL_PID_NAMESPACE	0xEFFFFFFC

struct PgtProbes
{
	struct pg_trace_bpf *skeleton;
	PgtRing		ring;			/* of waits */
	PgtRing		lock_ring;
	struct pgt_wait_state *states;	/* [nslots + 1], shared with the kernel:
									 * the last one is the self-test's */
	Size		states_size;	/* of the mapping */
	int			nslots;
	PgtProbeSessions *sessions;
	int		   *samplers;		/* [nslots], -1 is none */
	PgtWaitCallback callback;
	PgtLockCallback lock_callback;
	void	   *callback_arg;
	PgtProbesInfo info;
};

static const char *const probe_names[] = {
	[PGT_PROBE_NONE] = "none",
	[PGT_PROBE_UPROBE] = "uprobe",
	[PGT_PROBE_UPROBE_SHARED] = "uprobe_shared",
	[PGT_PROBE_PERF_UPROBE] = "perf_uprobe",
	[PGT_PROBE_WATCHPOINT] = "watchpoint",
};

const char *
pgt_probe_name(enum pgt_probe probe)
{
	return probe_names[probe];
}

static int	log_libbpf(enum libbpf_print_level level, const char *format,
					   va_list args) pg_attribute_printf(2, 0);

static int
log_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char		message[1024];
	Size		len;

	vsnprintf(message, sizeof(message), format, args);
	len = strlen(message);
	while (len > 0 && message[len - 1] == '\n')
		message[--len] = '\0';

	/* the caller says in one sentence what went wrong; here is why */
	ereport(level == LIBBPF_WARN ? LOG : DEBUG2,
			(errmsg_internal("%s", message)));
	return 0;
}

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

/* Where the BPF program finds what it reads in this server's memory. */
static void
describe_layout(struct pgt_layout *layout)
{
	int			word = offsetof(PGPROC, wait_event_info);

	StaticAssertDecl(PG_WAIT_LWLOCK == 0x01000000U &&
					 PG_WAIT_LOCK == 0x03000000U &&
					 PG_WAIT_IO == 0x0A000000U, "classes in bpf/target.bpf.h");
	StaticAssertDecl(sizeof(LOCKTAG) == sizeof(struct pgt_lock) &&
					 offsetof(LOCK, tag) == 0 &&
					 offsetof(LOCKTAG, locktag_type) ==
					 offsetof(struct pgt_lock, type), "LOCKTAG");
	StaticAssertDecl(sizeof(BufferTag) == sizeof(struct pgt_buffer) &&
					 offsetof(BufferDesc, tag) == 0, "BufferTag");
	StaticAssertDecl(sizeof(((PGPROC *) NULL)->lwWaitMode) == 1,
					 "PGPROC.lwWaitMode");

	layout->buffer_descriptors = (uintptr_t) BufferDescriptors;
	layout->buffer_descriptor_size = sizeof(BufferDescPadded);
	layout->lwlock_mode = (int) offsetof(PGPROC, lwWaitMode) - word;
	layout->lock = (int) offsetof(PGPROC, waitLock) - word;
	layout->lock_mode = (int) offsetof(PGPROC, waitLockMode) - word;
	layout->relation_oid = offsetof(RelationData, rd_id);
	layout->relation = PGT_RELATION_OFFSET;
	layout->relation_is_address = PGT_RELATION_IS_ADDRESS;
	layout->local_word = (uintptr_t) pgt_arrival_local_word();
	pgt_plan_watch_describe(layout);
	layout->client_port = (uintptr_t) &MyProcPort;
	layout->port_socket = offsetof(Port, sock);
	layout->client_read = WAIT_EVENT_CLIENT_READ;
	layout->client_write = WAIT_EVENT_CLIENT_WRITE;
	pgt_aio_describe(&layout->aio);
}

/* In another PID namespace than the first one, the program has to know which */
static void
set_pid_namespace(struct pg_trace_bpf *skeleton)
{
	struct stat status;

	if (stat(PID_NAMESPACE, &status) != 0 ||
		status.st_ino == INITIAL_PID_NAMESPACE)
		return;
	skeleton->rodata->pid_namespace_dev = status.st_dev;
	skeleton->rodata->pid_namespace_ino = status.st_ino;
}

/*
 * Returns 0 or a negative errno.  A kernel that has no uprobe_multi links may
 * refuse the programs that are for them.
 */
static int
try_load(PgtProbes *probes, Size ring_size, bool with_multi)
{
	struct pg_trace_bpf *skeleton = pg_trace_bpf__open();
	int			nstates = probes->nslots + 1;
	int			rc = skeleton == NULL ? -errno : 0;

	probes->skeleton = skeleton;
	if (rc == 0)
		rc = bpf_map__set_max_entries(skeleton->maps.events, ring_size);
	if (rc == 0)
		rc = bpf_map__set_max_entries(skeleton->maps.sessions, nstates);
	if (rc == 0)
		rc = bpf_map__set_max_entries(skeleton->maps.targets, nstates);
	if (rc == 0)
		rc = bpf_map__set_max_entries(skeleton->maps.processes, nstates);
	if (rc == 0)
	{
		set_pid_namespace(skeleton);
		skeleton->rodata->plan_node_address = (uintptr_t) &pgt_plan_node;
		describe_layout((struct pgt_layout *) &skeleton->rodata->layout);
	}
	if (rc == 0 && with_multi)
		rc = bpf_program__set_expected_attach_type(skeleton->progs.wait_site,
												   PGT_BPF_TRACE_UPROBE_MULTI);
	if (rc == 0 && with_multi)
		rc = bpf_program__set_expected_attach_type(skeleton->progs.wait_site_shared,
												   PGT_BPF_TRACE_UPROBE_MULTI);
	if (rc == 0 && !with_multi)
	{
		bpf_program__set_autoload(skeleton->progs.wait_site, false);
		bpf_program__set_autoload(skeleton->progs.wait_site_shared, false);
	}
	return rc != 0 ? rc : pg_trace_bpf__load(skeleton);
}

static bool
load_program(PgtProbes *probes, Size ring_size,
			 char *error, size_t error_len, const char **hint)
{
	int			rc = try_load(probes, ring_size, true);

	if (rc == -EINVAL)
	{
		pg_trace_bpf__destroy(probes->skeleton);
		rc = try_load(probes, ring_size, false);
	}
	if (rc == 0)
		return true;

	snprintf(error, error_len, "the BPF program could not be loaded: %s",
			 strerror(-rc));
	if (rc == -EPERM || rc == -EACCES)
		*hint = "Start the server with CAP_BPF and CAP_PERFMON as ambient capabilities, e.g. AmbientCapabilities=CAP_BPF CAP_PERFMON in a systemd drop-in.";
	else
		*hint = "Linux 5.15 or newer, better 6.6, with CONFIG_BPF_SYSCALL and CONFIG_UPROBES is needed.";
	return false;
}

static bool
map_states(PgtProbes *probes, char *error, size_t error_len)
{
	Size		page = sysconf(_SC_PAGESIZE);
	void	   *mapping;

	probes->states_size =
		TYPEALIGN(page,
				  sizeof(struct pgt_wait_state) * (probes->nslots + 1));
	mapping = mmap(NULL, probes->states_size, PROT_READ | PROT_WRITE,
				   MAP_SHARED,
				   bpf_map__fd(probes->skeleton->maps.sessions), 0);
	if (mapping == MAP_FAILED)
	{
		snprintf(error, error_len, "a BPF map could not be mapped: %m");
		return false;
	}
	probes->states = mapping;
	return true;
}

static bool
open_ring(PgtRing *ring, const struct bpf_map *map,
		  char *error, size_t error_len)
{
	int			rc = pgt_ring_open(ring, bpf_map__fd(map),
								   bpf_map__max_entries(map));

	if (rc != 0)
		snprintf(error, error_len,
				 "the BPF ring buffer could not be opened: %s", strerror(-rc));
	return rc == 0;
}

static bool
open_rings(PgtProbes *probes, char *error, size_t error_len)
{
	return open_ring(&probes->ring, probes->skeleton->maps.events,
					 error, error_len) &&
		open_ring(&probes->lock_ring, probes->skeleton->maps.lock_waits,
				  error, error_len);
}

static bool
open_sessions(PgtProbes *probes, PgtWaitProbe setting,
			  char *error, size_t error_len)
{
	struct pg_trace_bpf *skeleton = probes->skeleton;
	PgtLoaded	loaded = {
		.programs = {
			[PGT_PROBE_NONE] = -1,
			[PGT_PROBE_UPROBE] = bpf_program__fd(skeleton->progs.wait_site),
			[PGT_PROBE_UPROBE_SHARED] =
			bpf_program__fd(skeleton->progs.wait_site_shared),
			[PGT_PROBE_PERF_UPROBE] =
			bpf_program__fd(skeleton->progs.wait_site_perf),
			[PGT_PROBE_WATCHPOINT] =
			bpf_program__fd(skeleton->progs.wait_store),
		},
		.processes_map = bpf_map__fd(skeleton->maps.processes),
		.states = probes->states,
		.nslots = probes->nslots,
	};

	probes->sessions = pgt_probe_sessions_open(&loaded, setting,
											   error, error_len);
	return probes->sessions != NULL;
}

PgtProbes *
pgt_probes_open(PgtWaitProbe setting, int nslots, Size ring_size,
				PgtWaitCallback callback,
				PgtLockCallback lock_callback, void *arg,
				char *error, size_t error_len, const char **hint)
{
	PgtProbes  *probes = palloc0(sizeof(PgtProbes));

	*hint = NULL;
	probes->nslots = nslots;
	probes->callback = callback;
	probes->lock_callback = lock_callback;
	probes->callback_arg = arg;
	probes->info.ring_size = ring_size;
	probes->samplers = palloc(sizeof(int) * nslots);
	for (int i = 0; i < nslots; i++)
		probes->samplers[i] = -1;

	/* its type lacks the attribute */
	libbpf_set_print((libbpf_print_fn_t) log_libbpf);
	/* the cheap check first: without the privilege the rest is for nothing */
	if (!load_program(probes, ring_size, error, error_len, hint) ||
		!map_states(probes, error, error_len) ||
		!open_rings(probes, error, error_len) ||
		!open_sessions(probes, setting, error, error_len))
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
	for (int i = 0; i < probes->nslots; i++)
		pgt_probes_sample_end(probes, i);
	pgt_ring_close(&probes->ring);
	pgt_ring_close(&probes->lock_ring);
	if (probes->states != NULL)
		munmap(probes->states, probes->states_size);
	pg_trace_bpf__destroy(probes->skeleton);
	pfree(probes->samplers);
	pfree(probes);
}

int
pgt_probes_fd(const PgtProbes *probes)
{
	return bpf_map__fd(probes->skeleton->maps.events);
}

int
pgt_probes_lock_fd(const PgtProbes *probes)
{
	return bpf_map__fd(probes->skeleton->maps.lock_waits);
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
	Assert(slot >= 0 && slot < probes->nslots && generation != 0);
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
	probes->states[slot].watch_run_delay = 1;
}

bool
pgt_probes_sample(PgtProbes *probes, int slot, int pid, uint64 before_ns,
				  char *error, size_t error_len)
{
	uint64		cookie = PGT_COOKIE(probes->states[slot].generation, slot, 0);
	int			fd;

	if (!AcquireExternalFD())
	{
		snprintf(error, error_len, "too many open files");
		return false;
	}
	probes->states[slot].sampled_ns = -before_ns;
	fd = pgt_link_cpu_clock(bpf_program__fd(probes->skeleton->progs.cpu_sample),
							pid, cookie);
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
	return *(volatile struct pgt_wait_state *) &probes->states[slot];
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
