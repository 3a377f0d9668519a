/*
 * check.c
 *		pg_trace check: is a trace sound?
 *
 * Says each line that doesn't follow the grammar or contradicts another one,
 * and what the files hold.  How times and sums must fit is in accounts.c.
 */
#include "postgres_fe.h"

#include "cli/commands.h"
#include "cli/commands/accounts.h"
#include "cli/filter.h"
#include "cli/source.h"

/* Entries of each kind, and fields that aren't known, of all files */
static uint64_t counts[PGT_ENTRY_KINDS];
static uint64_t unknown_fields;
static uint64_t entries;
static uint64_t problems;
static bool incomplete;

void
pgt_check_say(const PgtSource *source, uint64_t line, const char *format,...)
{
	va_list		args;

	printf("%s:%llu: ", source->name, (unsigned long long) line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	problems++;
}

/* ----------
 * Fields that say the same in two ways
 * ----------
 */

static void
check_cursor_fields(const PgtSource *source, const PgtEntry *entry)
{
	const PgtEntryCursor *cursor = &entry->of.cursor_of;
	uint64_t	id;

	if (cursor->sqlid.len != 13 || !pgt_span_sql_id(cursor->sqlid, &id))
		pgt_check_say(source, entry->line, "sqlid='%.*s'",
					  (int) cursor->sqlid.len, cursor->sqlid.at);
	else if ((uint32) id != (uint64_t) cursor->hv)
		pgt_check_say(source, entry->line, "hv=%lld isn't that of the sqlid",
					  (long long) cursor->hv);
	else if (cursor->queryid != 0 && (int64_t) id != cursor->queryid)
		pgt_check_say(source, entry->line,
					  "queryid=%lld isn't that of the sqlid",
					  (long long) cursor->queryid);
}

/* err= is the SQLSTATE, six bits a character */
static void
check_error_fields(const PgtSource *source, const PgtEntry *entry)
{
	const PgtEntryError *error = &entry->of.error;
	int64_t		packed = 0;

	if (error->sqlstate.len != 5)
	{
		pgt_check_say(source, entry->line, "no SQLSTATE");
		return;
	}
	for (int i = 4; i >= 0; i--)
		packed = packed << 6 | ((error->sqlstate.at[i] - '0') & 0x3F);
	if (packed != error->err)
		pgt_check_say(source, entry->line, "err=%lld isn't the SQLSTATE",
					  (long long) error->err);
}

static void
check_wait_fields(const PgtSource *source, const PgtEntry *entry)
{
	const PgtEntryWait *wait = &entry->of.wait;

	if (wait->type.at == NULL)
		pgt_check_say(source, entry->line, "no type=");
	else if (pgt_span_begins(wait->nam, "LWLock: ") !=
			 pgt_span_is(wait->type, "LWLock"))
		pgt_check_say(source, entry->line, "nam='%.*s' type=%.*s",
					  (int) wait->nam.len, wait->nam.at,
					  (int) wait->type.len, wait->type.at);
	if (wait->parameter[PGT_ENTRY_PARAMETERS - 1].name.at == NULL)
		pgt_check_say(source, entry->line, "fewer than three parameters");
	if (!entry->has_tim || wait->ela < 0)
		pgt_check_say(source, entry->line, "no tim=, or ela= is negative");
}

static void
check_entry(const PgtSource *source, const PgtEntry *entry)
{
	const char *wrong = pgt_entry_wrong(entry);

	counts[entry->kind]++;
	entries++;
	unknown_fields += entry->unknown_fields;
	if (wrong != NULL)
		pgt_check_say(source, entry->line, "%s", wrong);
	else if (entry->kind == PGT_ENTRY_LOST && !incomplete)
		pgt_check_say(source, entry->line, "%.*s",
					  (int) entry->of.stars.text.len, entry->of.stars.text.at);
	/* Oracle's have less, and numbers of their own */
	else if (source->session.format == 0)
		return;
	else if (entry->kind == PGT_ENTRY_CURSOR)
		check_cursor_fields(source, entry);
	else if (entry->kind == PGT_ENTRY_ERROR ||
			 entry->kind == PGT_ENTRY_PARSE_ERROR)
		check_error_fields(source, entry);
	else if (entry->kind == PGT_ENTRY_WAIT)
		check_wait_fields(source, entry);
}

/* ----------
 * Files
 * ----------
 */

static void
show_summary(int files)
{
	const char *separator = "; ";

	printf("%d %s, %llu %s", files, files == 1 ? "file" : "files",
		   (unsigned long long) problems, problems == 1 ? "problem" : "problems");
	for (int kind = 0; kind < PGT_ENTRY_KINDS; kind++)
	{
		if (counts[kind] == 0 || kind == PGT_ENTRY_EMPTY)
			continue;
		printf("%s%llu %s", separator, (unsigned long long) counts[kind],
			   pgt_entry_kind_name(kind));
		separator = ", ";
	}
	if (unknown_fields > 0)
		printf("; %llu fields that this version doesn't know",
			   (unsigned long long) unknown_fields);
	printf("\n");
}

static void
check_end(const PgtSource *source)
{
	/* Oracle's have none */
	if (!source->session.ended && !incomplete && source->session.format > 0)
		pgt_check_say(source, source->reader.line, "the end is missing");
}

/* Those of one session of a file, which has several if it was merged */
typedef struct SessionAccounts
{
	char		id[PGT_SESSION_FACT_LEN];
	PgtAccounts *accounts;
	struct SessionAccounts *next;
} SessionAccounts;

static PgtAccounts *
accounts_of(SessionAccounts **list, const PgtSource *source)
{
	const char *id = source->session.facts[PGT_SESSION_ID];
	SessionAccounts *found;

	/* what stands before the first session's name is of that one */
	for (found = *list; found != NULL; found = found->next)
	{
		if (*id == '\0' || *found->id == '\0' || strcmp(found->id, id) == 0)
			break;
	}
	if (found == NULL)
	{
		found = pg_malloc0(sizeof(SessionAccounts));
		found->accounts = pgt_accounts_create(source);
		found->next = *list;
		*list = found;
	}
	if (*found->id == '\0')
		strlcpy(found->id, id, sizeof(found->id));
	return found->accounts;
}

static void
finish_accounts(SessionAccounts *list)
{
	while (list != NULL)
	{
		SessionAccounts *next = list->next;

		pgt_accounts_finish(list->accounts);
		pg_free(list);
		list = next;
	}
}

static bool
check_file(const char *name)
{
	PgtSource	source;
	PgtEntry	entry;
	SessionAccounts *accounts = NULL;

	if (!pgt_source_open(&source, name))
		return false;
	source.shows_problems = true;
	while (pgt_source_next(&source, &entry))
	{
		if (pgt_filter_session(&source.session) &&
			(!entry.has_tim || pgt_filter_time(&source.session, entry.tim)))
			check_entry(&source, &entry);
		pgt_accounts_note(accounts_of(&accounts, &source), &entry);
	}
	finish_accounts(accounts);
	check_end(&source);
	pgt_source_close(&source);
	return true;
}

static int
run(const PgtCommand *command, int argc, char **argv)
{
	static const PgtOption options[] = {
		{"incomplete", NULL, "files may lack their end, or lines that were lost",
		PGT_OPTION_FLAG, &incomplete, NULL},
		{NULL}
	};
	char	  **arguments;
	int			narguments;
	PgtFiles	files;
	int			read = 0;
	int			result = pgt_options_read(command, options, argc, argv,
										  &arguments, &narguments);

	if (result >= 0)
		return result;
	pgt_files_find(&files, arguments, narguments);
	for (int i = 0; i < files.n; i++)
		read += check_file(files.names[i]);
	if (read > 0)
		show_summary(read);
	pgt_files_free(&files);
	if (entries > 0 && problems > 0)
		return PGT_EXIT_DAMAGED;
	return pgt_source_exit_code(entries > 0);
}

const PgtCommand pgt_command_check = {
	"check", "FILE...", "is a trace sound: grammar and accounting", run
};
