/*
 * analysis.h
 *		The analysis of statements.
 */
#ifndef PGT_ANALYSIS_H
#define PGT_ANALYSIS_H

/* Postmaster, at load. */
extern void pgt_analysis_install(void);

/*
 * At a hook of a statement: has the client sent it with the message that is
 * handled now, so that it was analyzed, and has it had no call yet?
 */
extern bool pgt_analysis_take(void);

#endif							/* PGT_ANALYSIS_H */
