/*
 * wait_names.h
 *		Names of wait events.
 */
#ifndef PGT_TRACE_WAIT_NAMES_H
#define PGT_TRACE_WAIT_NAMES_H

#define PGT_WAIT_NAME_LEN	128

/* A wait event as pg_stat_activity shows it */
typedef struct PgtWaitName
{
	uint32		wait_event_info;
	bool		for_client;		/* wait_event_type is Client */
	bool		is_lwlock;		/* or LWLock */
	bool		is_client_read; /* the event of that name */
	char		type[32];		/* wait_event_type, e.g. IO */
	char		name[PGT_WAIT_NAME_LEN];	/* wait_event, e.g. DataFileRead */
} PgtWaitName;

/*
 * The names of a wait event, or its number where PostgreSQL has no name for
 * it.  Valid as long as the worker lives.
 */
extern const PgtWaitName *pgt_wait_name(uint32 wait_event_info);

#endif							/* PGT_TRACE_WAIT_NAMES_H */
