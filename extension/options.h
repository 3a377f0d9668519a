/*
 * options.h
 *		What a trace that runs already includes, and who may change that.
 */
#ifndef PGT_OPTIONS_H
#define PGT_OPTIONS_H

#include "extension/emit.h"
#include "extension/session.h"

/*
 * A trace of that process is asked for again.  What the request names of the
 * options is changed, if that can be and the requester may; if not, nothing
 * is, and the result is false with error, hint and sqlstate as in
 * pgt_control_start().  What a superuser asks for is a superuser's from then
 * on.  Caller holds the lock.
 */
extern bool pgt_options_change(PgtSession *session, const PgtSession *request,
							   char *error, const char **hint, int *sqlstate);

/* In the traced process: not for use but by the function below. */
extern void pgt_options_refresh(void);

/* In the traced process: see what has been changed since. */
static inline void
pgt_options_follow(void)
{
	if (pgt_trace.session != NULL &&
		unlikely(pg_atomic_read_u32(&pgt_trace.session->options_version) !=
				 pgt_trace.options_version))
		pgt_options_refresh();
}

#endif							/* PGT_OPTIONS_H */
