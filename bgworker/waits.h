/*
 * waits.h
 *		Names of wait events.
 */
#ifndef PGT_WAITS_H
#define PGT_WAITS_H

/*
 * The name of a wait event as in pg_stat_activity.wait_event, or its number
 * where PostgreSQL has no name for it.  Valid as long as the worker lives.
 */
extern const char *pgt_wait_name(uint32 wait_event_info);

#endif							/* PGT_WAITS_H */
