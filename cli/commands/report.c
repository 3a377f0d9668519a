/*
 * report.c
 *		pg_trace report: the report that Oracle's tkprof makes.
 *
 * flow -> [figures of each statement] -> sorted -> report_print.c
 *
 * As there, what a statement has used is without what the statements below it
 * have.  A wait belongs to the statement that its line names, also between
 * calls.
 */
#include "postgres_fe.h"

#include "common/logging.h"

#include "cli/commands.h"
#include "cli/commands/report.h"
#include "cli/filter.h"
#include "cli/output.h"
#include "cli/source.h"

/* Of a statement's text, what is kept and shown */
#define MAX_TEXT	(1024 * 1024)

static int64_t print = INT64_MAX;
static bool by_user = false;
static bool no_recursive = false;
static bool exact_text = false;
static const char *sort_keys = NULL;

static PgtReport report;
static PgtCatalog *catalog;
static PgtSource source;

/* ----------
 * Figures
 * ----------
 */

/* Is the entry one that the user wants? */
static bool
is_wanted(const PgtEntry *entry)
{
	return pgt_filter_session(&source.session) &&
		(!entry->has_tim || pgt_filter_time(&source.session, entry->tim));
}

static PgtReportEntry *
entry_of(PgtStatement *statement)
{
	int64_t		uid = by_user ? statement->uid : 0;
	const char *current = source.session.facts[PGT_SESSION_USER_ID];
	PgtReportEntry *found;

	if (by_user && *current != '\0')
		uid = strtoll(current, NULL, 10);
	for (found = statement->figures; found != NULL; found = found->next)
	{
		if (!by_user || found->uid == uid)
			return found;
	}
	found = pg_malloc0(sizeof(PgtReportEntry));
	found->statement = statement;
	found->uid = by_user ? uid : statement->uid;
	found->dep = -1;
	found->next = statement->figures;
	statement->figures = found;
	return found;
}

void
pgt_report_add_wait(PgtReportWait **list, PgtEvent *event, uint64_t times,
					int64_t us, int64_t max)
{
	PgtReportWait *wait;

	for (wait = *list; wait != NULL && wait->event != event; wait = wait->next)
		;
	if (wait == NULL)
	{
		wait = pg_malloc0(sizeof(PgtReportWait));
		wait->event = event;
		wait->next = *list;
		*list = wait;
	}
	wait->times += times;
	wait->total += us;
	wait->max = Max(wait->max, max);
}

static void
add_row(PgtReportRow *row, const PgtReportRow *other)
{
	row->count += other->count;
	row->cpu += other->cpu;
	row->elapsed += other->elapsed;
	row->disk += other->disk;
	row->query += other->query;
	row->current += other->current;
	row->rows += other->rows;
	row->misses += other->misses;
}

static void
note_wait(void *arg, const PgtEntry *entry, PgtStatement *statement,
		  PgtEvent *event)
{
	PgtReportEntry *found;
	int64_t		ela = entry->of.wait.ela;

	(void) arg;
	if (!is_wanted(entry) || !pgt_filter_sql_id(statement->id))
		return;
	found = entry_of(statement);
	pgt_report_add_wait(&found->waits, event, 1, ela, ela);
	pgt_report_add_wait(&report.totals[statement->dep > 0].waits, event, 1,
						ela, ela);
}

static void
note_call(void *arg, PgtFlowCall *call)
{
	static const PgtReportCall rows[] = {
		[PGT_ENTRY_PARSE] = PGT_REPORT_PARSE,
		[PGT_ENTRY_EXEC] = PGT_REPORT_EXECUTE,
		[PGT_ENTRY_FETCH] = PGT_REPORT_FETCH,
		[PGT_ENTRY_CLOSE] = PGT_REPORT_CLOSE,
		[PGT_ENTRY_UNMAP] = PGT_REPORT_CLOSE,
		[PGT_ENTRY_LOB] = PGT_REPORT_FETCH,
	};
	const PgtEntryCall *line = &call->entry->of.call;
	PgtReportCall kind = rows[call->entry->kind];
	PgtReportRow row = {1, call->self_c, call->self_e, call->self_p,
		call->self_cr, call->self_cu, line->r, line->mis != 0};
	PgtReportEntry *found;

	(void) arg;
	if (!is_wanted(call->entry) || !pgt_filter_sql_id(call->statement->id))
		return;
	found = entry_of(call->statement);
	add_row(&found->calls[kind], &row);
	if (found->dep < 0 || line->dep < found->dep)
		found->dep = line->dep;
	add_row(&report.totals[line->dep > 0].calls[kind], &row);
}

/* ----------
 * Reading
 * ----------
 */

/* The plan that a cursor has executed last: its hash, by the cursor's number */
typedef struct LastPlans
{
	uint64_t   *cursors;
	int64_t    *plh;
	int			n;
	int			max;
} LastPlans;

#define MAX_LAST_PLANS	4096

static int64_t *
last_plan(LastPlans *plans, uint64_t cursor)
{
	/* the last one that was used is most often it */
	for (int i = plans->n - 1; i >= 0; i--)
	{
		if (plans->cursors[i] == cursor)
			return &plans->plh[i];
	}
	if (plans->n == MAX_LAST_PLANS)
		plans->n = 0;
	if (plans->n == plans->max)
	{
		plans->max = Max(64, 2 * plans->max);
		plans->cursors = pg_realloc(plans->cursors,
									plans->max * sizeof(uint64_t));
		plans->plh = pg_realloc(plans->plh, plans->max * sizeof(int64_t));
	}
	plans->cursors[plans->n] = cursor;
	plans->plh[plans->n] = 0;
	return &plans->plh[plans->n++];
}

static void
note_error(const PgtEntry *entry, PgtStatement *statement)
{
	const PgtEntryError *error = &entry->of.error;
	PgtReportEntry *found = entry_of(statement);

	if (found->errors++ > 0)
		return;
	if (error->sqlstate.at == NULL)
		found->error = psprintf("%lld", (long long) error->err);
	else
		found->error = psprintf("%.*s: %.*s", (int) error->sqlstate.len,
								error->sqlstate.at, (int) error->message.len,
								error->message.at != NULL ? error->message.at : "");
}

static void
note_entry(PgtFlow *flow, LastPlans *plans, const PgtEntry *entry)
{
	PgtStatement *statement;

	if (pgt_entry_is_call(entry) && entry->of.call.plh != 0)
		*last_plan(plans, entry->cursor) = entry->of.call.plh;
	if (entry->kind != PGT_ENTRY_STAT && entry->kind != PGT_ENTRY_ERROR &&
		entry->kind != PGT_ENTRY_PARSE_ERROR)
		return;
	if (!is_wanted(entry))
		return;
	statement = entry->kind == PGT_ENTRY_PARSE_ERROR ?
		pgt_catalog_statement(catalog, entry) :
		pgt_flow_statement(flow, entry->cursor);
	if (!pgt_filter_sql_id(statement->id))
		return;
	if (entry->kind == PGT_ENTRY_STAT)
		pgt_report_add_stat(&entry_of(statement)->plans, &entry->of.stat,
							*last_plan(plans, entry->cursor));
	else
		note_error(entry, statement);
}

static bool
read_file(const char *name)
{
	static const PgtFlowEvents events = {note_wait, note_call, NULL, NULL};
	PgtEntry	entry;
	PgtFlow    *flow;
	LastPlans	plans = {0};
	int64_t		begin;
	int64_t		end;

	if (!pgt_source_open(&source, name))
		return false;
	flow = pgt_flow_create(catalog, &events, NULL);
	while (pgt_source_next(&source, &entry))
	{
		pgt_flow_note(flow, &entry);
		note_entry(flow, &plans, &entry);
	}
	pgt_flow_finish(flow);
	if (pgt_flow_interval(flow, &begin, &end))
		report.interval_us += end - begin;
	report.lines += source.reader.line - 1;
	report.files++;
	pgt_flow_free(flow);
	pg_free(plans.cursors);
	pg_free(plans.plh);
	pgt_source_close(&source);
	return true;
}

/* ----------
 * Sorting
 * ----------
 */

/* tkprof's keys: which rows, and which column of PgtReportRow */
typedef struct SortKey
{
	const char *name;
	unsigned	calls;			/* bits by PgtReportCall */
	size_t		column;
} SortKey;

#define PARSE	(1 << PGT_REPORT_PARSE)
#define EXECUTE	(1 << PGT_REPORT_EXECUTE)
#define FETCH	(1 << PGT_REPORT_FETCH)
#define ALL		(PARSE | EXECUTE | FETCH | 1 << PGT_REPORT_CLOSE)
#define COLUMN(name)	offsetof(PgtReportRow, name)

static const SortKey keys[] = {
	{"prscnt", PARSE, COLUMN(count)}, {"prscpu", PARSE, COLUMN(cpu)},
	{"prsela", PARSE, COLUMN(elapsed)}, {"prsdsk", PARSE, COLUMN(disk)},
	{"prsqry", PARSE, COLUMN(query)}, {"prscu", PARSE, COLUMN(current)},
	{"prsmis", PARSE, COLUMN(misses)},
	{"execnt", EXECUTE, COLUMN(count)}, {"execpu", EXECUTE, COLUMN(cpu)},
	{"exeela", EXECUTE, COLUMN(elapsed)}, {"exedsk", EXECUTE, COLUMN(disk)},
	{"exeqry", EXECUTE, COLUMN(query)}, {"execu", EXECUTE, COLUMN(current)},
	{"exerow", EXECUTE, COLUMN(rows)}, {"exemis", EXECUTE, COLUMN(misses)},
	{"fchcnt", FETCH, COLUMN(count)}, {"fchcpu", FETCH, COLUMN(cpu)},
	{"fchela", FETCH, COLUMN(elapsed)}, {"fchdsk", FETCH, COLUMN(disk)},
	{"fchqry", FETCH, COLUMN(query)}, {"fchcu", FETCH, COLUMN(current)},
	{"fchrow", FETCH, COLUMN(rows)},
	{"elapsed", ALL, COLUMN(elapsed)}, {"cpu", ALL, COLUMN(cpu)},
};

static const SortKey *
find_key(const char *name, size_t len)
{
	for (size_t i = 0; i < lengthof(keys); i++)
	{
		if (strlen(keys[i].name) == len &&
			pg_strncasecmp(keys[i].name, name, len) == 0)
			return &keys[i];
	}
	return NULL;
}

/* Several keys are added up, as tkprof does it. */
static int64_t
value_of(const PgtReportEntry *entry)
{
	int64_t		value = 0;

	for (const char *p = sort_keys; *p != '\0';)
	{
		size_t		len = strcspn(p, ",");
		const SortKey *key = find_key(p, len);

		if (pg_strncasecmp(p, "userid", len) == 0)
			value += entry->uid;
		for (int i = 0; key != NULL && i < PGT_REPORT_CALLS; i++)
		{
			if ((key->calls & (1U << i)) != 0)
				value += *(const int64_t *) ((const char *) &entry->calls[i] +
											 key->column);
		}
		p += len + (p[len] == ',');
	}
	return value;
}

static const char *
set_sort(void *target, const char *value)
{
	(void) target;
	for (const char *p = value; *p != '\0';)
	{
		size_t		len = strcspn(p, ",");

		if (find_key(p, len) == NULL && pg_strncasecmp(p, "userid", len) != 0)
			return "keys are elapsed, cpu, userid, and tkprof's: prs, exe, fch and cnt, cpu, ela, dsk, qry, cu, mis, row";
		p += len + (p[len] == ',');
	}
	sort_keys = value;
	return NULL;
}

static int
compare_entries(const void *a, const void *b)
{
	const PgtReportEntry *one = *(PgtReportEntry *const *) a;
	const PgtReportEntry *other = *(PgtReportEntry *const *) b;

	if (one->key != other->key)
		return one->key > other->key ? -1 : 1;
	return one->statement->number - other->statement->number;
}

static int64_t
elapsed_of(const PgtReportEntry *entry)
{
	int64_t		us = 0;

	for (int i = 0; i < PGT_REPORT_CALLS; i++)
		us += entry->calls[i].elapsed;
	return us;
}

static void
sort_entries(void)
{
	PgtStatement **statements;
	int			n = pgt_catalog_statements(catalog, &statements);

	for (int i = 0; i < n; i++)
	{
		for (PgtReportEntry *entry = statements[i]->figures; entry != NULL;
			 entry = entry->next)
		{
			if (no_recursive && entry->dep > 0)
			{
				report.recursive++;
				report.recursive_us += elapsed_of(entry);
				continue;
			}
			report.entries = pg_realloc(report.entries, (report.n + 1) *
										sizeof(PgtReportEntry *));
			entry->key = value_of(entry);
			report.entries[report.n++] = entry;
		}
	}
	if (report.n > 0)
		qsort(report.entries, report.n, sizeof(PgtReportEntry *),
			  compare_entries);
	report.shown = Min(report.n, print);
	for (int i = report.shown; i < report.n; i++)
	{
		for (int call = 0; call < PGT_REPORT_CALLS; call++)
			add_row(&report.left_out.calls[call],
					&report.entries[i]->calls[call]);
		for (PgtReportWait *wait = report.entries[i]->waits; wait != NULL;
			 wait = wait->next)
			pgt_report_add_wait(&report.left_out.waits, wait->event,
								wait->times, wait->total, wait->max);
	}
}

/* ----------
 * The command
 * ----------
 */

/* "yes" or "no", as tkprof has it */
static const char *
set_unless(void *target, const char *value)
{
	if (pg_strcasecmp(value, "no") != 0 && pg_strcasecmp(value, "yes") != 0)
		return "it is neither yes nor no";
	*(bool *) target = pg_strcasecmp(value, "no") == 0;
	return NULL;
}

static int
run(const PgtCommand *command, int argc, char **argv)
{
	static const PgtOption options[] = {
		{"sort", "KEY[,KEY]...", "tkprof's keys, whose values are added up; elapsed by default",
		PGT_OPTION_SET, NULL, set_sort},
		{"print", "N", "only the first N statements", PGT_OPTION_NUMBER, &print, NULL},
		{"sys", "yes|no", "with statements that others have called",
		PGT_OPTION_SET, &no_recursive, set_unless},
		{"aggregate", "yes|no", "one entry for all users of a statement",
		PGT_OPTION_SET, &by_user, set_unless},
		{"exact-text", NULL, "one entry for each text of a statement",
		PGT_OPTION_FLAG, &exact_text, NULL},
		PGT_OUTPUT_OPTION,
		{NULL}
	};
	char	  **arguments;
	int			narguments;
	PgtFiles	files;
	int			result;

	sort_keys = "elapsed";
	result = pgt_options_read(command, options, argc, argv, &arguments,
							  &narguments);
	if (result >= 0)
		return result;
	catalog = pgt_catalog_create(exact_text, MAX_TEXT);
	pgt_files_find(&files, arguments, narguments);
	for (int i = 0; i < files.n; i++)
		(void) read_file(files.names[i]);
	sort_entries();
	report.sort = sort_keys;
	if (report.n > 0)
		pgt_report_print(&report);
	pgt_files_free(&files);
	pgt_catalog_free(catalog);
	return pgt_source_exit_code(report.n > 0);
}

const PgtCommand pgt_command_report = {
	"report", "FILE...", "statements with their calls, waits and plans, as tkprof's",
	run
};
