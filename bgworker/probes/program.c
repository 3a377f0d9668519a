/*
 * program.c
 *		The BPF program, loaded into the kernel.
 *
 * Loads bpf/pg_trace.bpf.c by libbpf and its skeleton, which no other file
 * knows.  The program does nothing until links to it are made (attach.c) and
 * the array of states, which the kernel and the worker share, says whom to
 * watch (strategy.c).
 */
#include "postgres.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bgworker/probes/compat.h"
#include "bgworker/probes/layout.h"
#include "bgworker/probes/libbpf_log.h"
#include "bgworker/probes/program.h"
#include "bpf/.output/pg_trace.skel.h"
#include "extension/plan_watch.h"

/* The PID namespace of the server, and the kernel's number of the first one */
#define PID_NAMESPACE			"/proc/self/ns/pid"
#define INITIAL_PID_NAMESPACE	0xEFFFFFFC

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
try_load(PgtProgram *program, Size ring_size, bool with_multi)
{
	int			nstates = program->nslots + 1;
	struct pg_trace_bpf *skeleton;
	int			rc;

	pgt_libbpf_log_start();
	skeleton = pg_trace_bpf__open();
	rc = skeleton == NULL ? -errno : 0;
	program->skeleton = skeleton;
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
		pgt_server_layout_describe((struct pgt_layout *) &skeleton->rodata->layout);
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
	if (rc == 0)
		rc = pg_trace_bpf__load(skeleton);
	pgt_libbpf_log_report();
	return rc;
}

/* Note what others need of it. */
static void
take_descriptors(PgtProgram *program)
{
	const struct pg_trace_bpf *skeleton = program->skeleton;

	program->programs[PGT_PROBE_UPROBE] =
		bpf_program__fd(skeleton->progs.wait_site);
	program->programs[PGT_PROBE_UPROBE_SHARED] =
		bpf_program__fd(skeleton->progs.wait_site_shared);
	program->programs[PGT_PROBE_PERF_UPROBE] =
		bpf_program__fd(skeleton->progs.wait_site_perf);
	program->programs[PGT_PROBE_WATCHPOINT] =
		bpf_program__fd(skeleton->progs.wait_store);
	program->cpu_sample = bpf_program__fd(skeleton->progs.cpu_sample);
	program->events = bpf_map__fd(skeleton->maps.events);
	program->lock_waits = bpf_map__fd(skeleton->maps.lock_waits);
	program->processes = bpf_map__fd(skeleton->maps.processes);
	program->ring_size = bpf_map__max_entries(skeleton->maps.events);
	program->lock_ring_size = bpf_map__max_entries(skeleton->maps.lock_waits);
}

static bool
map_states(PgtProgram *program, char *error, size_t error_len)
{
	Size		page = sysconf(_SC_PAGESIZE);
	void	   *mapping;

	program->states_size =
		TYPEALIGN(page,
				  sizeof(struct pgt_wait_state) * (program->nslots + 1));
	mapping = mmap(NULL, program->states_size, PROT_READ | PROT_WRITE,
				   MAP_SHARED,
				   bpf_map__fd(program->skeleton->maps.sessions), 0);
	if (mapping == MAP_FAILED)
	{
		snprintf(error, error_len, "a BPF map could not be mapped: %m");
		return false;
	}
	program->states = mapping;
	return true;
}

bool
pgt_program_load(PgtProgram *program, int nslots, Size ring_size,
				 char *error, size_t error_len, const char **hint)
{
	int			rc;

	memset(program, 0, sizeof(*program));
	program->nslots = nslots;
	program->programs[PGT_PROBE_NONE] = -1;

	rc = try_load(program, ring_size, true);
	if (rc == -EINVAL)
	{
		pg_trace_bpf__destroy(program->skeleton);
		rc = try_load(program, ring_size, false);
	}
	if (rc == 0)
	{
		take_descriptors(program);
		return map_states(program, error, error_len);
	}

	snprintf(error, error_len, "the BPF program could not be loaded: %s",
			 strerror(-rc));
	if (rc == -EPERM || rc == -EACCES)
		*hint = "Start the server with CAP_BPF and CAP_PERFMON as ambient capabilities, e.g. AmbientCapabilities=CAP_BPF CAP_PERFMON in a systemd drop-in.";
	else
		*hint = "Linux 5.15 or newer, better 6.6, with CONFIG_BPF_SYSCALL and CONFIG_UPROBES is needed.";
	return false;
}

void
pgt_program_unload(PgtProgram *program)
{
	if (program->states != NULL)
		munmap(program->states, program->states_size);
	pg_trace_bpf__destroy(program->skeleton);
	memset(program, 0, sizeof(*program));
}
