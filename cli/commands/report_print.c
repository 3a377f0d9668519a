/*
 * report_print.c
 *		Prints what report.c has put together: as tkprof's report, or as tables.
 */
#include "postgres_fe.h"

#include "cli/commands/report.h"
#include "cli/output.h"

#define STARS \
	"********************************************************************************\n"

static const char *const call_names[PGT_REPORT_CALLS] = {
	"Parse", "Execute", "Fetch", "Close"
};

static double
seconds(int64_t us)
{
	return us / 1000000.0;
}

/* ----------
 * Text
 * ----------
 */

static void
print_row(const char *name, const PgtReportRow *row)
{
	printf("%-7s %6llu %13.6f %13.6f %10lld %10lld %10lld %11lld\n", name,
		   (unsigned long long) row->count, seconds(row->cpu),
		   seconds(row->elapsed), (long long) row->disk,
		   (long long) row->query, (long long) row->current,
		   (long long) row->rows);
}

static void
print_calls(const PgtReportRow *calls)
{
	static const char rule[] =
		"------- ------ ------------- ------------- ---------- ---------- ---------- -----------\n";
	PgtReportRow total = {0};

	printf("call     count           cpu       elapsed       disk      query    current        rows\n%s",
		   rule);
	for (int i = 0; i < PGT_REPORT_CALLS; i++)
	{
		const PgtReportRow *row = &calls[i];

		/* tkprof has no such row: it is there if there is something in it */
		if (i != PGT_REPORT_CLOSE || row->count > 0)
			print_row(call_names[i], row);
		total.count += row->count;
		total.cpu += row->cpu;
		total.elapsed += row->elapsed;
		total.disk += row->disk;
		total.query += row->query;
		total.current += row->current;
		total.rows += row->rows;
	}
	printf("%s", rule);
	print_row("total", &total);
	printf("\nMisses in library cache during parse: %llu\n",
		   (unsigned long long) calls[PGT_REPORT_PARSE].misses);
	if (calls[PGT_REPORT_EXECUTE].misses > 0)
		printf("Misses in library cache during execute: %llu\n",
			   (unsigned long long) calls[PGT_REPORT_EXECUTE].misses);
}

static int
compare_waits(const void *a, const void *b)
{
	const PgtReportWait *one = *(const PgtReportWait *const *) a;
	const PgtReportWait *other = *(const PgtReportWait *const *) b;

	if (one->total != other->total)
		return one->total > other->total ? -1 : 1;
	return strcmp(one->event->name, other->event->name);
}

/* A list's waits, the greatest total first; *n are there. */
static const PgtReportWait **
sorted_waits(const PgtReportWait *list, int *n)
{
	const PgtReportWait **sorted;

	*n = 0;
	for (const PgtReportWait *wait = list; wait != NULL; wait = wait->next)
		(*n)++;
	sorted = pg_malloc(Max(*n, 1) * sizeof(*sorted));
	*n = 0;
	for (const PgtReportWait *wait = list; wait != NULL; wait = wait->next)
		sorted[(*n)++] = wait;
	if (*n > 0)
		qsort(sorted, *n, sizeof(*sorted), compare_waits);
	return sorted;
}

static void
print_waits(const PgtReportWait *list)
{
	int			n;
	const PgtReportWait **waits = sorted_waits(list, &n);

	if (n > 0)
		printf("Elapsed times include waiting on following events:\n"
			   "  Event waited on                             Times     Max. Wait  Total Waited\n"
			   "  ----------------------------------------   Waited  ------------  ------------\n");
	for (int i = 0; i < n; i++)
		printf("  %-40s %8llu  %12.6f  %12.6f\n", waits[i]->event->name,
			   (unsigned long long) waits[i]->times, seconds(waits[i]->max),
			   seconds(waits[i]->total));
	pg_free(waits);
}

static void
print_statement(const PgtReportEntry *entry)
{
	const PgtStatement *statement = entry->statement;
	int64_t		plh = pgt_report_plan(entry->plans);

	if (statement->sqlid[0] != '\0')
	{
		printf("SQL ID: %s", statement->sqlid);
		if (plh != 0)
			printf(" Plan Hash: %lld", (long long) plh);
		if (statement->queryid != 0)
			printf(" Query ID: %lld", (long long) statement->queryid);
		printf("\n\n");
	}
	printf("%s\n", statement->text);
	if (statement->full_len > statement->text_len)
		printf("(%llu bytes of the text, %llu are shown)\n",
			   (unsigned long long) statement->full_len,
			   (unsigned long long) statement->text_len);
	if (statement->texts > 1)
		printf("(%s%d texts have this identifier: this is the first one)\n",
			   statement->texts >= PGT_STATEMENT_TEXTS ? "at least " : "",
			   statement->texts);
	printf("\n");
	/* waits outside of any statement have no calls */
	if (entry->dep >= 0)
	{
		print_calls(entry->calls);
		printf("Parsing user id: %lld", (long long) entry->uid);
		if (entry->dep > 0)
			printf("     (recursive depth: %lld)", (long long) entry->dep);
		printf("\n");
	}
	if (entry->errors > 0)
		printf("Errors: %llu, the first one %s\n",
			   (unsigned long long) entry->errors, entry->error);
	pgt_report_print_plans(entry->plans);
	print_waits(entry->waits);
	printf(STARS "\n");
}

static void
print_errors(const PgtReport *report)
{
	for (int i = 0; i < report->n; i++)
	{
		const PgtReportEntry *entry = report->entries[i];

		/* those that failed before they were executed */
		if (entry->errors == 0 || entry->dep >= 0)
			continue;
		printf("The following statement encountered an error during parse:\n\n"
			   "%s\n\nError encountered: %s\n" STARS "\n",
			   entry->statement->text, entry->error);
	}
}

static void
print_head(void)
{
	printf("\n" STARS
		   "count    = number of times the call was made\n"
		   "cpu      = cpu time in seconds\n"
		   "elapsed  = elapsed time in seconds\n"
		   "disk     = blocks read into the server's buffers, and of temporary files\n"
		   "query    = blocks got from buffers, found there or read\n"
		   "current  = blocks made dirty\n"
		   "rows     = rows returned or changed\n"
		   "What the statements called by a statement have used is in their entries.\n"
		   STARS "\n");
}

static void
print_totals(const char *title, const PgtReportTotals *totals)
{
	printf("OVERALL TOTALS FOR ALL %s STATEMENTS\n\n", title);
	print_calls(totals->calls);
	printf("\n");
	print_waits(totals->waits);
	printf("\n");
}

static void
print_left_out(const PgtReport *report)
{
	if (report->shown < report->n)
	{
		printf("others: %d statements that are not shown (--print)\n\n",
			   report->n - report->shown);
		print_calls(report->left_out.calls);
		print_waits(report->left_out.waits);
		printf(STARS "\n");
	}
	if (report->recursive > 0)
		printf("others: %d recursive statements that are not shown (--sys no), elapsed %.6f\n"
			   STARS "\n",
			   report->recursive, seconds(report->recursive_us));
}

static void
print_text(const PgtReport *report)
{
	int			recursive = report->recursive;

	print_head();
	print_errors(report);
	for (int i = 0; i < report->n; i++)
	{
		const PgtReportEntry *entry = report->entries[i];

		recursive += entry->dep > 0;
		if (i < report->shown && (entry->dep >= 0 || entry->waits != NULL))
			print_statement(entry);
	}
	print_left_out(report);
	print_totals("NON-RECURSIVE", &report->totals[0]);
	print_totals("RECURSIVE", &report->totals[1]);
	printf("%8d  user  SQL statements in trace.\n"
		   "%8d  recursive SQL statements in trace.\n"
		   "%8d  SQL statements in trace.\n" STARS,
		   report->n + report->recursive - recursive, recursive,
		   report->n + report->recursive);
	printf("Sort options: %s\n"
		   "%8d  trace files.\n"
		   "%8llu  lines in trace files.\n"
		   "%15.6f  seconds from the first to the last event of a file, added up.\n",
		   report->sort, report->files, (unsigned long long) report->lines,
		   seconds(report->interval_us));
}

/* ----------
 * Tables
 * ----------
 */

static void
tabulate_calls(const PgtReport *report)
{
	static const PgtColumn columns[] = {
		{"sqlid", NULL, false}, {"queryid", NULL, true}, {"plan_hash", NULL, true},
		{"uid", NULL, true}, {"depth", NULL, true}, {"call", NULL, false},
		{"count", NULL, true}, {"cpu_s", NULL, true}, {"elapsed_s", NULL, true},
		{"disk", NULL, true}, {"query", NULL, true}, {"current", NULL, true},
		{"rows", NULL, true}, {"misses", NULL, true}, {"text", NULL, false}
	};
	PgtTable   *table = pgt_table_create("calls", columns, lengthof(columns));

	for (int i = 0; i < report->n * PGT_REPORT_CALLS; i++)
	{
		const PgtReportEntry *entry = report->entries[i / PGT_REPORT_CALLS];
		const PgtReportRow *row = &entry->calls[i % PGT_REPORT_CALLS];

		if (row->count == 0 || i / PGT_REPORT_CALLS >= report->shown)
			continue;
		pgt_table_text(table, entry->statement->sqlid);
		pgt_table_number(table, entry->statement->queryid);
		pgt_table_number(table, pgt_report_plan(entry->plans));
		pgt_table_number(table, entry->uid);
		pgt_table_number(table, entry->dep);
		pgt_table_text(table, call_names[i % PGT_REPORT_CALLS]);
		pgt_table_number(table, row->count);
		pgt_table_seconds(table, row->cpu);
		pgt_table_seconds(table, row->elapsed);
		pgt_table_number(table, row->disk);
		pgt_table_number(table, row->query);
		pgt_table_number(table, row->current);
		pgt_table_number(table, row->rows);
		pgt_table_number(table, row->misses);
		pgt_table_text(table, entry->statement->text);
	}
	pgt_table_print(table);
}

static void
tabulate_waits(const PgtReport *report)
{
	static const PgtColumn columns[] = {
		{"sqlid", NULL, false}, {"uid", NULL, true}, {"event", NULL, false},
		{"type", NULL, false}, {"times", NULL, true}, {"max_s", NULL, true},
		{"total_s", NULL, true}
	};
	PgtTable   *table = pgt_table_create("waits", columns, lengthof(columns));

	for (int i = 0; i < report->shown; i++)
	{
		int			n;
		const PgtReportWait **waits = sorted_waits(report->entries[i]->waits,
												   &n);

		for (int j = 0; j < n; j++)
		{
			pgt_table_text(table, report->entries[i]->statement->sqlid);
			pgt_table_number(table, report->entries[i]->uid);
			pgt_table_text(table, waits[j]->event->name);
			pgt_table_text(table, waits[j]->event->type);
			pgt_table_number(table, waits[j]->times);
			pgt_table_seconds(table, waits[j]->max);
			pgt_table_seconds(table, waits[j]->total);
		}
		pg_free(waits);
	}
	pgt_table_print(table);
}

void
pgt_report_print(const PgtReport *report)
{
	if (pgt_output_format == PGT_OUTPUT_TEXT)
	{
		print_text(report);
		return;
	}
	tabulate_calls(report);
	tabulate_waits(report);
	pgt_output_end();
}
