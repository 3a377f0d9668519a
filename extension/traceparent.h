/*
 * traceparent.h
 *		The W3C trace context that an application leaves in SQL comments.
 *
 * Needs nothing of the server, so that it can be tested outside one.
 */
#ifndef PGT_TRACEPARENT_H
#define PGT_TRACEPARENT_H

#include <stdbool.h>
#include <stddef.h>

/* version-traceid-parentid-flags, and the terminating zero */
#define PGT_TRACEPARENT_LEN	56

/*
 * Find a traceparent in a statement's comments and copy it to out, which becomes
 * empty if there is none.  standard_strings is standard_conforming_strings.
 * Takes time that is linear in the text's length.
 */
extern bool pgt_traceparent_find(const char *text, size_t len,
								 bool standard_strings,
								 char out[PGT_TRACEPARENT_LEN]);

#endif							/* PGT_TRACEPARENT_H */
