/*
 * profile_print.c
 *		Prints a response-time profile.
 *
 * The first row is the answer; all rows together are 100 % of the interval, and
 * what isn't shown by itself is in a row of the others.
 */
#include "postgres_fe.h"

#include "cli/commands/profile.h"
#include "cli/output.h"

/* Of the call tree: children below this share of the whole are put together */
#define TREE_PERMILLE	10
#define TREE_DEPTH		12

/* How much of a statement's text is shown */
#define TEXT_WIDTH		160
#define TREE_TEXT_WIDTH	60

static bool
is_by_wait(const PgtProfile *profile)
{
	return profile->key->level == PGT_KEY_OF_EVENT ||
		profile->key->level == PGT_KEY_OF_WAIT;
}

static bool
is_by_statement(const PgtProfile *profile)
{
	return strcmp(profile->key->name, "statement") == 0;
}

/* ----------
 * The rows
 * ----------
 */

static void
put_durations(PgtTable *table, const PgtHistogram *durations)
{
	pgt_table_number(table, durations->count);
	if (durations->count == 0)
	{
		for (int i = 0; i < 5; i++)
			pgt_table_none(table);
		return;
	}
	pgt_table_seconds(table, durations->sum / (int64_t) durations->count);
	pgt_table_seconds(table, pgt_histogram_percentile(durations, 50));
	pgt_table_seconds(table, pgt_histogram_percentile(durations, 95));
	pgt_table_seconds(table, pgt_histogram_percentile(durations, 99));
	pgt_table_seconds(table, durations->max);
}

static void
put_row(PgtTable *table, const PgtProfile *profile, const PgtGroup *group,
		const char *name, const char *label)
{
	const int64_t *parts = group->parts;
	int64_t		total = pgt_group_total(group);

	pgt_table_text(table, name);
	pgt_table_seconds(table, total);
	pgt_table_percent(table, total, profile->interval);
	if (is_by_wait(profile))
	{
		if (group->is_think)
			pgt_table_none(table);
		else
			pgt_table_percent(table, total, profile->interval -
							  profile->think_time);
	}
	else
	{
		pgt_table_seconds(table, parts[PGT_PART_CPU]);
		pgt_table_seconds(table, parts[PGT_PART_WAIT] +
						  parts[PGT_PART_RUN_QUEUE] + parts[PGT_PART_TRACER]);
		pgt_table_seconds(table, parts[PGT_PART_CLIENT]);
		/* nothing says what of the protocol's time is CPU time */
		pgt_table_seconds(table, parts[PGT_PART_REST_WITHIN] +
						  parts[PGT_PART_REST_BETWEEN] +
						  parts[PGT_PART_PROTOCOL]);
		if (is_by_statement(profile))
			pgt_table_seconds(table, group->inclusive);
	}
	put_durations(table, &group->durations);
	pgt_table_text(table, label != NULL ? label : "");
}

static void
merge_group(PgtGroup *sum, const PgtGroup *group)
{
	for (int i = 0; i < PGT_PARTS; i++)
		sum->parts[i] += group->parts[i];
	sum->inclusive += group->inclusive;
	pgt_histogram_merge(&sum->durations, &group->durations);
}

/* The columns; returns how many there are. */
static int
make_columns(const PgtProfile *profile, PgtColumn *columns)
{
	static const PgtColumn key = {"name", NULL, false};
	static const PgtColumn shares[] = {
		{"seconds", "seconds", true}, {"percent", "%", true},
		{"response_percent", "% resp", true},
	};
	static const PgtColumn durations[] = {
		{"count", "count", true}, {"mean", "mean", true},
		{"p50", "p50", true}, {"p95", "p95", true}, {"p99", "p99", true},
		{"max", "max", true}, {"label", "", false},
	};
	static const PgtColumn parts[] = {
		{"cpu", "CPU", true}, {"waits", "waits", true},
		{"client", "client", true}, {"rest", "unaccounted", true},
		{"inclusive", "with nested", true},
	};
	int			n = 0;

	columns[n] = key;
	columns[n++].title = profile->key->title;
	for (int i = 0; i < (is_by_wait(profile) ? 3 : 2); i++)
		columns[n++] = shares[i];
	if (!is_by_wait(profile))
	{
		for (int i = 0; i < (is_by_statement(profile) ? 5 : 4); i++)
			columns[n++] = parts[i];
	}
	for (size_t i = 0; i < lengthof(durations); i++)
		columns[n++] = durations[i];
	return n;
}

static void
print_rows(PgtProfile *profile, PgtGroup **sorted, int n, int shown)
{
	static PgtColumn columns[16];
	PgtTable   *table = pgt_table_create("profile", columns,
										 make_columns(profile, columns));
	PgtGroup	others = {0};
	PgtGroup	total = {0};

	for (int i = 0; i < n; i++)
	{
		merge_group(&total, sorted[i]);
		if (i < shown)
			put_row(table, profile, sorted[i], sorted[i]->key,
					sorted[i]->label);
		else
			merge_group(&others, sorted[i]);
	}
	if (shown < n)
	{
		char	   *name = psprintf("%d others", n - shown);

		put_row(table, profile, &others, name, "--top=0 shows them");
		pg_free(name);
	}
	pgt_table_rule(table);
	/* what is counted isn't the same in all rows */
	pgt_histogram_free(&total.durations);
	total.is_think = true;
	put_row(table, profile, &total, "total", "");
	pgt_table_print(table);
	pgt_histogram_free(&others.durations);
}

/* ----------
 * The rest
 * ----------
 */

static void
print_histogram(const PgtGroup *group)
{
	static const PgtColumn columns[] = {
		{"from", "from", true}, {"below", "below", true},
		{"count", "count", true}, {"seconds", "seconds", true},
		{"percent", "%", true}, {"mean", "mean", true},
	};
	PgtTable   *table = pgt_table_create(group->key, columns,
										 lengthof(columns));
	int64_t		limit = 1;

	pgt_output_note("\n%s, by duration:\n\n", group->key);
	for (int i = 0; i < PGT_DECADES; i++, limit *= 10)
	{
		uint64_t	count = group->decade_counts[i];

		if (count == 0)
			continue;
		pgt_table_seconds(table, i == 0 ? 0 : limit / 10);
		if (i == PGT_DECADES - 1)
			pgt_table_none(table);
		else
			pgt_table_seconds(table, limit);
		pgt_table_number(table, count);
		pgt_table_seconds(table, group->decade_sums[i]);
		pgt_table_percent(table, group->decade_sums[i], group->durations.sum);
		pgt_table_seconds(table, group->decade_sums[i] / (int64_t) count);
	}
	pgt_table_print(table);
}

static int
compare_worst(const void *a, const void *b)
{
	const PgtWorst *one = a;
	const PgtWorst *other = b;

	if (one->us != other->us)
		return one->us < other->us ? 1 : -1;
	return one->line < other->line ? -1 : one->line > other->line;
}

static void
print_worst(PgtProfile *profile)
{
	static PgtColumn columns[] = {
		{"seconds", "seconds", true}, {"name", NULL, false},
		{"session", "session", false}, {"begin", "begin", false},
		{"file", "file", false}, {"line", "line", true},
	};
	PgtTable   *table;

	if (profile->worst_there == 0)
		return;
	columns[1].title = profile->key->title;
	qsort(profile->worst, profile->worst_there, sizeof(PgtWorst),
		  compare_worst);
	pgt_output_note("\nThe longest %s:\n\n",
					is_by_wait(profile) ? "waits but those for the client" :
					"executions");
	table = pgt_table_create("longest", columns, lengthof(columns));
	for (int i = 0; i < profile->worst_there; i++)
	{
		const PgtWorst *worst = &profile->worst[i];

		pgt_table_seconds(table, worst->us);
		pgt_table_text(table, worst->group->key);
		pgt_table_text(table, worst->session);
		pgt_table_text(table, worst->time);
		pgt_table_text(table, worst->file);
		pgt_table_number(table, worst->line);
	}
	pgt_table_print(table);
}

static void
print_texts(PgtGroup **sorted, int shown)
{
	static const PgtColumn columns[] = {
		{"statement", "statement", false}, {"texts", "texts", true},
		{"text", "text", false},
	};
	PgtTable   *table = pgt_table_create("statements", columns,
										 lengthof(columns));

	pgt_output_note("\n");
	for (int i = 0; i < shown; i++)
	{
		const PgtStatement *statement = sorted[i]->statement;
		char	   *text;

		if (statement == NULL)
			continue;
		text = pgt_one_line(statement->text, statement->text_len, TEXT_WIDTH);
		pgt_table_text(table, sorted[i]->key);
		pgt_table_number(table, statement->texts);
		pgt_table_text(table, text);
		pg_free(text);
	}
	pgt_table_print(table);
}

/* A statement in the call tree, and what it has called */
static void
put_tree(PgtTable *table, const PgtCallTree *tree, int64_t whole, int depth)
{
	PgtCallTree rest = {0};
	int			nrest = 0;

	for (int i = 0; i < tree->nchildren; i++)
	{
		const PgtCallTree *child = tree->children[i];
		char	   *text;
		char	   *indented;

		if (child->inclusive * 1000 < whole * TREE_PERMILLE ||
			depth >= TREE_DEPTH)
		{
			rest.calls += child->calls;
			rest.inclusive += child->inclusive;
			rest.self += child->self;
			nrest++;
			continue;
		}
		text = pgt_one_line(child->statement->text,
							child->statement->text_len, TREE_TEXT_WIDTH);
		indented = psprintf("%*s%s", 2 * depth, "", text);
		pgt_table_text(table, indented);
		pgt_table_text(table, child->statement->sqlid);
		pgt_table_number(table, child->calls);
		pgt_table_seconds(table, child->inclusive);
		pgt_table_percent(table, child->inclusive, whole);
		pgt_table_seconds(table, child->self);
		pg_free(text);
		pg_free(indented);
		put_tree(table, child, whole, depth + 1);
	}
	if (nrest > 0)
	{
		char	   *name = psprintf("%*s%d others", 2 * depth, "", nrest);

		pgt_table_text(table, name);
		pgt_table_none(table);
		pgt_table_number(table, rest.calls);
		pgt_table_seconds(table, rest.inclusive);
		pgt_table_percent(table, rest.inclusive, whole);
		pgt_table_seconds(table, rest.self);
		pg_free(name);
	}
}

static void
print_tree(PgtProfile *profile)
{
	static const PgtColumn columns[] = {
		{"text", "call tree", false}, {"statement", "statement", false},
		{"calls", "calls", true}, {"inclusive", "with nested", true},
		{"percent", "%", true}, {"self", "self", true},
	};
	PgtTable   *table = pgt_table_create("call_tree", columns,
										 lengthof(columns));
	int64_t		whole = 0;

	pgt_call_tree_sort(&profile->tree);
	for (int i = 0; i < profile->tree.nchildren; i++)
		whole += profile->tree.children[i]->inclusive;
	pgt_output_note("\nWhat was called from where (calls are PARSE, EXEC, FETCH and CLOSE):\n\n");
	put_tree(table, &profile->tree, whole, 0);
	pgt_table_print(table);
}

static void
print_head(const PgtProfile *profile)
{
	pgt_output_note("Traced interval: %.6f s of %d %s",
					profile->interval / 1e6, profile->files,
					profile->files == 1 ? "file" : "files");
	if (profile->has_times)
		pgt_output_note(", %s to %s", profile->first_time,
						profile->last_time);
	pgt_output_note("\nResponse time: %.6f s without think time, which are waits for the client of %.3f ms or longer\n\n",
					(profile->interval - profile->think_time) / 1e6,
					profile->think_us / 1e3);
}

/* What has to be known to read it */
static void
print_notes(const PgtProfile *profile)
{
	static const char *const counted[] = {
		[PGT_KEY_OF_EVENT] = "waits; of CPU, and what is unaccounted for, calls and gaps",
		[PGT_KEY_OF_WAIT] = "waits; of CPU, and what is unaccounted for, calls and gaps",
		[PGT_KEY_OF_CALL] = "executions: EXEC, FETCHes and CLOSE, with what is nested",
		[PGT_KEY_OF_SESSION] = "executions: EXEC, FETCHes and CLOSE, with what is nested",
	};

	pgt_output_note("\n%% is of the traced interval, %% resp of the response time.\n"
					"count, mean, p50, p95, p99 and max are of single %s.\n"
					"Percentiles are by nearest rank, and up to 1.6 %% too high.\n",
					counted[profile->key->level]);
	if (profile->left_out > 0)
		pgt_output_note("%d files of parallel workers are left out, whose time is beside their leader's;\n--workers counts them.\n",
						profile->left_out);
	if (profile->lost > 0)
		pgt_output_note("Something is missing in the trace: %llu lines say so.\n",
						(unsigned long long) profile->lost);
	if (profile->incomplete > 0)
		pgt_output_note("%d of the files have no end: the trace goes on, or was cut.\n",
						profile->incomplete);
	if (profile->doubts.unsure > 0)
		pgt_output_note("%llu waits or calls may belong to the call before or around.\n",
						(unsigned long long) profile->doubts.unsure);
	if (profile->doubts.overlaps > 0)
		pgt_output_note("%llu calls begin before the one above has ended: files that are no single trace?\n",
						(unsigned long long) profile->doubts.overlaps);
	if (pgt_groups_others(profile->groups) > 0)
		pgt_output_note("There are more than %d different rows: (others) are the last of them.\n",
						PGT_GROUPS_MAX);
}

bool
pgt_profile_print(PgtProfile *profile, int histograms)
{
	PgtGroup  **sorted;
	int			n = pgt_groups_sorted(profile->groups, &sorted);
	int			shown = profile->top == 0 || profile->top > n ? n : profile->top;

	print_head(profile);
	print_rows(profile, sorted, n, shown);
	print_notes(profile);
	if (is_by_statement(profile))
	{
		print_texts(sorted, shown);
		print_tree(profile);
	}
	for (int i = 0; i < n && i < histograms; i++)
	{
		if (sorted[i]->durations.count > 0)
			print_histogram(sorted[i]);
	}
	print_worst(profile);
	pgt_output_end();
	pg_free(sorted);
	return n > 0;
}
