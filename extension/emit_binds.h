/*
 * emit_binds.h
 *		Sends the bind values of an execution.
 */
#ifndef PGT_EMIT_BINDS_H
#define PGT_EMIT_BINDS_H

#include "nodes/params.h"

#include "extension/cursor.h"

/*
 * Send a BINDS record and one per parameter, if there are any.  Needs a
 * transaction.  A value that can't be had is sent with the reason instead.
 */
extern void pgt_emit_binds(ParamListInfo params, const PgtCursor *cursor);

#endif							/* PGT_EMIT_BINDS_H */
