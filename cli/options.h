/*
 * options.h
 *		Options of commands, which are tables: what is read and what --help
 *		shows is the same.
 */
#ifndef PGT_CLI_OPTIONS_H
#define PGT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Exit codes of all commands */
#define PGT_EXIT_COMPLETE	0
#define PGT_EXIT_USAGE		1
#define PGT_EXIT_DAMAGED	2	/* there is an answer, but not of all the
								 * input */
#define PGT_EXIT_NO_ANSWER	3

typedef enum PgtOptionType
{
	PGT_OPTION_FLAG,			/* bool */
	PGT_OPTION_TEXT,			/* const char * */
	PGT_OPTION_NUMBER,			/* int64_t, not negative */
	PGT_OPTION_DURATION,		/* int64_t, us: "10ms"; without a unit, ms */
	PGT_OPTION_SET				/* set(value) is called, which returns what is
								 * wrong with it, or NULL */
} PgtOptionType;

typedef struct PgtOption
{
	const char *name;			/* without "--"; NULL ends a table */
	const char *argument;		/* what --help calls its value; NULL: none */
	const char *help;
	PgtOptionType type;
	void	   *target;			/* a variable; of SET, the function's argument */
	const char *(*set) (void *target, const char *value);
} PgtOption;

/* What a command is; each has one file, and an entry in main.c's table. */
typedef struct PgtCommand
{
	const char *name;
	const char *arguments;		/* what --help shows: "FILE..." */
	const char *summary;		/* one line */
	int			(*run) (const struct PgtCommand *command, int argc,
						char **argv);
} PgtCommand;

/* Those that all commands have: filter.h's, which main() puts here */
extern const PgtOption *pgt_options_common;

/*
 * Read a command's arguments; argv[0] is its name.  own is its table of options,
 * beside the common ones.  Returns -1, or with which exit code to
 * end: after --help, and after what is wrong was said on stderr.
 *
 * What is left, the files, becomes *rest.
 */
extern int	pgt_options_read(const PgtCommand *command, const PgtOption *own,
							 int argc, char **argv, char ***rest, int *nrest);

/* "10ms", "1.5s", "2min", "500us"; the unit is ms if there is none. */
extern bool pgt_duration_parse(const char *text, int64_t *us);

#endif							/* PGT_CLI_OPTIONS_H */
