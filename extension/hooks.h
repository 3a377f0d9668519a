/*
 * hooks.h
 *		The executor, planner, utility and error hooks.
 */
#ifndef PGT_HOOKS_H
#define PGT_HOOKS_H

/* Postmaster, at load: chain into the server's hooks. */
extern void pgt_hooks_install(void);

/*
 * Make the next hook look whether tracing of this session is to be started
 * or stopped.  Can't fail; for assign hooks and for this session's own
 * requests.
 */
extern void pgt_hooks_recheck(void);

/*
 * Look now, rather than at the next hook.  Afterwards this session is traced
 * if a trace of it is active.
 */
extern void pgt_hooks_check(void);

#endif							/* PGT_HOOKS_H */
