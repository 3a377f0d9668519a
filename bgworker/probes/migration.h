/*
 * migration.h
 *		Moving traced processes from one kind of probes to another.
 */
#ifndef PGT_PROBES_MIGRATION_H
#define PGT_PROBES_MIGRATION_H

#include "bgworker/probes/state.h"

/* The kind that a new session gets which is to have this kind */
extern enum pgt_probe pgt_migration_first(const PgtProbes *probes,
										  enum pgt_probe probe);

/* A session begins; and so many are going to, in one go. */
extern void pgt_migration_note_attached(PgtProbes *probes);
extern void pgt_migration_expect(PgtProbes *probes, int nsessions);

/*
 * The number of sessions has changed, or is about to by add: may change
 * whether uprobes are shared.
 */
extern void pgt_migration_decide(PgtProbes *probes, int add);

/* Uprobes can't be had as they are wanted: want them the other way. */
extern void pgt_migration_failed(PgtProbes *probes, const char *reason);

/* It was new sessions that were to share them: no more try that. */
extern void pgt_migration_cant_share(PgtProbes *probes, const char *reason);

extern bool pgt_is_moving(const PgtProbeSession *session);

/*
 * Move a session that isn't moving.  Returns 0, or a negative errno, and then
 * it has what it had.
 */
extern int	pgt_migration_begin(PgtProbes *probes, int slot,
								enum pgt_probe probe);

/* If nobody needs the common links any more, rid untraced processes of them. */
extern void pgt_migration_detach_unused(PgtProbes *probes);

/* Does what pgt_probes_maintain() is to do. */
extern long pgt_migration_maintain(PgtProbes *probes);

#endif							/* PGT_PROBES_MIGRATION_H */
