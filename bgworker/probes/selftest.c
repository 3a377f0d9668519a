/*
 * selftest.c
 *		Does a kind of probes work here?  It has to prove that.
 *
 * That the kernel grants a probe doesn't mean that it ever fires: virtual
 * machines of some hosts take breakpoints into their debug registers and never
 * report one.  A trace would then say that there were no waits.  So before
 * probes/strategy.c uses a kind of probes, it is attached to the worker
 * itself, which does twice what probes of that kind are to see: it stores to a
 * word, or calls a function of the server.  The BPF program must have run
 * twice, and must have read from the word what was stored there.
 *
 * The program keeps the state of that in an entry behind those of the
 * sessions.  The word goes from no wait to a wait that never ends, so nothing
 * is sent to the ring buffer.  That takes no other capabilities than the
 * probes themselves do.
 *
 * What is proved is proved of the machine.  That a traced process's probes
 * fire can't be tried without making it store or call something; what can be
 * seen of that is in tracer/silence.c.
 */
#include "postgres.h"

#include <bpf/bpf.h>

#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "port/atomics.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"

#include "bgworker/probes/closer.h"
#include "bgworker/probes/links.h"
#include "bgworker/probes/selftest.h"
#include "extension/guc.h"
#include "extension/privilege.h"

#define NKINDS			(PGT_PROBE_WATCHPOINT + 1)

/* Stands for a wait event: one of a class that has nothing to read elsewhere */
#define PROOF_VALUE		PG_WAIT_EXTENSION
#define NPROOFS			2

/*
 * A run of a program in a perf event is skipped if the CPU has just been taken
 * away from another program's run, so once is not enough to condemn.
 */
#define ATTEMPTS		3

static const char *const doesnt_fire[NKINDS] = {
	[PGT_PROBE_UPROBE] = "uprobes don't fire on this machine",
	[PGT_PROBE_UPROBE_SHARED] = "uprobes don't fire on this machine",
	[PGT_PROBE_PERF_UPROBE] = "uprobes don't fire on this machine",
	[PGT_PROBE_WATCHPOINT] = "hardware watchpoints don't fire on this machine",
};

/* What was found out */
typedef struct Finding
{
	bool		final;			/* else it is worth another try */
	char		reason[128];	/* why not, "" if they work or weren't tried */
} Finding;

static Finding findings[NKINDS];

/* The word that stands for a process's wait_event_info */
static volatile uint32 word;

/* Tells the states of tests from each other, as sessions' generations do */
static uint32 generation = 0;

/* A uprobe on a call of a function that does nothing but answer. */
static int
link_uprobe(PgtAttacher *attacher, enum pgt_probe probe, uint64_t cookie)
{
	const PgtProbeFile *server = pgt_probe_file(attacher->files,
												PGT_SERVER_FILE);
	int			program = attacher->program->programs[probe];
	int			link = -1;
	int			rc;

	if (server->sites == NULL || server->sites->proof_offset == 0)
		return -ENODATA;
	if (probe != PGT_PROBE_PERF_UPROBE)
		return pgt_link_uprobes(program, server->path,
								&server->sites->proof_offset, &cookie, 1,
								MyProcPid);
	pgt_privilege_use_admin(true);
	rc = pgt_link_perf_uprobes(program, server->path,
							   &server->sites->proof_offset, &cookie, 1,
							   &link);
	pgt_privilege_use_admin(false);
	return rc < 0 ? rc : link;
}

/* Attach a probe to this process.  Returns the link, or a negative errno. */
static int
attach(PgtAttacher *attacher, enum pgt_probe probe, uint64 session)
{
	__u32		pid = MyProcPid;
	int			rc;

	if (attacher->program->programs[probe] < 0)
		return -EOPNOTSUPP;
	if (probe == PGT_PROBE_WATCHPOINT)
		return pgt_link_watchpoint(attacher->program->programs[probe], pid,
								   (uintptr_t) &word, session);
	if (!pgt_probe_is_common(probe))
		return link_uprobe(attacher, probe, session);
	rc = bpf_map_update_elem(attacher->program->processes, &pid, &session,
							 BPF_ANY);
	return rc != 0 ? rc : link_uprobe(attacher, probe, 0);
}

/* What the probe is to see, as often as that. */
static void
give_proof(enum pgt_probe probe)
{
	for (int i = 0; i < NPROOFS; i++)
	{
		if (probe == PGT_PROBE_WATCHPOINT || i == 0)
			word = PROOF_VALUE;
		if (probe != PGT_PROBE_WATCHPOINT)
			(void) pgstat_get_wait_event_type(0);
	}
}

/* Returns 1 if the probe was seen to fire, 0 if not, or a negative errno. */
static int
try_once(PgtAttacher *attacher, enum pgt_probe probe)
{
	int			slot = attacher->program->nslots;
	struct pgt_wait_state *state = &attacher->program->states[slot];
	struct pgt_wait_state seen;
	__u32		pid = MyProcPid;
	int			link;

	word = 0;
	memset(state, 0, sizeof(*state));
	state->address = (uintptr_t) &word;
	state->owner = probe;
	state->next = probe;
	generation++;
	pg_memory_barrier();
	state->generation = generation;

	link = attach(attacher, probe, PGT_COOKIE(generation, slot, 0));
	if (link >= 0)
		give_proof(probe);
	seen = *(volatile struct pgt_wait_state *) state;

	state->generation = 0;
	if (pgt_probe_is_common(probe))
		(void) bpf_map_delete_elem(attacher->program->processes, &pid);
	if (link < 0)
		return link;
	pgt_closer_close(attacher->closer, link);
	return seen.hits == NPROOFS && seen.faults == 0 &&
		seen.value == PROOF_VALUE;
}

/* pg_trace.debug_failing_probes */
static bool
is_to_fail(enum pgt_probe probe)
{
	char	   *copy = pstrdup(pgt_debug_failing_probes);
	List	   *list;
	ListCell   *cell;
	bool		found = false;

	/* it was checked when it was set */
	(void) SplitGUCList(copy, ',', &list);
	foreach(cell, list)
		found |= strcmp(lfirst(cell), pgt_probe_name(probe)) == 0;
	list_free(list);
	pfree(copy);
	return found;
}

const char *
pgt_selftest(PgtAttacher *attacher, enum pgt_probe probe)
{
	Finding    *finding = &findings[probe];
	int			rc = 0;

	for (int i = 0; !finding->final && rc == 0 && i < ATTEMPTS; i++)
		rc = try_once(attacher, probe);
	if (rc > 0 && is_to_fail(probe))
		rc = 0;
	if (!finding->final)
	{
		finding->final = rc >= 0;
		strlcpy(finding->reason,
				rc < 0 ? pgt_attach_explain(rc) :
				rc == 0 ? doesnt_fire[probe] : "", sizeof(finding->reason));
	}
	return finding->reason[0] != '\0' ? finding->reason : NULL;
}

void
pgt_selftest_reset(void)
{
	memset(findings, 0, sizeof(findings));
}

void
pgt_selftest_unusable(char *buffer, size_t len)
{
	size_t		used = 0;

	buffer[0] = '\0';
	for (int i = 0; i < NKINDS && used < len; i++)
	{
		if (findings[i].reason[0] != '\0')
			used += snprintf(buffer + used, len - used, "%s%s: %s",
							 used > 0 ? "; " : "",
							 pgt_probe_name(i), findings[i].reason);
	}
}
