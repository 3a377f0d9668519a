/*
 * emit.h
 *		Sends this backend's records to the worker.
 *
 * None of these functions raises an error.  Where the queue is full, they wait
 * for room, unless the process might hold locks or its statement is cancelled;
 * what can't be sent is counted and shown in the file where it is missing.
 */
#ifndef PGT_EMIT_H
#define PGT_EMIT_H

#include "extension/record.h"
#include "extension/session.h"

/*
 * This process's part of its trace.  options and generation are valid while
 * session isn't NULL.
 */
typedef struct PgtTrace
{
	PgtSession *session;		/* NULL: not traced */
	uint32		generation;
	PgtOptions	options;
	uint32		options_version;	/* as in the session: options.c */
} PgtTrace;

extern PgtTrace pgt_trace;

/* Use session's queue from now on.  slot is its index. */
extern void pgt_emit_attach(PgtSession *session, int slot);

/* Stop using it. */
extern void pgt_emit_detach(void);

/* Is this process's trace the one that the worker has active? */
extern bool pgt_emit_active(void);

/*
 * Are this process's waits traced by now, if they are to be?  If not, it has
 * gone on before its probes were attached.
 */
static inline bool
pgt_emit_has_probes(void)
{
	return pgt_trace.session != NULL &&
		*(volatile PgtSessionState *) &pgt_trace.session->state !=
		PGT_SESSION_STARTING;
}

/*
 * Between these two, nothing waits for room.  To be called where an error has
 * not been cleaned up after yet; nest.
 */
extern void pgt_emit_hurry(void);
extern void pgt_emit_take_time(void);

/*
 * Begin a record of the given type, whose fixed part has fixed_len bytes,
 * followed by text.  Returns the record, in place, with its header filled and
 * its time taken; the rest of the fixed part is zero and the caller's to
 * fill.  Returns NULL if the record is lost or this process is no longer
 * traced; then there is nothing to commit.
 */
extern void *pgt_emit_begin(PgtRecordType type, Size fixed_len,
							const char *text, Size text_len,
							uint32 cursor, int depth);

/* The same for a record that counts as lost already */
extern void *pgt_emit_again(PgtRecordType type, Size fixed_len,
							const char *text, Size text_len,
							uint32 cursor, int depth);

/* Publish the record begun, and the rest of its text if that is long. */
extern void pgt_emit_commit(void);

#endif							/* PGT_EMIT_H */
