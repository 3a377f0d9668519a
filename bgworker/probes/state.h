/*
 * state.h
 *		What the worker's probes are made of, for the files of probes/ alone.
 *
 * Others have a pointer to a PgtProbes and call the functions of probes.h and
 * strategy.h.  Each part here belongs to the file that is named; whatever else
 * needs it reads it.
 */
#ifndef PGT_PROBES_STATE_H
#define PGT_PROBES_STATE_H

#include "bgworker/probes/attach.h"
#include "bgworker/probes/kinds.h"
#include "bgworker/probes/program.h"
#include "bgworker/probes/ring.h"
#include "extension/guc.h"

/* So many that begin within a second are a storm; see migration.c. */
#define PGT_STORM_ATTACHED	8

/* The probes of a traced process */
typedef struct PgtProbeSession
{
	bool		in_use;
	uint32		generation;
	PgtAttachment attachment;
	uint32		files;			/* mask of those that it has mapped */
	enum pgt_probe probe;		/* what counts */
	enum pgt_probe next;		/* what is to, if it differs */
	uint64		moving_since_ns;
	int			sampler;		/* sampler.c's link, -1 is none */
} PgtProbeSession;

struct PgtProbes
{
	/* probes.c */
	PgtRing		ring;			/* of waits */
	PgtRing		lock_ring;
	PgtWaitCallback callback;
	PgtLockCallback lock_callback;
	void	   *callback_arg;
	uint64		ring_max_used;	/* most bytes found in it */
	uint64		drained;		/* events read */

	/* program.c */
	PgtProgram	program;

	/* strategy.c */
	PgtAttacher attacher;
	PgtWaitProbe setting;
	int			first;			/* candidate that new sessions get */
	char		problem[256];	/* why uprobes don't show all waits, or "" */
	char		library_problem[256];	/* the same of the last library */
	bool		fell_back;		/* was logged */
	PgtProbeSession *sessions;	/* [program.nslots], NULL if not open */

	/* migration.c */
	bool		sharing;		/* sessions with uprobes share them */
	bool		cant_share;
	uint64		storm_ns;		/* when many asked at a time, or 0 */
	uint64		attached_ns[PGT_STORM_ATTACHED];	/* when the last ones
													 * began */
	unsigned	nattached;
};

#endif							/* PGT_PROBES_STATE_H */
