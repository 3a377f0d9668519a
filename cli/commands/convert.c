/*
 * convert.c
 *		pg_trace convert: a trace in another form, for other tools.
 *
 * source -> filter -> convert_oracle.c, convert_records.c
 */
#include "postgres_fe.h"

#include "common/logging.h"

#include "cli/commands.h"
#include "cli/commands/convert.h"
#include "cli/filter.h"

static bool oracle;
static uint64_t written;

static bool
read_file(const char *name)
{
	PgtSource	source;
	PgtEntry	entry;

	if (!pgt_source_open(&source, name))
		return false;
	while (pgt_source_next(&source, &entry))
	{
		if (!pgt_filter_session(&source.session) ||
			(entry.has_tim && !pgt_filter_time(&source.session, entry.tim)))
			continue;
		if (oracle)
			pgt_convert_oracle(&entry);
		else
			pgt_convert_records(&entry, source.name);
		written++;
	}
	pgt_source_close(&source);
	return true;
}

static const char *
set_format(void *target, const char *value)
{
	(void) target;
	return strcmp(value, "json") == 0 ? NULL : "it is not json";
}

static int
run(const PgtCommand *command, int argc, char **argv)
{
	static const PgtOption options[] = {
		{"oracle", NULL, "Oracle's grammar and names, and no additions",
		PGT_OPTION_FLAG, &oracle, NULL},
		{"format", "json", "an object for each entry, one on a line (default)",
		PGT_OPTION_SET, NULL, set_format},
		{NULL}
	};
	char	  **arguments;
	int			narguments;
	PgtFiles	files;
	int			result = pgt_options_read(command, options, argc, argv,
										  &arguments, &narguments);

	if (result >= 0)
		return result;
	pgt_files_find(&files, arguments, narguments);
	if (oracle && files.n > 1)
	{
		pg_log_error("--oracle converts one file");
		pg_log_error_hint("\"pg_trace merge\" makes one of several.");
		pgt_files_free(&files);
		return PGT_EXIT_USAGE;
	}
	for (int i = 0; i < files.n; i++)
		(void) read_file(files.names[i]);
	pgt_files_free(&files);
	if (pgt_convert_left_out > 0)
		pg_log_info("%llu lines that Oracle's grammar hasn't are left out",
					(unsigned long long) pgt_convert_left_out);
	return pgt_source_exit_code(written > 0);
}

const PgtCommand pgt_command_convert = {
	"convert", "FILE...", "a trace in another form: Oracle's own grammar, or JSON",
	run
};
