/*
 * session.h
 *		The traced session that a file is of: what its head and its "*** " lines
 *		say, up to the place that has been read.
 *
 * No memory but this structure.  Works in programs and in a server's process.
 */
#ifndef PGT_MODEL_SESSION_H
#define PGT_MODEL_SESSION_H

#include "cli/parse/entry.h"

/* What can be said of a session; longer values are cut. */
typedef enum PgtSessionFact
{
	PGT_SESSION_ID,				/* 24771.1795614205 */
	PGT_SESSION_CLIENT,
	PGT_SESSION_SERVICE,
	PGT_SESSION_MODULE,
	PGT_SESSION_ACTION,
	PGT_SESSION_USER,			/* name, of the head */
	PGT_SESSION_USER_ID,		/* OID of the current user, if it has changed */
	PGT_SESSION_DATABASE,
	PGT_SESSION_INSTANCE,
	PGT_SESSION_HOST,
	PGT_SESSION_SERVER,			/* version of the server and the extension */
	PGT_SESSION_IMAGE,			/* client backend */
	PGT_SESSION_FACTS
} PgtSessionFact;

#define PGT_SESSION_FACT_LEN	256

typedef struct PgtSession
{
	char		facts[PGT_SESSION_FACTS][PGT_SESSION_FACT_LEN];
	int64_t		pid;
	bool		is_oracle;		/* by the head */
	int64_t		format;			/* 0: it doesn't say */
	int64_t		leader;			/* of a parallel worker: its leader, else 0 */

	/* Increases whenever a fact has changed */
	uint64_t	changes;

	/* The clock: the last line that ties tim to it */
	bool		has_clock;
	int64_t		clock_us;		/* us since 1970, UTC */
	int64_t		clock_tim;
	int			offset_s;		/* the file's zone */
	bool		clock_lacks_tim;	/* Oracle's: that of the next line */
	int64_t		first_clock_us;

	/* What there is of it */
	bool		has_tim;
	int64_t		first_tim;
	int64_t		last_tim;		/* the greatest one */
	bool		ended;			/* its last line was there */
	bool		limited;		/* the file has reached its greatest size */
	uint64_t	lost;			/* lines that say that something is missing */
} PgtSession;

extern void pgt_session_init(PgtSession *session);

/* Take note of the next entry of the file, of any kind. */
extern void pgt_session_note(PgtSession *session, const PgtEntry *entry);

/* The wall clock's time of a tim=; false if it isn't known. */
static inline bool
pgt_session_time(const PgtSession *session, int64_t tim, int64_t *time_us)
{
	if (!session->has_clock)
		return false;
	*time_us = session->clock_us + (tim - session->clock_tim);
	return true;
}

#endif							/* PGT_MODEL_SESSION_H */
