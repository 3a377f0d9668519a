/*
 * hooks.h
 *		The executor, planner and utility hooks.
 */
#ifndef PGT_HOOKS_H
#define PGT_HOOKS_H

/* Postmaster, at load: chain into the server's hooks. */
extern void pgt_hooks_install(void);

#endif							/* PGT_HOOKS_H */
