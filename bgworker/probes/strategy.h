/*
 * strategy.h
 *		Which probes a traced process gets, and when it gets others.
 */
#ifndef PGT_PROBES_STRATEGY_H
#define PGT_PROBES_STRATEGY_H

#include "bgworker/probes/attach.h"
#include "bgworker/probes/kinds.h"
#include "extension/guc.h"

typedef struct PgtProbeSessions PgtProbeSessions;

/*
 * Find out which probes pg_trace.wait_probe allows and the kernel grants.
 * Returns NULL if there are none.  In error is why those that would have been
 * preferred are not used, or "".
 */
extern PgtProbeSessions *pgt_probe_sessions_open(const PgtProgram *program,
												 PgtWaitProbe setting,
												 char *error,
												 size_t error_len);

/* Detach everything.  NULL is legal. */
extern void pgt_probe_sessions_close(PgtProbeSessions *sessions);

/* What new sessions get at present, and what is known of the server. */
extern enum pgt_probe pgt_probe_sessions_default(const PgtProbeSessions *sessions);
extern void pgt_probe_sessions_sites(const PgtProbeSessions *sessions,
									 int *nsites, int *nexpensive);

/* These do what the functions in probes.h of the same name say. */
extern bool pgt_probe_sessions_attach(PgtProbeSessions *sessions, int slot,
									  uint32 generation,
									  const PgtProbedProcess *process,
									  char *error, size_t error_len);
extern void pgt_probe_sessions_settle(PgtProbeSessions *sessions, int slot,
									  const PgtProbedProcess *process);
extern void pgt_probe_sessions_detach(PgtProbeSessions *sessions, int slot);
extern void pgt_probe_sessions_libraries(PgtProbeSessions *sessions, int slot,
										 PgtLibraryCallback callback,
										 void *arg);
extern long pgt_probe_sessions_maintain(PgtProbeSessions *sessions);
extern enum pgt_probe pgt_probe_sessions_of(const PgtProbeSessions *sessions,
											int slot);
extern const char *pgt_probe_sessions_problem(const PgtProbeSessions *sessions,
											  int slot);

#endif							/* PGT_PROBES_STRATEGY_H */
