/*
 * command.h
 *		Oracle's command codes, oct= in the trace.
 */
#ifndef PGT_COMMAND_H
#define PGT_COMMAND_H

#include "nodes/nodes.h"
#include "nodes/plannodes.h"

/* The code of an optimizable statement. */
extern uint32 pgt_command_of_operation(CmdType operation);

/* The code of a utility statement, 0 if Oracle has none like it. */
extern uint32 pgt_command_of_utility(const Node *statement);

#endif							/* PGT_COMMAND_H */
