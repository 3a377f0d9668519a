/*
 * source.c
 *		One file while a command reads it.
 */
#include "postgres_fe.h"

#include "common/logging.h"

#include "cli/options.h"
#include "cli/source.h"

/* Something is wrong with some file */
static bool any_damaged;

bool
pgt_source_open(PgtSource *source, const char *name)
{
	memset(source, 0, sizeof(*source));
	source->input = pgt_input_open(name);
	if (source->input == NULL)
	{
		any_damaged = true;
		return false;
	}
	source->name = pgt_input_name(source->input);
	pgt_input_reader(source->input, &source->reader);
	pgt_session_init(&source->session);
	return true;
}

const char *
pgt_entry_wrong(const PgtEntry *entry)
{
	if (entry->torn)
		return "the file ends in the middle of it";
	if (entry->problem != NULL)
		return entry->problem;
	if (entry->kind == PGT_ENTRY_UNKNOWN)
		return "no line of a trace";
	return NULL;
}

static void
note_problem(PgtSource *source, const PgtEntry *entry, const char *wrong)
{
	if (source->problems++ > 0)
		return;
	source->first_problem = entry->line;
	strlcpy(source->first_problem_text, wrong,
			sizeof(source->first_problem_text));
}

bool
pgt_source_next(PgtSource *source, PgtEntry *entry)
{
	const char *wrong;

	source->reader.growing = source->follow && !source->session.ended;
	while (pgt_reader_next(&source->reader, entry) != PGT_READ_ENTRY)
	{
		if (!source->reader.growing || pgt_input_problem(source->input) != NULL)
			return false;
		fflush(stdout);
		if (!pgt_input_wait(source->input))
			source->reader.growing = source->follow = false;
	}
	source->entries++;
	source->unknown_fields += entry->unknown_fields;
	wrong = pgt_entry_wrong(entry);
	if (wrong != NULL)
		note_problem(source, entry, wrong);
	pgt_session_note(&source->session, entry);
	return true;
}

void
pgt_source_close(PgtSource *source)
{
	const char *problem = pgt_input_problem(source->input);

	if (problem != NULL)
		pg_log_warning("%s: %s", source->name, problem);
	if (source->problems == 1 && !source->shows_problems)
		pg_log_warning("%s:%llu: %s", source->name,
					   (unsigned long long) source->first_problem,
					   source->first_problem_text);
	else if (source->problems > 1 && !source->shows_problems)
		pg_log_warning("%s: %llu lines are damaged or not known; the first one is line %llu: %s",
					   source->name, (unsigned long long) source->problems,
					   (unsigned long long) source->first_problem,
					   source->first_problem_text);
	if (problem != NULL || source->problems > 0)
		any_damaged = true;
	pgt_source_abandon(source);
}

void
pgt_source_abandon(PgtSource *source)
{
	pgt_reader_free(&source->reader);
	pgt_input_close(source->input);
}

void
pgt_source_note_missing(void)
{
	any_damaged = true;
}

int
pgt_source_exit_code(bool answered)
{
	if (!answered)
		return PGT_EXIT_NO_ANSWER;
	return any_damaged ? PGT_EXIT_DAMAGED : PGT_EXIT_COMPLETE;
}
