/*
 * wakeup.h
 *		What wakes the worker.
 */
#ifndef PGT_WAKEUP_H
#define PGT_WAKEUP_H

/* The id under which pgt_wakeup_ready() knows the waits for locks */
#define PGT_LOCKS_ID	PG_UINT32_MAX

/* The earlier one of two times from now, of which -1 is never. */
static inline long
pgt_earlier(long a, long b)
{
	if (a < 0 || b < 0)
		return Max(a, b);
	return Min(a, b);
}

/* Once, before all else. */
extern void pgt_wakeup_init(void);

/* Wake up when fd is readable, until it is closed. */
extern void pgt_wakeup_watch(int fd, uint32 id);

/* The same for the waits for locks, which end a nap as well. */
extern void pgt_wakeup_watch_locks(int fd);

/* The ids of what is readable now; returns their number. */
extern int	pgt_wakeup_ready(uint32 *ids, int max);

/* Sleep until something is readable, the latch is set or time is up. */
extern void pgt_wakeup_sleep(long timeout_ms);

/*
 * Sleep until time is up or the latch is set, and call on_lock_wait meanwhile
 * as often as there are waits for locks.
 */
extern void pgt_wakeup_nap(long ms, void (*on_lock_wait) (void));

#endif							/* PGT_WAKEUP_H */
