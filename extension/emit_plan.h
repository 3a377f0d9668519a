/*
 * emit_plan.h
 *		Sends what the nodes of a plan have done.
 */
#ifndef PGT_EMIT_PLAN_H
#define PGT_EMIT_PLAN_H

#include "executor/execdesc.h"
#include "executor/instrument.h"

#include "extension/cursor.h"

/*
 * Send a STAT record per node of an instrumented query that has been run to
 * its end.  execution is what pgt_plan_watch_begin() has returned for it,
 * wal_start the process's WAL when it began.
 */
extern void pgt_emit_plan(QueryDesc *query, const PgtCursor *cursor,
						  uint32 execution, const WalUsage *wal_start);

#endif							/* PGT_EMIT_PLAN_H */
