/*
 * privilege.h
 *		Keeps CAP_BPF and CAP_PERFMON to the worker.
 */
#ifndef PGT_PRIVILEGE_H
#define PGT_PRIVILEGE_H

/* Postmaster, at load: keep no capability but those for the worker. */
extern void pgt_privilege_install(void);

/* In a process that has just been forked: have no capability for good. */
extern void pgt_privilege_drop(void);

/*
 * Worker: make the two capabilities effective.  Describes in buffer, of len
 * bytes, those it has, e.g. "cap_bpf,cap_perfmon", or "none".  Returns
 * whether it has both.
 */
extern bool pgt_privilege_raise(char *buffer, size_t len);

/* Worker: make CAP_SYS_ADMIN effective, if it is there, or no longer. */
extern void pgt_privilege_use_admin(bool use);

#endif							/* PGT_PRIVILEGE_H */
