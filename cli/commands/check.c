/*
 * check.c
 *		pg_trace check: is a trace sound?
 *
 * Says each line that doesn't follow the grammar, and what the files hold.
 */
#include "postgres_fe.h"

#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/source.h"

/* Entries of each kind, of all files */
static uint64_t counts[PGT_ENTRY_KINDS];
static uint64_t problems;

static void
check_entry(const PgtSource *source, const PgtEntry *entry)
{
	const char *wrong = pgt_entry_wrong(entry);

	counts[entry->kind]++;
	if (wrong == NULL)
		return;
	printf("%s:%llu: %s\n", source->name, (unsigned long long) entry->line,
		   wrong);
	problems++;
}

static void
show_summary(int files)
{
	const char *separator = "; ";

	printf("%d files, %llu problems", files, (unsigned long long) problems);
	for (int kind = 0; kind < PGT_ENTRY_KINDS; kind++)
	{
		if (counts[kind] == 0 || kind == PGT_ENTRY_EMPTY)
			continue;
		printf("%s%llu %s", separator, (unsigned long long) counts[kind],
			   pgt_entry_kind_name(kind));
		separator = ", ";
	}
	printf("\n");
}

static int
run(const PgtCommand *command, int argc, char **argv)
{
	static const PgtOption options[] = {{NULL}};
	char	  **arguments;
	int			narguments;
	PgtFiles	files;
	PgtSource	source;
	PgtEntry	entry;
	int			read = 0;
	int			result = pgt_options_read(command, options, argc, argv,
										  &arguments, &narguments);

	if (result >= 0)
		return result;
	pgt_files_find(&files, arguments, narguments);
	for (int i = 0; i < files.n; i++)
	{
		if (!pgt_source_open(&source, files.names[i]))
			continue;
		source.shows_problems = true;
		while (pgt_source_next(&source, &entry))
		{
			if (pgt_filter_session(&source.session))
				check_entry(&source, &entry);
		}
		pgt_source_close(&source);
		read++;
	}
	if (read > 0)
		show_summary(read);
	pgt_files_free(&files);
	return pgt_source_exit_code(read > 0);
}

const PgtCommand pgt_command_check = {
	"check", "FILE...", "is a trace sound: grammar and accounting", run
};
