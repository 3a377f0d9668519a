/*
 * redact.h
 *		Keeps passwords in SQL text out of the trace.
 */
#ifndef PGT_REDACT_H
#define PGT_REDACT_H

/*
 * text without its passwords, palloc'd, its length in *len; NULL if there is
 * nothing to redact, which is the usual case.  Never raises an error: where
 * memory is short, the result is short.
 */
extern char *pgt_redact(const char *text, Size *len);

#endif							/* PGT_REDACT_H */
