/*
 * show.c
 *		pg_trace show: a trace as people like to read it, line by line.
 *
 * Nothing is left out, and nothing is put elsewhere: it is the file in another
 * layout, with wall clock times.  With --follow, as it is written.
 */
#include "postgres_fe.h"

#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/model/flow.h"
#include "cli/source.h"

/* Nodes of a plan whose depth is kept; those of more are shown flat. */
#define MAX_NODES	1024

static PgtSource source;
static PgtCatalog *catalog;
static PgtFlow *flow;
static bool follow;

/* The plan that is being shown */
static uint64_t plan_cursor;
static bool in_plan;
static int	depths[MAX_NODES];

static void
put_span(PgtSpan span)
{
	char	   *text = pg_malloc(span.len + 1);

	fwrite(text, 1, pgt_span_unescape(span, text), stdout);
	pg_free(text);
}

/* " tim=<wall clock>", the end of a line */
static void
put_time(const PgtEntry *entry)
{
	char		time[PGT_TIME_LEN];

	pgt_tim_format(&source.session, entry->tim, time);
	printf(" tim=%s\n", time);
}

static void
show_cursor(const PgtEntry *entry)
{
	const PgtEntryCursor *cursor = &entry->of.cursor_of;

	printf("PARSE #%llu dep=%lld sqlid=%.*s", (unsigned long long) entry->cursor,
		   (long long) cursor->dep, (int) cursor->sqlid.len, cursor->sqlid.at);
	put_time(entry);
	printf("SQL: %.*s\n", (int) cursor->text.len, cursor->text.at);
	if (cursor->cut > 0)
		printf("     (the first %lld bytes of %lld)\n",
			   (long long) cursor->len, (long long) cursor->cut);
}

static void
show_bind(const PgtEntry *entry)
{
	const PgtEntryBind *bind = &entry->of.bind;

	printf("  $%lld", (long long) bind->number + 1);
	if (bind->name.len > 0 && bind->name.at[0] != '$')
	{
		printf(" ");
		put_span(bind->name);
	}
	if (bind->typ.at != NULL)
	{
		printf(" (");
		put_span(bind->typ);
		printf(")");
	}
	printf(" = ");
	switch (bind->kind)
	{
		case PGT_ENTRY_VALUE_NONE:
			printf("(not in the file)");
			break;
		case PGT_ENTRY_VALUE_QUOTED:
			printf("\"%.*s\"", (int) bind->value.len, bind->value.at);
			break;
		case PGT_ENTRY_VALUE_OMITTED:
			printf("<%.*s>", (int) bind->value.len, bind->value.at);
			break;
		default:
			printf("%.*s", (int) bind->value.len, bind->value.at);
	}
	if (bind->shown >= 0)
		printf(" (the first %lld bytes of %lld)", (long long) bind->shown,
			   (long long) bind->avl);
	printf("\n");
}

static void
show_call(const PgtEntry *entry)
{
	const PgtEntryCall *call = &entry->of.call;

	printf("%s TIME #%llu: ela=%lld us cpu=%lld us rows=%lld dep=%lld",
		   pgt_entry_kind_name(entry->kind),
		   (unsigned long long) entry->cursor, (long long) call->e,
		   (long long) call->c, (long long) call->r, (long long) call->dep);
	if (call->plh != 0)
		printf(" plan=%lld", (long long) call->plh);
	put_time(entry);
	if (entry->kind != PGT_ENTRY_CLOSE)
		printf("STATS #%llu: BUFFER STATS: cr=%lld pr=%lld dirtied=%lld\n",
			   (unsigned long long) entry->cursor, (long long) call->cr,
			   (long long) call->p, (long long) call->cu);
}

static void
show_wait(const PgtEntry *entry)
{
	const PgtEntryWait *wait = &entry->of.wait;
	const char *rest = wait->nam.at + wait->nam.len;
	const char *end = pgt_entry_first_end(entry);

	printf("WAIT #%llu: nam='", (unsigned long long) entry->cursor);
	put_span(wait->nam);
	printf("' ela=%lld us", (long long) wait->ela);
	/* all fields between ela= and tim=, but for parameters that are none */
	while (rest < end && memcmp(rest, "ela= ", Min(5, end - rest)) != 0)
		rest++;
	rest = rest + 5 < end ? memchr(rest + 5, ' ', end - (rest + 5)) : NULL;
	while (rest != NULL && ++rest < end)
	{
		const char *next = memchr(rest, ' ', end - rest);
		int			len = (next != NULL ? next : end) - rest;

		if (!(len == 4 && rest[0] == 'p' && rest[2] == '=' && rest[3] == '0') &&
			!(len > 4 && memcmp(rest, "tim=", 4) == 0) &&
			!(len == 7 && memcmp(rest, "obj#=-1", 7) == 0))
			printf(" %.*s", len, rest);
		rest = next;
	}
	put_time(entry);
}

static void
show_stat(const PgtEntry *entry)
{
	const PgtEntryStat *stat = &entry->of.stat;
	int			depth = 0;

	if (!in_plan || plan_cursor != entry->cursor || stat->id == 1)
		printf("EXECUTION PLAN #%llu:\n", (unsigned long long) entry->cursor);
	in_plan = true;
	plan_cursor = entry->cursor;
	if (stat->pid > 0 && stat->pid < MAX_NODES)
		depth = depths[stat->pid] + 1;
	if (stat->id > 0 && stat->id < MAX_NODES)
		depths[stat->id] = Min(depth, 40);
	printf("%*s-> ", 2 * Min(depth, 40) + 2, "");
	put_span(stat->op);
	printf(" [Node %lld] Rows: planned=%lld actual=%lld loops=%lld",
		   (long long) stat->id, (long long) stat->card,
		   (long long) stat->cnt, (long long) stat->str);
	if (stat->time >= 0)
		printf(" Time: %lld us", (long long) stat->time);
	printf(" Buffers: hit=%lld read=%lld written=%lld",
		   (long long) Max(stat->cr - stat->pr, 0), (long long) stat->pr,
		   (long long) stat->pw);
	if (stat->waits > 0)
		printf(" Waits: %lld in %lld us", (long long) stat->waits,
			   (long long) stat->wait);
	printf("\n");
}

static void
show_error(const PgtEntry *entry)
{
	const PgtEntryError *error = &entry->of.error;

	printf("%s #%llu: %.*s ", pgt_entry_kind_name(entry->kind),
		   (unsigned long long) entry->cursor, (int) error->sqlstate.len,
		   error->sqlstate.at);
	put_span(error->message);
	put_time(entry);
	if (error->text.at != NULL)
		printf("SQL: %.*s\n", (int) error->text.len, error->text.at);
}

static void
show_xctend(const PgtEntry *entry)
{
	printf("TRANSACTION END: %s%s",
		   entry->of.xctend.rlbk ? "rolled back" : "committed",
		   entry->of.xctend.rd_only ? ", read only" : "");
	put_time(entry);
}

static void
show_entry(const PgtEntry *entry)
{
	if (entry->kind != PGT_ENTRY_STAT)
		in_plan = false;
	/* what can't be read is shown as it is */
	switch (pgt_entry_wrong(entry) != NULL ? PGT_ENTRY_UNKNOWN : entry->kind)
	{
		case PGT_ENTRY_CURSOR:
			show_cursor(entry);
			break;
		case PGT_ENTRY_BINDS:
			printf("BINDS #%llu:\n", (unsigned long long) entry->cursor);
			break;
		case PGT_ENTRY_BIND:
			show_bind(entry);
			break;
		case PGT_ENTRY_PARSE:
		case PGT_ENTRY_EXEC:
		case PGT_ENTRY_FETCH:
		case PGT_ENTRY_CLOSE:
		case PGT_ENTRY_UNMAP:
			show_call(entry);
			break;
		case PGT_ENTRY_WAIT:
			show_wait(entry);
			break;
		case PGT_ENTRY_STAT:
			show_stat(entry);
			break;
		case PGT_ENTRY_ERROR:
		case PGT_ENTRY_PARSE_ERROR:
			show_error(entry);
			break;
		case PGT_ENTRY_XCTEND:
			show_xctend(entry);
			break;
		case PGT_ENTRY_EMPTY:
			break;
		default:
			/* as it is */
			fwrite(entry->raw.at, 1, entry->raw.len, stdout);
			if (entry->raw.at[entry->raw.len - 1] != '\n')
				printf("\n");
	}
}

/* Whose is it?  What says who the session is counts where it matches. */
static bool
counts(const PgtEntry *entry)
{
	if (!pgt_filter_session(&source.session) ||
		(entry->has_tim && !pgt_filter_time(&source.session, entry->tim)))
		return false;
	if (!pgt_filter_has_sql_id())
		return true;
	/* a bind value belongs to the cursor above, which has said so */
	if (entry->kind == PGT_ENTRY_BIND)
		return pgt_filter_sql_id(pgt_flow_statement(flow, plan_cursor)->id);
	return entry->has_cursor &&
		pgt_filter_sql_id(pgt_flow_statement(flow, entry->cursor)->id);
}

static int
run(const PgtCommand *command, int argc, char **argv)
{
	static const PgtOption options[] = {
		{"follow", NULL, "go on as the file grows", PGT_OPTION_FLAG, &follow, NULL},
		{NULL}
	};
	static const PgtFlowEvents events = {NULL, NULL, NULL, NULL};
	char	  **arguments;
	int			narguments;
	PgtFiles	files;
	PgtEntry	entry;
	uint64_t	shown = 0;
	int			result = pgt_options_read(command, options, argc, argv,
										  &arguments, &narguments);

	if (result >= 0)
		return result;
	pgt_files_find(&files, arguments, narguments);
	for (int i = 0; i < files.n; i++)
	{
		if (!pgt_source_open(&source, files.names[i]))
			continue;
		/* those after one that never ends would never come */
		source.follow = follow && i == files.n - 1;
		if (files.n > 1)
			printf("==> %s <==\n", source.name);
		catalog = pgt_catalog_create(false, 0);
		flow = pgt_flow_create(catalog, &events, NULL);
		while (pgt_source_next(&source, &entry))
		{
			pgt_flow_note(flow, &entry);
			if (entry.kind == PGT_ENTRY_BINDS)
				plan_cursor = entry.cursor;
			if (counts(&entry))
			{
				show_entry(&entry);
				shown++;
			}
		}
		pgt_flow_free(flow);
		pgt_catalog_free(catalog);
		pgt_source_close(&source);
	}
	pgt_files_free(&files);
	return pgt_source_exit_code(shown > 0);
}

const PgtCommand pgt_command_show = {
	"show", "FILE...", "a trace in a layout to read, line by line", run
};
