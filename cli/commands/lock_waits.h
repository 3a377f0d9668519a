/*
 * lock_waits.h
 *		Waits for locks of all sessions, and who was in the way: for blockers.c.
 *
 * lock_waits.c collects them from the files, lock_chains.c finds for each the
 * sessions at the head: those that held it up and did not wait for a lock
 * themselves then.
 */
#ifndef PGT_COMMANDS_LOCK_WAITS_H
#define PGT_COMMANDS_LOCK_WAITS_H

#include "cli/model/catalog.h"
#include "cli/source.h"

#define PGT_LOCK_MAX_BLOCKERS	8

typedef struct PgtLockInterval
{
	int64_t		begin;			/* µs since 1970 */
	int64_t		end;
	struct PgtLockKind *kind;	/* of a wait */
} PgtLockInterval;

/* A session, which may have no file */
typedef struct PgtLockSession
{
	int64_t		pid;
	char	   *who;			/* "app, shop, psql"; NULL: it has no file */
	char	  **files;
	int			nfiles;
	PgtLockInterval *waits;		/* in the order of time */
	int			nwaits;
	int			max_waits;
	int64_t		behind_us;		/* as a head: waited for it, also in a chain */
	PgtLockInterval *held;		/* as a head: when it was waited for */
	int			nheld;
	int			max_held;
} PgtLockSession;

/* Waits that have all this in common */
typedef struct PgtLockKind
{
	PgtLockSession *waiter;
	PgtStatement *statement;
	PgtEvent   *event;
	int64_t		obj;
	char		mode[32];
	char		blocker_sqlid[16];	/* of the first blocker */
	char		blocker_state[32];
	int64_t		pids[PGT_LOCK_MAX_BLOCKERS];
	PgtLockSession *blockers[PGT_LOCK_MAX_BLOCKERS];
	int			nblockers;
	struct PgtLockKind *next;	/* with the same hash value */
} PgtLockKind;

/* A session in a chain, behind the parent */
typedef struct PgtLockNode
{
	PgtLockSession *session;
	PgtLockKind *kind;			/* how it waits; of a head, NULL */
	int64_t		us;				/* of its own waits */
	int64_t		max_us;
	uint64_t	times;
	struct PgtLockNode *children;
	struct PgtLockNode *next;	/* with the same parent */
} PgtLockNode;

typedef struct PgtLockWaits
{
	PgtCatalog *catalog;
	PgtLockSession **sessions;
	int			nsessions;
	uint64_t	waits;
	int64_t		wait_us;
	int64_t		unknown_us;		/* nobody is known to have been in the way */
	uint64_t	unknown;
} PgtLockWaits;

extern PgtLockWaits *pgt_lock_waits_create(PgtCatalog *catalog);

/* Take note of a WAIT line, if it is for a lock. */
extern void pgt_lock_waits_note(PgtLockWaits *waits, const PgtSource *source,
								const PgtEntry *entry, PgtStatement *statement,
								PgtEvent *event);

/* The session that a file is of, which is remembered for it. */
extern void pgt_lock_waits_file(PgtLockWaits *waits, const PgtSource *source);

/* The heads, as a list, the one with the most time behind it first */
extern PgtLockNode *pgt_lock_chains(PgtLockWaits *waits);

/* What of the time from begin to end a head was waited for, in µs */
extern int64_t pgt_lock_held(const PgtLockSession *session, int64_t begin,
							 int64_t end);

#endif							/* PGT_COMMANDS_LOCK_WAITS_H */
