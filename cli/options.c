/*
 * options.c
 *		Reads a command's options, and shows what they are.
 */
#include "postgres_fe.h"

#include "common/logging.h"

#include "cli/options.h"

/* Width of the first column of --help */
#define HELP_WIDTH	34

const PgtOption *pgt_options_common;

bool
pgt_duration_parse(const char *text, int64_t *us)
{
	static const struct
	{
		const char *name;
		double		us;
	}			units[] = {
		{"", 1e3}, {"ms", 1e3}, {"us", 1}, {"\xc2\xb5s", 1}, {"s", 1e6},
		{"min", 6e7}, {"m", 6e7}, {"h", 3.6e9},
	};
	char	   *end;
	double		number = strtod(text, &end);

	if (end == text || !(number >= 0 && number < 1e12))
		return false;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < lengthof(units); i++)
	{
		if (strcmp(end, units[i].name) == 0)
		{
			*us = (int64_t) (number * units[i].us + 0.5);
			return true;
		}
	}
	return false;
}

/* ----------
 * --help
 * ----------
 */

static void
show_options(const PgtOption *options)
{
	for (const PgtOption *option = options; option->name != NULL; option++)
	{
		char	   *left = psprintf("--%s%s%s", option->name,
									option->argument != NULL ? "=" : "",
									option->argument != NULL ?
									option->argument : "");

		printf("  %-*s %s\n", HELP_WIDTH - 3, left, option->help);
		pg_free(left);
	}
}

static void
show_help(const PgtCommand *command, const PgtOption *own)
{
	printf("pg_trace %s: %s\n\nUsage:\n  pg_trace %s [OPTION]... %s\n",
		   command->name, command->summary, command->name,
		   command->arguments);
	if (own->name != NULL)
		printf("\nOptions:\n");
	show_options(own);
	printf("\nWhat counts, and times:\n");
	show_options(pgt_options_common);
	printf("  %-*s %s\n", HELP_WIDTH - 3, "--help", "show this help");
	printf("\nFILE is a trace file, a directory with trace files, or - for the standard input;\n"
		   "gzip and zstd are decompressed.\n"
		   "Exit codes: 0 complete, 1 usage, 2 the input is damaged but was answered from,\n"
		   "3 no answer.\n");
}

/* ----------
 * Reading
 * ----------
 */

static const PgtOption *
find_option(const PgtOption *options, const char *name, size_t len)
{
	for (const PgtOption *option = options; option->name != NULL; option++)
	{
		if (strlen(option->name) == len &&
			strncmp(option->name, name, len) == 0)
			return option;
	}
	return NULL;
}

/* Returns what is wrong with the value, or NULL. */
static const char *
set_option(const PgtOption *option, const char *value)
{
	int64_t    *number = option->target;
	char	   *end;

	switch (option->type)
	{
		case PGT_OPTION_FLAG:
			*(bool *) option->target = true;
			break;
		case PGT_OPTION_TEXT:
			*(const char **) option->target = value;
			break;
		case PGT_OPTION_NUMBER:
			errno = 0;
			*number = strtoll(value, &end, 10);
			if (errno != 0 || end == value || *end != '\0' || *number < 0)
				return "it is no number";
			break;
		case PGT_OPTION_DURATION:
			if (!pgt_duration_parse(value, number))
				return "it is no duration, such as 10ms or 1.5s";
			break;
		case PGT_OPTION_SET:
			return option->set(option->target, value);
	}
	return NULL;
}

static int
refuse(const PgtCommand *command)
{
	pg_log_error_hint("Try \"pg_trace %s --help\" for more information.",
					  command->name);
	return PGT_EXIT_USAGE;
}

/* The option argv[*i], whose value may be argv[*i + 1] */
static int
read_option(const PgtCommand *command, const PgtOption *own, int argc,
			char **argv, int *i)
{
	const char *name = argv[*i] + 2;
	const char *value = strchr(name, '=');
	size_t		len = value != NULL ? (size_t) (value - name) : strlen(name);
	const PgtOption *option = find_option(own, name, len);
	const char *wrong;

	if (option == NULL)
		option = find_option(pgt_options_common, name, len);
	if (option == NULL)
	{
		pg_log_error("there is no option \"%s\"", argv[*i]);
		return refuse(command);
	}
	if (value != NULL)
		value++;
	else if (option->argument != NULL && *i + 1 < argc)
		value = argv[++*i];
	if ((value != NULL) != (option->argument != NULL))
	{
		pg_log_error("option --%s %s", option->name,
					 value != NULL ? "takes no value" : "needs a value");
		return refuse(command);
	}
	wrong = set_option(option, value);
	if (wrong != NULL)
	{
		pg_log_error("option --%s can't be \"%s\": %s", option->name, value,
					 wrong);
		return refuse(command);
	}
	return -1;
}

int
pgt_options_read(const PgtCommand *command, const PgtOption *own, int argc,
				 char **argv, char ***rest, int *nrest)
{
	int			n = 0;
	bool		only_files = false;

	*rest = pg_malloc(argc * sizeof(char *));
	for (int i = 1; i < argc; i++)
	{
		int			result;

		if (only_files || argv[i][0] != '-' || argv[i][1] == '\0')
		{
			(*rest)[n++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "--") == 0)
		{
			only_files = true;
			continue;
		}
		if (strcmp(argv[i], "--help") == 0)
		{
			show_help(command, own);
			return PGT_EXIT_COMPLETE;
		}
		if (argv[i][1] != '-')
		{
			pg_log_error("there is no option \"%s\"", argv[i]);
			return refuse(command);
		}
		result = read_option(command, own, argc, argv, &i);
		if (result >= 0)
			return result;
	}
	*nrest = n;
	if (n > 0)
		return -1;
	pg_log_error("no file is named");
	return refuse(command);
}
