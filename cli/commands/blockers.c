/*
 * blockers.c
 *		pg_trace blockers: who held up whom, over the files of several sessions.
 *
 * files -> lock_waits.c -> lock_chains.c -> [the heads' files once more: what
 * they did meanwhile] -> output
 */
#include "postgres_fe.h"

#include "common/logging.h"

#include "cli/commands.h"
#include "cli/commands/lock_waits.h"
#include "cli/filter.h"
#include "cli/model/flow.h"
#include "cli/output.h"

#define MAX_TEXT	4096
#define SHOWN_TEXT	60			/* of a statement, in a line */
#define SHOWN_DOINGS	5

static PgtCatalog *catalog;
static PgtLockWaits *waits;
static PgtSource source;

/* ----------
 * What a head did meanwhile
 * ----------
 */

/* Time while it was waited for: of one of its statements, or between them */
typedef struct Doing
{
	PgtStatement *statement;	/* NULL: it waited for its client */
	int64_t		us;
} Doing;

static PgtLockSession *head;
static Doing *doings;
static int	ndoings;

static void
add_doing(PgtStatement *statement, int64_t begin, int64_t end)
{
	int64_t		begin_us;
	int64_t		end_us;
	int			i = 0;

	if (!pgt_session_time(&source.session, begin, &begin_us) ||
		!pgt_session_time(&source.session, end, &end_us))
		return;
	begin_us = pgt_lock_held(head, begin_us, end_us);
	if (begin_us == 0)
		return;
	while (i < ndoings && doings[i].statement != statement)
		i++;
	if (i == ndoings)
	{
		doings = pg_realloc(doings, (ndoings + 1) * sizeof(Doing));
		doings[ndoings].statement = statement;
		doings[ndoings++].us = 0;
	}
	doings[i].us += begin_us;
}

static void
note_doing_call(void *arg, PgtFlowCall *call)
{
	(void) arg;
	if (call->entry->of.call.dep == 0)
		add_doing(call->statement, call->begin, call->end);
}

static void
note_doing_gap(void *arg, const PgtFlowGap *gap)
{
	(void) arg;
	for (int i = 0; i < gap->nitems; i++)
	{
		const PgtFlowItem *item = &gap->items[i];

		if (item->event != NULL && item->event->is_client)
			add_doing(NULL, item->begin, item->end);
	}
}

static int
compare_doings(const void *a, const void *b)
{
	const Doing *one = a;
	const Doing *other = b;

	return one->us > other->us ? -1 : one->us < other->us;
}

static void
read_doings(PgtLockSession *session)
{
	static const PgtFlowEvents events = {NULL, note_doing_call, note_doing_gap, NULL};
	PgtEntry	entry;

	head = session;
	ndoings = 0;
	for (int i = 0; i < session->nfiles; i++)
	{
		PgtFlow    *flow;

		/* the standard input can't be read again */
		if (strcmp(session->files[i], "-") == 0 ||
			!pgt_source_open(&source, session->files[i]))
			continue;
		flow = pgt_flow_create(catalog, &events, NULL);
		while (pgt_source_next(&source, &entry))
			pgt_flow_note(flow, &entry);
		pgt_flow_finish(flow);
		pgt_flow_free(flow);
		pgt_source_close(&source);
	}
	if (ndoings > 0)
		qsort(doings, ndoings, sizeof(Doing), compare_doings);
}

/* ----------
 * Text
 * ----------
 */

static double
seconds(int64_t us)
{
	return us / 1000000.0;
}

static void
print_statement(const PgtStatement *statement)
{
	char	   *text = pgt_one_line(statement->text, statement->text_len,
									SHOWN_TEXT);

	printf("%s%s%s", statement->sqlid, *statement->sqlid != '\0' ? " " : "",
		   text);
	pg_free(text);
}

static void
print_doings(const PgtLockNode *node)
{
	PgtLockSession *session = node->session;
	int64_t		others = 0;

	if (session->nfiles == 0)
	{
		const PgtLockKind *kind =
			node->children != NULL ? node->children->kind : NULL;

		printf("   meanwhile: not known, it has no trace");
		if (kind != NULL && *kind->blocker_state != '\0')
			printf("; last seen %s", kind->blocker_state);
		if (kind != NULL && *kind->blocker_sqlid != '\0')
			printf(" with the statement %s", kind->blocker_sqlid);
		printf("\n");
		return;
	}
	read_doings(session);
	for (int i = 0; i < ndoings; i++)
	{
		if (i >= SHOWN_DOINGS)
		{
			others += doings[i].us;
			continue;
		}
		printf("   meanwhile: %12.6f s ", seconds(doings[i].us));
		if (doings[i].statement == NULL)
			printf("waiting for its client, in a transaction");
		else
			print_statement(doings[i].statement);
		printf("\n");
	}
	if (others > 0)
		printf("   meanwhile: %12.6f s others: %d statements\n",
			   seconds(others), ndoings - SHOWN_DOINGS);
}

static void
print_node(const PgtLockNode *node, int depth)
{
	const PgtLockKind *kind = node->kind;

	printf("   %*s%12.6f s by %lld, ", 3 * depth, "", seconds(node->us),
		   (long long) node->session->pid);
	if (node->times > 0)
		printf("%llu %s, at most %.6f s: ", (unsigned long long) node->times,
			   node->times == 1 ? "time" : "times", seconds(node->max_us));
	printf("%s %s", kind->event->name, kind->mode);
	if (kind->obj >= 0)
		printf(" of %lld", (long long) kind->obj);
	printf(", in ");
	print_statement(kind->statement);
	printf("\n");
	for (const PgtLockNode *child = node->children; child != NULL;
		 child = child->next)
		print_node(child, depth + 1);
}

static void
print_text(const PgtLockNode *heads)
{
	int			number = 0;

	printf("%.6f s waited for locks, in %llu waits\n\n",
		   seconds(waits->wait_us), (unsigned long long) waits->waits);
	for (const PgtLockNode *node = heads; node != NULL; node = node->next)
	{
		printf("%d. process %lld", ++number, (long long) node->session->pid);
		if (node->session->who != NULL)
			printf(" (%s)", node->session->who);
		printf(": %.6f s behind it, %.1f %%\n",
			   seconds(node->session->behind_us),
			   100.0 * node->session->behind_us / Max(waits->wait_us, 1));
		print_doings(node);
		for (const PgtLockNode *child = node->children; child != NULL;
			 child = child->next)
			print_node(child, 0);
		printf("\n");
	}
	if (waits->unknown > 0)
		printf("others: %.6f s in %llu waits, of which it isn't known who was in the way\n",
			   seconds(waits->unknown_us), (unsigned long long) waits->unknown);
}

/* ----------
 * Tables
 * ----------
 */

static void
tabulate(PgtTable *table, const PgtLockNode *node, int64_t head_pid,
		 int64_t blocker_pid, int depth)
{
	const PgtLockKind *kind = node->kind;

	pgt_table_number(table, head_pid);
	pgt_table_number(table, depth);
	pgt_table_number(table, blocker_pid);
	pgt_table_number(table, node->session->pid);
	pgt_table_seconds(table, node->us);
	pgt_table_number(table, node->times);
	pgt_table_seconds(table, node->max_us);
	pgt_table_text(table, kind->event->name);
	pgt_table_text(table, kind->mode);
	pgt_table_number(table, kind->obj);
	pgt_table_text(table, kind->statement->sqlid);
	pgt_table_text(table, kind->statement->text);
	pgt_table_text(table, kind->blocker_sqlid);
	pgt_table_text(table, kind->blocker_state);
	for (const PgtLockNode *child = node->children; child != NULL;
		 child = child->next)
		tabulate(table, child, head_pid, node->session->pid, depth + 1);
}

static void
print_table(const PgtLockNode *heads)
{
	static const PgtColumn columns[] = {
		{"head", NULL, true}, {"depth", NULL, true}, {"blocker", NULL, true},
		{"waiter", NULL, true}, {"waited_s", NULL, true},
		{"times", NULL, true}, {"max_s", NULL, true}, {"event", NULL, false},
		{"mode", NULL, false}, {"obj", NULL, true}, {"sqlid", NULL, false},
		{"text", NULL, false}, {"blocker_sqlid", NULL, false},
		{"blocker_state", NULL, false}
	};
	PgtTable   *table = pgt_table_create("blockers", columns,
										 lengthof(columns));

	for (const PgtLockNode *node = heads; node != NULL; node = node->next)
	{
		for (const PgtLockNode *child = node->children; child != NULL;
			 child = child->next)
			tabulate(table, child, node->session->pid, node->session->pid, 1);
	}
	pgt_table_print(table);
	pgt_output_end();
}

/* ----------
 * The command
 * ----------
 */

static void
note_wait(void *arg, const PgtEntry *entry, PgtStatement *statement,
		  PgtEvent *event)
{
	(void) arg;
	if (pgt_filter_session(&source.session) &&
		pgt_filter_time(&source.session, entry->tim) &&
		pgt_filter_sql_id(statement->id))
		pgt_lock_waits_note(waits, &source, entry, statement, event);
}

static bool
read_file(const char *name)
{
	static const PgtFlowEvents events = {note_wait, NULL, NULL, NULL};
	PgtEntry	entry;
	PgtFlow    *flow;

	if (!pgt_source_open(&source, name))
		return false;
	flow = pgt_flow_create(catalog, &events, NULL);
	while (pgt_source_next(&source, &entry))
		pgt_flow_note(flow, &entry);
	pgt_flow_finish(flow);
	pgt_flow_free(flow);
	pgt_lock_waits_file(waits, &source);
	pgt_source_close(&source);
	return true;
}

static int
run(const PgtCommand *command, int argc, char **argv)
{
	static const PgtOption options[] = {
		PGT_OUTPUT_OPTION,
		{NULL}
	};
	char	  **arguments;
	int			narguments;
	PgtFiles	files;
	PgtLockNode *heads;
	int			read = 0;
	int			result = pgt_options_read(command, options, argc, argv,
										  &arguments, &narguments);

	if (result >= 0)
		return result;
	catalog = pgt_catalog_create(false, MAX_TEXT);
	waits = pgt_lock_waits_create(catalog);
	pgt_files_find(&files, arguments, narguments);
	for (int i = 0; i < files.n; i++)
		read += read_file(files.names[i]);
	heads = pgt_lock_chains(waits);
	if (read > 0 && pgt_output_format == PGT_OUTPUT_TEXT)
		print_text(heads);
	else if (read > 0)
		print_table(heads);
	pgt_files_free(&files);
	return pgt_source_exit_code(read > 0);
}

const PgtCommand pgt_command_blockers = {
	"blockers", "FILE...", "who held up whom: waits for locks, by who was at the head",
	run
};
