/*
 * calls.c
 *		pg_trace calls: what was called from what, in the order of time.
 *
 * A call's line is in the file when it ends, that is, below what is nested in
 * it.  Here it is above: a call of dep=0 is shown with all in it once it has
 * ended.  Calls that are shorter than --min are left out, with all in them, since
 * that is shorter still; how many they were is said.
 */
#include "postgres_fe.h"

#include "cli/commands.h"
#include "cli/commands/bind_values.h"
#include "cli/filter.h"
#include "cli/model/flow.h"
#include "cli/source.h"

/* Calls of one of dep=0 that are kept; more are summed. */
#define MAX_NODES		100000

/* Waits of a call that are shown by themselves, the longest ones */
#define MAX_WAITS		6

#define TEXT_WIDTH		200

/* Shorter gaps between calls, without waits, aren't worth a line. */
#define SHORT_GAP		1000

/* A call to be shown, or several that are summed */
typedef struct CallNode
{
	char	   *line;			/* NULL: summed */
	uint64_t	calls;
	int64_t		us;
	struct CallNode *children;
	struct CallNode *next;
} CallNode;

static PgtSource source;
static PgtBindValues *values;
static int	nodes;				/* kept now */
static CallNode *top;			/* ended, but its error may follow */
static CallNode *last;			/* the last call that has ended, and isn't */
static uint64_t last_cursor;	/* printed yet; NULL: that isn't to be shown */
static char *errors;			/* outside of calls, since the last gap was
								 * shown */
static bool follow;
static int64_t min_us;
static uint64_t shown;
static uint64_t too_short;

/* ----------
 * Lists of nodes
 * ----------
 */

static void
append(CallNode **list, CallNode *other)
{
	while (*list != NULL)
		list = &(*list)->next;
	*list = other;
}

static void *
merge(void *arg, void *data, void *other)
{
	CallNode   *list = data;

	(void) arg;
	append(&list, other);
	return list;
}

static void
print_nodes(CallNode *node, int depth)
{
	while (node != NULL)
	{
		CallNode   *next = node->next;

		if (node->line != NULL)
		{
			/* its first column, then what is indented */
			char	   *tab = strchr(node->line, '\t');

			printf("%.*s%*s%s\n", (int) (tab - node->line), node->line,
				   2 * Min(depth, 40), "", tab + 1);
			shown++;
		}
		else
			printf("%-44s%*s(%llu more calls, %.6f s)\n", "", 2 * depth, "",
				   (unsigned long long) node->calls, node->us / 1e6);
		print_nodes(node->children, depth + 1);
		if (node == last)
			last = NULL;
		pg_free(node->line);
		pg_free(node);
		nodes--;
		node = next;
	}
}

static void
flush(void)
{
	print_nodes(top, 0);
	top = NULL;
}

/* ----------
 * Calls
 * ----------
 */

typedef struct WaitSum
{
	const PgtEvent *event;
	int64_t		us;
	uint64_t	count;
} WaitSum;

static int
compare_sums(const void *a, const void *b)
{
	const WaitSum *one = a;
	const WaitSum *other = b;

	return one->us < other->us ? 1 : one->us > other->us ? -1 : 0;
}

/* ", DataFileRead 0.000156 (3)": the waits among some items, by event */
static char *
describe_waits(const PgtFlowItem *items, int nitems)
{
	WaitSum		sums[64];
	int			n = 0;
	int64_t		others_us = 0;
	uint64_t	others = 0;
	char	   *text = pg_strdup("");

	for (int i = 0; i < nitems; i++)
	{
		int			k = 0;

		if (items[i].event == NULL)
			continue;
		while (k < n && sums[k].event != items[i].event)
			k++;
		if (k == (int) lengthof(sums))
		{
			others_us += items[i].us;
			others += items[i].count;
			continue;
		}
		if (k == n)
			sums[n++] = (WaitSum)
		{
			.event = items[i].event
		};
		sums[k].us += items[i].us;
		sums[k].count += items[i].count;
	}
	qsort(sums, n, sizeof(WaitSum), compare_sums);
	for (int i = 0; i < n; i++)
	{
		char	   *longer;

		if (i >= MAX_WAITS)
		{
			others_us += sums[i].us;
			others += sums[i].count;
			continue;
		}
		longer = psprintf("%s, %s %.6f (%llu)", text, sums[i].event->name,
						  sums[i].us / 1e6, (unsigned long long) sums[i].count);
		pg_free(text);
		text = longer;
	}
	if (others > 0)
	{
		char	   *longer = psprintf("%s, other waits %.6f (%llu)", text,
									  others_us / 1e6,
									  (unsigned long long) others);

		pg_free(text);
		text = longer;
	}
	return text;
}

/* "13:43:25.696597  0.000123  0.000100 \tEXEC ..." */
static char *
describe_call(const PgtFlowCall *call)
{
	char		time[PGT_TIME_LEN];
	char	   *waits = describe_waits(call->items, call->nitems);
	char	   *text = pgt_bind_values_fill(values, call->entry,
											call->statement, TEXT_WIDTH);
	char	   *line;

	pgt_tim_format(&source.session, call->begin, time);
	line = psprintf("%-26.26s %10.6f %10.6f  \t%s #%llu rows=%lld cpu=%.6f%s: %s",
					time, call->entry->of.call.e / 1e6, call->self_e / 1e6,
					pgt_entry_kind_name(call->entry->kind),
					(unsigned long long) call->entry->cursor,
					(long long) call->entry->of.call.r,
					call->entry->of.call.c / 1e6, waits, text);
	pg_free(waits);
	pg_free(text);
	return line;
}

static CallNode *
new_node(char *line, uint64_t calls, int64_t us)
{
	CallNode   *node = pg_malloc0(sizeof(CallNode));

	node->line = line;
	node->calls = calls;
	node->us = us;
	nodes++;
	return node;
}

/* What is shown of the calls below: each of them, and how much isn't kept */
static CallNode *
take_children(const PgtFlowCall *call)
{
	CallNode   *children = NULL;
	CallNode  **end = &children;

	for (int i = 0; i < call->nitems; i++)
	{
		if (call->items[i].event == NULL && call->items[i].data != NULL)
		{
			*end = call->items[i].data;
			while (*end != NULL)
				end = &(*end)->next;
		}
	}
	return children;
}

static bool
counts(const PgtFlowCall *call)
{
	return pgt_filter_session(&source.session) &&
		pgt_filter_time(&source.session, call->end) &&
		pgt_filter_sql_id(call->statement->id);
}

static void
note_call(void *arg, PgtFlowCall *call)
{
	CallNode   *children;
	CallNode   *node;

	(void) arg;
	/* it has only given a number back */
	if (call->entry->kind == PGT_ENTRY_CLOSE && call->begin == call->end)
		return;
	last = NULL;
	children = take_children(call);
	if (call->entry->of.call.e < min_us || !counts(call))
	{
		too_short += call->entry->of.call.e < min_us;
		call->data = children;
	}
	else
	{
		node = new_node(nodes < MAX_NODES ? describe_call(call) : NULL, 1,
						call->entry->of.call.e);
		node->children = children;
		call->data = node;
		last = node;
		last_cursor = call->entry->cursor;
	}
	if (call->entry->of.call.dep <= 0)
	{
		flush();
		top = call->data;
	}
}

/* What went on between calls, if it was as long as a call would have to be */
static void
show_gap(const PgtFlowGap *gap)
{
	char		time[PGT_TIME_LEN];
	char	   *waits;

	if (gap->end - gap->begin < (gap->waits > 0 ? min_us :
								 Max(min_us, SHORT_GAP)) ||
		!pgt_filter_session(&source.session) ||
		!pgt_filter_time(&source.session, gap->end) ||
		pgt_filter_has_sql_id())
		return;
	waits = describe_waits(gap->items, gap->nitems);
	pgt_tim_format(&source.session, gap->begin, time);
	printf("%-26.26s %10.6f %10s  between calls%s\n", time,
		   (gap->end - gap->begin) / 1e6, "", waits);
	shown++;
	pg_free(waits);
}

static void
note_gap(void *arg, const PgtFlowGap *gap)
{
	(void) arg;
	flush();
	for (int i = 0; i < gap->nitems; i++)
	{
		/* calls of one that has no line */
		if (gap->items[i].event == NULL)
			print_nodes(gap->items[i].data, 1);
	}
	show_gap(gap);
	if (errors != NULL)
		printf("%s", errors);
	pg_free(errors);
	errors = NULL;
}

/* An error follows the line of the call that it ended. */
static void
note_error(const PgtEntry *entry)
{
	const PgtEntryError *error = &entry->of.error;
	char	   *text;

	if (!pgt_filter_session(&source.session) ||
		!pgt_filter_time(&source.session, entry->tim))
		return;
	text = psprintf("%s %.*s %.*s", pgt_entry_kind_name(entry->kind),
					(int) error->sqlstate.len,
					error->sqlstate.len > 0 ? error->sqlstate.at : "",
					(int) error->message.len,
					error->message.len > 0 ? error->message.at : "");
	if (last != NULL && last->line != NULL && entry->has_cursor &&
		last_cursor == entry->cursor && entry->kind == PGT_ENTRY_ERROR)
	{
		char	   *line = psprintf("%s -- %s", last->line, text);

		pg_free(last->line);
		last->line = line;
	}
	else
	{
		char		time[PGT_TIME_LEN];

		char	   *longer;

		/* what it comes after is shown when the next call has ended */
		pgt_tim_format(&source.session, entry->tim, time);
		longer = psprintf("%s%-26.26s %21s  %s\n",
						  errors != NULL ? errors : "", time, "", text);
		pg_free(errors);
		errors = longer;
		shown++;
	}
	pg_free(text);
}

static void
read_file(const char *name, bool is_last)
{
	static const PgtFlowEvents events = {NULL, note_call, note_gap, merge};
	PgtCatalog *catalog;
	PgtFlow    *flow;
	PgtEntry	entry;

	if (!pgt_source_open(&source, name))
		return;
	source.follow = follow && is_last;
	catalog = pgt_catalog_create(false, 4 * TEXT_WIDTH);
	flow = pgt_flow_create(catalog, &events, NULL);
	values = pgt_bind_values_create();
	printf("==> %s <==\n%-26s %10s %10s\n", source.name, "begin", "elapsed",
		   "self");
	while (pgt_source_next(&source, &entry))
	{
		pgt_bind_values_note(values, &entry);
		if (entry.kind == PGT_ENTRY_ERROR ||
			entry.kind == PGT_ENTRY_PARSE_ERROR)
			note_error(&entry);
		pgt_flow_note(flow, &entry);
	}
	pgt_flow_finish(flow);
	flush();
	pgt_bind_values_free(values);
	pgt_flow_free(flow);
	pgt_catalog_free(catalog);
	pgt_source_close(&source);
}

static int
run(const PgtCommand *command, int argc, char **argv)
{
	static const PgtOption options[] = {
		{"min", "DURATION", "only what has taken so long, such as 10ms", PGT_OPTION_DURATION, &min_us, NULL},
		{"follow", NULL, "go on as the file grows", PGT_OPTION_FLAG, &follow, NULL},
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
	for (int i = 0; i < files.n; i++)
		read_file(files.names[i], i == files.n - 1);
	if (too_short > 0)
		printf("%llu calls were shorter than %.3f ms\n",
			   (unsigned long long) too_short, min_us / 1e3);
	pgt_files_free(&files);
	return pgt_source_exit_code(shown > 0 || too_short > 0);
}

const PgtCommand pgt_command_calls = {
	"calls", "FILE...", "each call with what is nested in it, in the order of time", run
};
