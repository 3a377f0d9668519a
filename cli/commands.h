/*
 * commands.h
 *		The commands, each in a file of its own, commands/<name>.c.
 */
#ifndef PGT_CLI_COMMANDS_H
#define PGT_CLI_COMMANDS_H

#include "cli/options.h"

extern const PgtCommand pgt_command_blockers;
extern const PgtCommand pgt_command_calls;
extern const PgtCommand pgt_command_check;
extern const PgtCommand pgt_command_convert;
extern const PgtCommand pgt_command_merge;
extern const PgtCommand pgt_command_profile;
extern const PgtCommand pgt_command_report;
extern const PgtCommand pgt_command_show;

#endif							/* PGT_CLI_COMMANDS_H */
