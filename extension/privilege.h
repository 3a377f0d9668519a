/*
 * privilege.h
 *		Keeps CAP_BPF and CAP_PERFMON to the worker.
 */
#ifndef PGT_PRIVILEGE_H
#define PGT_PRIVILEGE_H

/* Postmaster, at load: no process but the worker keeps any capability. */
extern void pgt_privilege_install(void);

/*
 * Worker: make the two capabilities effective.  Describes in buffer, of len
 * bytes, those it has, e.g. "cap_bpf,cap_perfmon", or "none".  Returns
 * whether it has both.
 */
extern bool pgt_privilege_raise(char *buffer, size_t len);

#endif							/* PGT_PRIVILEGE_H */
