/*
 * control.h
 *		Requests to start and to stop a trace.
 */
#ifndef PGT_CONTROL_H
#define PGT_CONTROL_H

#include "extension/session.h"

/*
 * Ask the worker to trace what description describes (everything above the
 * line in PgtSession) and wait until it does, or until it already did.
 * Returns true, with the file's name in path (MAXPGPATH bytes); or false with
 * the reason in error (PGT_ERROR_LEN bytes), its SQLSTATE, and perhaps a hint,
 * which is static or NULL.  Waits for timeout_ms at the most; can be cancelled.
 *
 * If may_go_on is set and description is this process, it is traced even if
 * the worker hasn't answered by then, or if the wait is cancelled: its records
 * are kept, and the result is true, with an empty path.
 */
extern bool pgt_control_start(const PgtSession *description, int timeout_ms,
							  bool may_go_on, char *path, char *error,
							  const char **hint, int *sqlstate);

/*
 * Ask the worker to end the trace of a process, and wait until its file is
 * complete.  requester is the role that asks, InvalidOid for a superuser.
 * Returns as above; it is an error if the process isn't traced.
 */
extern bool pgt_control_stop(int pid, Oid requester, int timeout_ms,
							 char *path, char *error, const char **hint,
							 int *sqlstate);

#endif							/* PGT_CONTROL_H */
