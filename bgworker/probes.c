/*
 * probes.c
 *		Wait events by eBPF.
 *
 * The only file that knows libbpf.  Opening finds the probe sites of the
 * running executable (sites.c) and loads bpf/pg_trace.bpf.c; each traced
 * process then gets a uprobe_multi link of its own, confined to its pid, so
 * that no other process ever meets a breakpoint.  Events come back through
 * one BPF ring buffer, which the worker drains.
 *
 * Closing a link takes the kernel 20 to 50 ms, during which events of other
 * sessions would pile up.  A helper thread does that and nothing else: it
 * reads file descriptors from a pipe and closes them, with all signals
 * blocked, and touches no memory of PostgreSQL.
 */
#include "postgres.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "port/atomics.h"
#include "storage/buf_internals.h"
#include "storage/fd.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/rel.h"

#include "bgworker/compat_bpf.h"
#include "bgworker/probes.h"
#include "bgworker/sites.h"
#include "extension/node_waits.h"
#include "bpf/.output/pg_trace.skel.h"
#include "extension/compat.h"

/* The path that stays right when the package is upgraded under the server */
#define EXECUTABLE	"/proc/self/exe"

struct PgtProbes
{
	struct pg_trace_bpf *skeleton;
	struct ring_buffer *ring;
	struct ring_buffer *lock_ring;
	PgtSites   *sites;
	int			nprobes;		/* sites and target sites */
	uint64	   *offsets;		/* of the probes, in the executable */
	uint64	   *flags;			/* of the probes, for their cookies */
	uint64	   *cookies;		/* of the probes, filled anew for each link */
	struct pgt_wait_state *states;	/* [nslots], shared with the kernel */
	Size		states_size;	/* of the mapping */
	int		   *links;			/* [nslots], -1 is none */
	int			nslots;
	int			closer_pipe;	/* write end; -1: close directly */
	PgtWaitCallback callback;
	PgtLockCallback lock_callback;
	void	   *callback_arg;
	PgtProbesInfo info;
	uint64		read_in_drain;	/* bytes */
};

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
 * The closer thread
 * ----------
 */

static void *
closer_main(void *arg)
{
	int			pipe_fd = (int) (intptr_t) arg;
	int			fd;

	while (read(pipe_fd, &fd, sizeof(fd)) == sizeof(fd))
		close(fd);
	close(pipe_fd);
	return NULL;
}

/* Returns the write end of the closer's pipe, or -1 if there is no closer. */
static int
start_closer(void)
{
	int			ends[2];
	sigset_t	all;
	sigset_t	before;
	pthread_t	thread;
	pthread_attr_t attributes;
	int			rc;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attributes, closer_main,
						(void *) (intptr_t) ends[0]);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
	{
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	return ends[1];
}

static void
close_link(PgtProbes *probes, int slot)
{
	int			fd = probes->links[slot];

	if (fd < 0)
		return;
	probes->links[slot] = -1;
	ReleaseExternalFD();
	if (probes->closer_pipe < 0 ||
		write(probes->closer_pipe, &fd, sizeof(fd)) != sizeof(fd))
		close(fd);
}

/* ----------
 * Opening and closing
 * ----------
 */

static int
handle_event(void *arg, void *data, size_t size)
{
	PgtProbes  *probes = (PgtProbes *) arg;
	const struct pgt_wait_event *event = data;

	if (size < sizeof(*event) ||
		size != (event->target == PGT_TARGET_NONE ?
				 sizeof(*event) : sizeof(struct pgt_target_event)))
		return 0;
	probes->info.drained++;
	probes->read_in_drain += size + BPF_RINGBUF_HDR_SZ;
	return probes->callback(probes->callback_arg, event);
}

static int
handle_lock_event(void *arg, void *data, size_t size)
{
	PgtProbes  *probes = (PgtProbes *) arg;

	if (size == sizeof(struct pgt_lock_event))
		probes->lock_callback(probes->callback_arg, data);
	return 0;
}

static void
list_probes(PgtProbes *probes)
{
	const PgtSites *sites = probes->sites;
	int			nsites = sites->nsites;

	probes->nprobes = nsites + sites->ntargets;
	probes->offsets = palloc(sizeof(uint64) * probes->nprobes);
	probes->flags = palloc(sizeof(uint64) * probes->nprobes);
	probes->cookies = palloc(sizeof(uint64) * probes->nprobes);
	for (int i = 0; i < nsites; i++)
	{
		const PgtSite *site = &sites->sites[i];

		probes->offsets[i] = site->probe_offset;
		probes->flags[i] = PGT_SITE_FLAGS(site->file_call, site->restart ?
										  PGT_SITE_RESTART : 0);
		if (!site->cheap)
			probes->info.nexpensive++;
	}
	for (int i = 0; i < sites->ntargets; i++)
	{
		const PgtTargetSite *target = &sites->targets[i];

		probes->offsets[nsites + i] = target->probe_offset;
		probes->flags[nsites + i] = PGT_SITE_FLAGS(target->file_call,
												   target->flags);
	}
	probes->info.nsites = nsites;
}

static bool
find_sites(PgtProbes *probes, char *error, size_t error_len)
{
	char		reason[256];

	if (pgt_sites_find(EXECUTABLE, &probes->sites, reason,
					   sizeof(reason)) != 0)
	{
		snprintf(error, error_len,
				 "no probe sites were found in the server's executable: %s",
				 reason);
		return false;
	}
	if (probes->sites->nunknown > 0)
		ereport(LOG,
				(errmsg("%d of %d places where the server may report a wait event are not understood",
						(int) probes->sites->nunknown,
						(int) probes->sites->nreferences),
				 errdetail("First: address 0x%llx: %s",
						   (unsigned long long) probes->sites->unknown[0].addr,
						   probes->sites->unknown[0].reason)));

	list_probes(probes);
	return true;
}

/* Where the BPF program finds what it reads in this server's memory. */
static void
describe_layout(struct pgt_layout *layout)
{
	int			word = offsetof(PGPROC, wait_event_info);

	StaticAssertDecl(PG_WAIT_LWLOCK == 0x01000000U &&
					 PG_WAIT_LOCK == 0x03000000U &&
					 PG_WAIT_IO == 0x0A000000U, "classes in bpf/target.h");
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
}

static bool
load_program(PgtProbes *probes, Size ring_size,
			 char *error, size_t error_len, const char **hint)
{
	struct pg_trace_bpf *skeleton = pg_trace_bpf__open();
	int			rc = skeleton == NULL ? -errno : 0;

	probes->skeleton = skeleton;
	if (rc == 0)
	{
		skeleton->rodata->plan_node_address = (uintptr_t) &pgt_plan_node;
		rc = bpf_map__set_max_entries(skeleton->maps.events, ring_size);
	}
	if (rc == 0)
		rc = bpf_map__set_max_entries(skeleton->maps.sessions, probes->nslots);
	if (rc == 0)
		rc = bpf_map__set_max_entries(skeleton->maps.targets, probes->nslots);
	if (rc == 0)
		describe_layout((struct pgt_layout *) &skeleton->rodata->layout);
	if (rc == 0)
		rc = bpf_program__set_expected_attach_type(skeleton->progs.wait_site,
												   PGT_BPF_TRACE_UPROBE_MULTI);
	if (rc == 0)
		rc = pg_trace_bpf__load(skeleton);
	if (rc == 0)
		return true;

	snprintf(error, error_len, "the BPF program could not be loaded: %s",
			 strerror(-rc));
	if (rc == -EPERM || rc == -EACCES)
		*hint = "Start the server with CAP_BPF and CAP_PERFMON as ambient capabilities, e.g. AmbientCapabilities=CAP_BPF CAP_PERFMON in a systemd drop-in.";
	else
		*hint = "Linux 6.6 or newer with CONFIG_BPF_SYSCALL and CONFIG_UPROBES is needed.";
	return false;
}

static bool
map_states(PgtProbes *probes, char *error, size_t error_len)
{
	Size		page = sysconf(_SC_PAGESIZE);
	void	   *mapping;

	probes->states_size =
		TYPEALIGN(page, sizeof(struct pgt_wait_state) * probes->nslots);
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
open_ring(PgtProbes *probes, char *error, size_t error_len)
{
	probes->ring =
		ring_buffer__new(bpf_map__fd(probes->skeleton->maps.events),
						 handle_event, probes, NULL);
	probes->lock_ring =
		ring_buffer__new(bpf_map__fd(probes->skeleton->maps.lock_waits),
						 handle_lock_event, probes, NULL);
	if (probes->ring == NULL || probes->lock_ring == NULL)
	{
		snprintf(error, error_len,
				 "the BPF ring buffer could not be opened: %m");
		return false;
	}
	return true;
}

PgtProbes *
pgt_probes_open(int nslots, Size ring_size,
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
	probes->closer_pipe = -1;
	probes->links = palloc(sizeof(int) * nslots);
	for (int i = 0; i < nslots; i++)
		probes->links[i] = -1;

	libbpf_set_print(log_libbpf);
	/* the cheap check first: without the privilege the rest is for nothing */
	if (!load_program(probes, ring_size, error, error_len, hint) ||
		!map_states(probes, error, error_len) ||
		!open_ring(probes, error, error_len) ||
		!find_sites(probes, error, error_len))
	{
		pgt_probes_close(probes);
		return NULL;
	}
	probes->closer_pipe = start_closer();
	return probes;
}

void
pgt_probes_close(PgtProbes *probes)
{
	if (probes == NULL)
		return;

	for (int i = 0; i < probes->nslots; i++)
		close_link(probes, i);
	/* the closer ends when it has closed what is in the pipe */
	if (probes->closer_pipe >= 0)
		close(probes->closer_pipe);
	ring_buffer__free(probes->ring);
	ring_buffer__free(probes->lock_ring);
	if (probes->states != NULL)
		munmap(probes->states, probes->states_size);
	pg_trace_bpf__destroy(probes->skeleton);
	pgt_sites_free(probes->sites);
	if (probes->offsets != NULL)
		pfree(probes->offsets);
	if (probes->flags != NULL)
		pfree(probes->flags);
	if (probes->cookies != NULL)
		pfree(probes->cookies);
	pfree(probes->links);
	pfree(probes);
}

int
pgt_probes_fd(const PgtProbes *probes)
{
	return ring_buffer__epoll_fd(probes->ring);
}

/* not libbpf's epoll instance: those can't be nested any deeper */
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
				  int pid, const void *address,
				  char *error, size_t error_len)
{
	struct pgt_wait_state *state = &probes->states[slot];
	struct pgt_uprobe_multi_attr attr;
	int			fd;

	Assert(slot >= 0 && slot < probes->nslots && generation != 0);

	for (int i = 0; i < probes->nprobes; i++)
		probes->cookies[i] = PGT_COOKIE(generation, slot, probes->flags[i]);

	/* the generation last: it makes the entry valid */
	memset(state, 0, sizeof(*state));
	state->address = (uintptr_t) address;
	state->value = PGT_VALUE_UNKNOWN;
	pg_memory_barrier();
	state->generation = generation;

	memset(&attr, 0, sizeof(attr));
	attr.prog_fd = bpf_program__fd(probes->skeleton->progs.wait_site);
	attr.attach_type = PGT_BPF_TRACE_UPROBE_MULTI;
	attr.path = (uintptr_t) EXECUTABLE;
	attr.offsets = (uintptr_t) probes->offsets;
	attr.cookies = (uintptr_t) probes->cookies;
	attr.cnt = probes->nprobes;
	attr.pid = pid;

	if (!AcquireExternalFD())
	{
		snprintf(error, error_len, "too many open files");
		state->generation = 0;
		return false;
	}
	fd = pgt_link_create_uprobe_multi(&attr);
	if (fd < 0)
	{
		snprintf(error, error_len, errno == EPERM ?
				 "the kernel did not permit the probes: %m" :
				 "the probes could not be attached: %m");
		ReleaseExternalFD();
		state->generation = 0;
		return false;
	}
	probes->links[slot] = fd;
	return true;
}

/*
 * Where a member is in a structure, by the kernel's description of its types.
 * Returns its offset in bytes and its type in *member_type, or -1.
 */
static int
find_member(const struct btf *btf, uint32 struct_id, const char *name,
			uint32 *member_type)
{
	const struct btf_type *type = btf__type_by_id(btf, struct_id);
	const struct btf_member *member;

	if (type == NULL || !btf_is_composite(type))
		return -1;
	member = btf_members(type);
	for (int i = 0; i < btf_vlen(type); i++, member++)
	{
		const char *member_name = btf__name_by_offset(btf, member->name_off);
		int			offset = btf_member_bit_offset(type, i) / 8;

		if (strcmp(member_name, name) == 0)
		{
			*member_type = member->type;
			return offset;
		}
		/* a kernel may have its structures randomized, in unnamed ones */
		if (member_name[0] == '\0')
		{
			int			inner = find_member(btf, member->type, name,
											member_type);

			if (inner >= 0)
				return offset + inner;
		}
	}
	return -1;
}

/* Of task_struct.sched_info.run_delay, or 0 */
static int
find_run_delay(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int			task;
	int			info;
	int			delay;
	uint32		type;
	int			result = 0;

	if (btf == NULL)
		return 0;
	task = btf__find_by_name_kind(btf, "task_struct", BTF_KIND_STRUCT);
	if (task > 0 && (info = find_member(btf, task, "sched_info", &type)) >= 0 &&
		(delay = find_member(btf, type, "run_delay", &type)) >= 0)
		result = info + delay;
	btf__free(btf);
	return result;
}

bool
pgt_probes_watch_run_queue(PgtProbes *probes, int slot,
						   char *error, size_t error_len)
{
	static int	offset = -1;	/* not looked for yet; that takes a while */

	if (offset < 0)
		offset = find_run_delay();
	if (offset == 0)
	{
		snprintf(error, error_len,
				 "the kernel has no BTF with task_struct.sched_info.run_delay");
		return false;
	}
	probes->states[slot].run_delay_offset = offset;
	return true;
}

void
pgt_probes_detach(PgtProbes *probes, int slot)
{
	probes->states[slot].generation = 0;
	close_link(probes, slot);
}

struct pgt_wait_state
pgt_probes_state(const PgtProbes *probes, int slot)
{
	return *(volatile struct pgt_wait_state *) &probes->states[slot];
}

void
pgt_probes_drain(PgtProbes *probes)
{
	probes->read_in_drain = 0;
	(void) ring_buffer__consume(probes->ring);
	if (probes->read_in_drain > probes->info.ring_max_used)
		probes->info.ring_max_used = probes->read_in_drain;
}

void
pgt_probes_drain_locks(PgtProbes *probes)
{
	(void) ring_buffer__consume(probes->lock_ring);
}

void
pgt_probes_info(const PgtProbes *probes, PgtProbesInfo *info)
{
	*info = probes->info;
}

void
pgt_probes_libbpf_version(char *buffer, size_t len)
{
	snprintf(buffer, len, "%u.%u",
			 libbpf_major_version(), libbpf_minor_version());
}
