/*
 * main.c
 *		pg_trace: from a trace file to an answer.
 *
 *		pg_trace COMMAND [OPTION]... FILE...
 *
 * files -> input.c -> parse/ -> [source.c: the session] -> model/ -> commands/
 *
 * A command is one file, and one line in the table here.
 */
#include "postgres_fe.h"

#include "common/logging.h"

#include "cli/commands.h"
#include "cli/filter.h"

/* In the order in which --help shows them */
static const PgtCommand *const commands[] = {
	&pgt_command_profile,
	&pgt_command_report,
	&pgt_command_blockers,
	&pgt_command_calls,
	&pgt_command_show,
	&pgt_command_merge,
	&pgt_command_convert,
	&pgt_command_check,
};

static void
show_help(void)
{
	printf("pg_trace tells what is in trace files of pg_trace_bgw.\n\n"
		   "Usage:\n  pg_trace COMMAND [OPTION]... FILE...\n\nCommands:\n");
	for (size_t i = 0; i < lengthof(commands); i++)
		printf("  %-12s %s\n", commands[i]->name, commands[i]->summary);
	printf("\n\"pg_trace COMMAND --help\" shows a command's options.\n");
}

int
main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	pg_logging_init(argv[0]);
	pgt_options_common = pgt_filter_options;
	if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0)
	{
		show_help();
		return PGT_EXIT_COMPLETE;
	}
	if (strcmp(name, "--version") == 0)
	{
		printf("pg_trace (pg_trace_bgw) " PGT_VERSION "\n");
		return PGT_EXIT_COMPLETE;
	}
	for (size_t i = 0; i < lengthof(commands); i++)
	{
		if (strcmp(name, commands[i]->name) == 0)
			return commands[i]->run(commands[i], argc - 1, argv + 1);
	}
	if (*name == '\0')
		pg_log_error("no command is named");
	else
		pg_log_error("there is no command \"%s\"", name);
	pg_log_error_hint("Try \"pg_trace --help\" for more information.");
	return PGT_EXIT_USAGE;
}
