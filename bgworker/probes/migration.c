/*
 * migration.c
 *		Moving traced processes from one kind of probes to another.
 *
 * Each link on a place makes every hit there dearer, so that with many traced
 * processes all of them are moved from uprobes of their own to uprobes that
 * are in all processes, and the BPF program looks up whether it runs in a
 * traced one; when there are few again, they move back.  And a process that
 * loads code which uprobes don't do for is moved to a watchpoint (strategy.c).
 *
 * A move loses no wait and invents none.  The new probes are attached first;
 * then the BPF program changes over at the next change of the word (counts()
 * in pg_trace.bpf.c says how); the old ones are detached when it has.  Whoever
 * waits for long, and so would keep the old ones, is made to look around by
 * setting its latch, once a second.
 */
#include "postgres.h"

#include "port/atomics.h"

#include "bgworker/probes/attach.h"
#include "bgworker/probes/migration.h"
#include "bgworker/probes/selftest.h"
#include "extension/clock.h"

/*
 * More sessions than the first share their uprobes, fewer than the second
 * don't.  A link adds 4 % to the cost of a hit with one, sharing some 10 %,
 * but then untraced processes pay as well.  See bench/hit_cost.c.
 */
#define SHARE_ABOVE		12
#define UNSHARE_BELOW	8

/*
 * A storm: more sessions than this ask at once, or PGT_STORM_ATTACHED have begun
 * within that time.  It takes the kernel 10 to 50 ms to give a session uprobes
 * of its own, one after the other, and once more to take them away.  Those that
 * are shared take as long once, and each session is then just noted.  So new
 * sessions share, and do so until there has been no storm for a while, since
 * the next one may follow; who has uprobes already keeps them.
 */
#define STORM_PENDING	2
#define STORM_NS		UINT64CONST(1000000000)
#define CALM_NS			UINT64CONST(5000000000)

/* A session that is being moved is looked at, and is woken. */
#define MOVE_POLL_MS	100
#define MOVE_WAKE_NS	UINT64CONST(1000000000)

/* ----------
 * Are uprobes shared?
 * ----------
 */

void
pgt_migration_failed(PgtProbes *probes, const char *reason)
{
	ereport(LOG,
			(errmsg("uprobes could not be changed to %s: %s",
					probes->sharing ? "shared ones" :
					"ones of each process", reason)));

	/*
	 * Whoever was moved is moved back.  Sharing isn't tried again; the other
	 * way is, when the number of sessions changes.
	 */
	probes->cant_share |= probes->sharing;
	probes->sharing = !probes->sharing;
}

void
pgt_migration_cant_share(PgtProbes *probes, const char *reason)
{
	probes->sharing = true;
	pgt_migration_failed(probes, reason);
}

/* Before uprobes are shared for the first time, that has to be proved. */
static bool
can_share(PgtProbes *probes)
{
	const char *reason = pgt_selftest(&probes->attacher,
									  PGT_PROBE_UPROBE_SHARED);

	if (reason == NULL)
		return true;
	pgt_migration_cant_share(probes, reason);
	return false;
}

void
pgt_migration_decide(PgtProbes *probes, int add)
{
	int			nsessions = add;

	for (int i = 0; i < probes->program.nslots; i++)
	{
		const PgtProbeSession *session = &probes->sessions[i];

		if (session->in_use &&
			(session->probe == PGT_PROBE_UPROBE ||
			 session->probe == PGT_PROBE_UPROBE_SHARED))
			nsessions++;
	}

	if (probes->setting != PGT_WAIT_PROBE_AUTO &&
		probes->setting != PGT_WAIT_PROBE_UPROBE)
		probes->sharing = false;
	else if (nsessions > SHARE_ABOVE && !probes->cant_share)
		probes->sharing = can_share(probes);
	else if (nsessions < UNSHARE_BELOW)
		probes->sharing = false;
}

/* ----------
 * Storms
 * ----------
 */

static bool
is_stormy(const PgtProbes *probes)
{
	return probes->storm_ns != 0 && !probes->cant_share &&
		pgt_clock_now() - probes->storm_ns < CALM_NS;
}

/* can_share() has the self-test's word, which was done at the start. */
static void
note_storm(PgtProbes *probes)
{
	if (!probes->cant_share && can_share(probes))
		probes->storm_ns = pgt_clock_now();
}

void
pgt_migration_expect(PgtProbes *probes, int nsessions)
{
	if (nsessions > STORM_PENDING)
		note_storm(probes);
}

void
pgt_migration_note_attached(PgtProbes *probes)
{
	uint64	   *first_ns =
		&probes->attached_ns[probes->nattached++ % PGT_STORM_ATTACHED];
	uint64		now_ns = pgt_clock_now();

	if (*first_ns != 0 && now_ns - *first_ns < STORM_NS)
		note_storm(probes);
	*first_ns = now_ns;
}

enum pgt_probe
pgt_migration_first(const PgtProbes *probes, enum pgt_probe probe)
{
	return probe == PGT_PROBE_UPROBE && (probes->sharing || is_stormy(probes)) ?
		PGT_PROBE_UPROBE_SHARED : probe;
}

/* What a session that has this kind is to have */
static enum pgt_probe
wanted(const PgtProbes *probes, enum pgt_probe probe)
{
	if (probe == PGT_PROBE_UPROBE && probes->sharing)
		return PGT_PROBE_UPROBE_SHARED;
	if (probe == PGT_PROBE_UPROBE_SHARED && !probes->sharing &&
		!is_stormy(probes) &&
		probes->setting != PGT_WAIT_PROBE_UPROBE_SHARED)
		return PGT_PROBE_UPROBE;
	return probe;
}

/* ----------
 * Moving a session
 * ----------
 */

void
pgt_migration_detach_unused(PgtProbes *probes)
{
	if (is_stormy(probes))
		return;
	for (int i = 0; i < probes->program.nslots; i++)
	{
		const PgtProbeSession *session = &probes->sessions[i];

		if (session->in_use && (pgt_probe_is_common(session->probe) ||
								pgt_probe_is_common(session->next)))
			return;
	}
	pgt_detach_common(&probes->attacher);
}

bool
pgt_is_moving(const PgtProbeSession *session)
{
	return session->next != session->probe;
}

int
pgt_migration_begin(PgtProbes *probes, int slot, enum pgt_probe probe)
{
	PgtProbeSession *session = &probes->sessions[slot];
	volatile struct pgt_wait_state *state = &probes->program.states[slot];
	int			rc = pgt_attach(&probes->attacher, &session->attachment, probe,
								session->files);

	if (rc != 0)
	{
		pgt_detach(&probes->attacher, &session->attachment, probe);
		return rc;
	}
	session->next = probe;
	session->moving_since_ns = pgt_clock_now();
	state->next_seen = 0;
	pg_memory_barrier();
	state->next = probe;
	return 0;
}

/* Go on with a move. */
static void
continue_move(PgtProbes *probes, int slot)
{
	PgtProbeSession *session = &probes->sessions[slot];
	volatile struct pgt_wait_state *state = &probes->program.states[slot];
	uint64		now = pgt_clock_now();

	if (state->owner == session->next)
	{
		enum pgt_probe old = session->probe;

		session->probe = session->next;
		pgt_detach(&probes->attacher, &session->attachment, old);
		pgt_migration_detach_unused(probes);
	}
	else if (now - session->moving_since_ns >= MOVE_WAKE_NS &&
			 session->attachment.process.latch != NULL)
	{
		SetLatch(session->attachment.process.latch);
		session->moving_since_ns = now;
	}
}

/* In how many ms the storm will be over; -1: there is none. */
static long
calm_ms(const PgtProbes *probes)
{
	uint64		since_ns = pgt_clock_now() - probes->storm_ns;

	return is_stormy(probes) && since_ns < CALM_NS ?
		(long) ((CALM_NS - since_ns) / NS_IN_MS + 1) : -1;
}

long
pgt_migration_maintain(PgtProbes *probes)
{
	long		again_ms = calm_ms(probes);
	bool		moved = false;

	if (again_ms < 0 && probes->storm_ns != 0)
	{
		probes->storm_ns = 0;
		pgt_migration_detach_unused(probes);
	}
	for (int i = 0; i < probes->program.nslots; i++)
	{
		PgtProbeSession *session = &probes->sessions[i];
		enum pgt_probe next = wanted(probes, session->probe);

		if (!session->in_use)
			continue;
		if (pgt_is_moving(session))
			continue_move(probes, i);
		else if (next != session->probe)
		{
			int			rc;

			/* one at a time: others' waits are to be read meanwhile */
			if (moved)
				return 1;
			moved = true;
			rc = pgt_migration_begin(probes, i, next);
			/* whoever has just ended will be detached presently */
			if (rc != 0 && rc != -ESRCH)
				pgt_migration_failed(probes, pgt_attach_explain(rc));
		}
		if (pgt_is_moving(session))
			again_ms = again_ms < 0 ? MOVE_POLL_MS : Min(again_ms, MOVE_POLL_MS);
	}
	return again_ms;
}
