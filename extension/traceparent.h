/*
 * traceparent.h
 *		The W3C trace context that an application leaves in SQL comments.
 */
#ifndef PGT_TRACEPARENT_H
#define PGT_TRACEPARENT_H

/* version-traceid-parentid-flags, and the terminating zero */
#define PGT_TRACEPARENT_LEN	56

/*
 * Find a traceparent in a statement's comments and copy it to result, of
 * PGT_TRACEPARENT_LEN bytes, which becomes empty if there is none.  Takes time
 * that is linear in the text's length.
 */
extern void pgt_traceparent_find(const char *text, Size len,
								 bool standard_strings, char *result);

#endif							/* PGT_TRACEPARENT_H */
