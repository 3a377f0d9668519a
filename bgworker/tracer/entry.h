/*
 * entry.h
 *		The worker's way to what sessions have put into shared memory.
 */
#ifndef PGT_TRACER_ENTRY_H
#define PGT_TRACER_ENTRY_H

#include "extension/session.h"

/*
 * The registry's lock, for the worker.  Who holds it may have been stopped, so
 * it isn't waited for without a bound: false means that whoever has it doesn't
 * give it back, and the caller goes on without.  The result is for
 * pgt_entry_unlock().
 */
extern bool pgt_entry_lock(LWLockMode mode);
extern void pgt_entry_unlock(bool locked);

/* Copy a slot's entry; see pgt_session_copy(). */
extern void pgt_entry_copy(PgtSession *copy, int slot);

/* Is that a process of this server, and not the worker itself? */
extern bool pgt_entry_is_process(int pid);

/* The PGPROC of that number, NULL if there is none or it isn't pid's. */
extern PGPROC *pgt_entry_proc(int proc_number, int pid);

/* Can it be part of a file's name? */
extern bool pgt_entry_is_identifier(const char *identifier);

/* Wake those that wait for the worker to do something about a slot. */
extern void pgt_entry_changed(int slot);

#endif							/* PGT_TRACER_ENTRY_H */
