/*
 * profile.c
 *		pg_trace profile: where did the time go?
 *
 * Each microsecond of the traced interval goes to one row: to that of what was
 * waited for; to CPU, the time of a call without that; to what is unaccounted
 * for within a call, its time without both; or to what is so between calls.  A
 * time has two parts: what it is (PgtPart), and whose, which is what --by says.
 *
 * entry -> flow -> [note_wait, note_call, note_gap here] -> groups -> print
 */
#include "postgres_fe.h"

#include <unistd.h>

#include "common/logging.h"

#include "cli/commands.h"
#include "cli/commands/executions.h"
#include "cli/commands/profile.h"
#include "cli/filter.h"
#include "cli/output.h"
#include "cli/source.h"

static PgtProfile profile = {.think_us = 5000, .top = 30, .nworst = 5};
static int64_t histograms = 1;
static bool exact_text;
static bool with_workers;

/* The file that is being read */
static PgtSource source;
static PgtFlow *flow;
static PgtExecutions *executions;
static char *file_name;

/* Of statements, so much text is kept */
#define TEXT_LEN	1024

/* ----------
 * Whose time
 * ----------
 */

static PgtGroup *
group_named(const char *name)
{
	return pgt_groups_find(profile.groups, name, strlen(name));
}

/* The row of a part, where there is nothing else to tell rows apart */
static PgtGroup *
group_of_part(PgtPart part, bool is_think)
{
	static const char *const names[PGT_PARTS] = {
		[PGT_PART_CPU] = "CPU",
		[PGT_PART_WAIT] = "waits without such a key",
		[PGT_PART_CLIENT] = "client: network and program",
		[PGT_PART_RUN_QUEUE] = "CPU run queue",
		[PGT_PART_TRACER] = "held up by pg_trace",
		[PGT_PART_PROTOCOL] = "protocol: messages and answers",
		[PGT_PART_REST_WITHIN] = "unaccounted for within calls",
		[PGT_PART_REST_BETWEEN] = "unaccounted for between calls",
	};

	static PgtGroup *groups[PGT_PARTS + 1];
	PgtGroup  **group = &groups[is_think ? PGT_PARTS : part];

	if (*group == NULL)
		*group = group_named(is_think ? "client: think time" : names[part]);
	(*group)->is_think = is_think;
	return *group;
}

/* The key of an entry, of the level that the profile is by; NULL: it has none */
static PgtGroup *
group_by_key(const PgtEntry *entry, const PgtStatement *statement)
{
	char		text[PGT_KEY_LEN];
	int			len = profile.key->make(profile.key, entry, statement,
										&source.session, text, sizeof(text));

	if (len < 0)
		return NULL;
	return pgt_groups_find(profile.groups, text, Min(len, PGT_KEY_LEN - 1));
}

static PgtGroup *
group_of_statement(PgtStatement *statement, const PgtEntry *entry)
{
	PgtGroup   *group = statement->figures;

	if (group == NULL)
	{
		group = group_by_key(entry, statement);
		group->statement = statement;
		statement->figures = group;
	}
	return group;
}

static PgtPart
part_of_event(const PgtEvent *event)
{
	if (event->is_client)
		return PGT_PART_CLIENT;
	if (event->is_tracer)
		return PGT_PART_TRACER;
	return event->is_cpu ? PGT_PART_RUN_QUEUE : PGT_PART_WAIT;
}

static PgtGroup *
group_of_event(PgtEvent *event, PgtPart part, bool is_think)
{
	PgtGroup   *group;

	if (part != PGT_PART_WAIT)
		return group_of_part(part, is_think);
	group = event->figures;
	if (group == NULL)
	{
		group = group_named(event->name);
		pgt_group_set_label(group, pgt_span(event->type, strlen(event->type)));
		event->figures = group;
	}
	return group;
}

/* ----------
 * The longest ones
 * ----------
 */

static void
swap(PgtWorst *a, PgtWorst *b)
{
	PgtWorst	other = *a;

	*a = *b;
	*b = other;
}

static void
sift_down(int i)
{
	for (;;)
	{
		int			child = 2 * i + 1;

		if (child + 1 < profile.worst_there &&
			profile.worst[child + 1].us < profile.worst[child].us)
			child++;
		if (child >= profile.worst_there ||
			profile.worst[i].us <= profile.worst[child].us)
			return;
		swap(&profile.worst[i], &profile.worst[child]);
		i = child;
	}
}

static void
note_worst(const PgtGroup *group, int64_t us, uint64_t line, int64_t begin)
{
	PgtWorst	worst = {.us = us, .group = group, .file = file_name, .line = line};
	char		time[PGT_TIME_LEN];
	int			i;

	if (profile.worst_there == profile.nworst &&
		(profile.nworst == 0 || us <= profile.worst[0].us))
		return;
	pgt_tim_format(&source.session, begin, time);
	strlcpy(worst.time, time, sizeof(worst.time));
	strlcpy(worst.session, source.session.facts[PGT_SESSION_ID],
			sizeof(worst.session));
	if (profile.worst_there == profile.nworst)
	{
		profile.worst[0] = worst;
		sift_down(0);
		return;
	}
	i = profile.worst_there++;
	profile.worst[i] = worst;
	for (; i > 0 && profile.worst[i].us < profile.worst[(i - 1) / 2].us;
		 i = (i - 1) / 2)
		swap(&profile.worst[i], &profile.worst[(i - 1) / 2]);
}

/* ----------
 * What the flow tells
 * ----------
 */

static bool
counts(const PgtStatement *statement, int64_t tim)
{
	return pgt_filter_session(&source.session) &&
		pgt_filter_time(&source.session, tim) &&
		pgt_filter_sql_id(statement->id);
}

static void
add(PgtGroup *group, PgtPart part, int64_t us)
{
	group->parts[part] += us;
	profile.interval += us;
}

static void
note_wait(void *arg, const PgtEntry *entry, PgtStatement *statement,
		  PgtEvent *event)
{
	PgtPart		part = part_of_event(event);
	int64_t		us = entry->of.wait.ela;
	bool		is_think = part == PGT_PART_CLIENT && us >= profile.think_us;
	PgtGroup   *group = NULL;

	(void) arg;
	if (!counts(statement, entry->tim))
		return;
	if (is_think)
		profile.think_time += us;
	switch (profile.key->level)
	{
		case PGT_KEY_OF_CALL:
			/* note_call and note_gap know whose it is */
			return;
		case PGT_KEY_OF_EVENT:
			group = group_of_event(event, part, is_think);
			break;
		case PGT_KEY_OF_WAIT:
			if (part != PGT_PART_CLIENT)
				group = group_by_key(entry, statement);
			if (group == NULL)
				group = group_of_part(part, is_think);
			break;
		case PGT_KEY_OF_SESSION:
			group = group_by_key(entry, statement);
			break;
	}
	add(group, part, us);
	if (profile.key->level == PGT_KEY_OF_SESSION)
		return;
	pgt_group_add_duration(group, us);
	if (part != PGT_PART_CLIENT)
		note_worst(group, us, entry->line, entry->tim - us);
}

/* The waits of a call, or of a gap, where the line doesn't tell whose they are */
static void
add_items(const PgtFlowItem *items, int nitems, PgtGroup *group)
{
	for (int i = 0; i < nitems; i++)
	{
		const PgtFlowItem *item = &items[i];
		PgtPart		part;
		bool		is_think;

		if (item->event == NULL)
			continue;
		part = part_of_event(item->event);
		/* of several put together, the average tells */
		is_think = part == PGT_PART_CLIENT &&
			item->us >= profile.think_us * (int64_t) item->count;
		if (group != NULL)
			add(group, part, item->us);
		else
			add(group_of_event(item->event, part, is_think), part, item->us);
	}
}

/* The row of a call's time, and the execution that it is of, if any */
static PgtGroup *
group_of_call(const PgtFlowCall *call, const PgtExecution *execution)
{
	char		text[PGT_KEY_LEN * 2];
	int			len;
	PgtGroup   *group;

	if (profile.key->make == NULL)
	{
		/* bind values */
		len = snprintf(text, sizeof(text), "%s: %s",
					   call->statement->sqlid,
					   execution == NULL ? "(no execution)" :
					   execution->binds_len == 0 ? "(no values)" :
					   execution->binds);
		return pgt_groups_find(profile.groups, text,
							   Min(len, (int) sizeof(text) - 1));
	}
	if (profile.key->field == NULL)
	{
		group = group_of_statement(call->statement, call->entry);
		group->inclusive += call->entry->of.call.e;
		return group;
	}
	group = group_by_key(call->entry, call->statement);
	return group != NULL ? group : group_named("calls without such a field");
}

static void
note_call(void *arg, PgtFlowCall *call)
{
	const PgtExecution *execution = NULL;
	int64_t		cpu = call->self_c - call->wait_cpu;
	PgtGroup   *group;

	(void) arg;
	if (executions != NULL)
		execution = pgt_executions_call(executions, call);
	/* a CLOSE without any time has only given a cursor's number back */
	if (!counts(call->statement, call->end) ||
		(call->entry->kind == PGT_ENTRY_CLOSE && call->begin == call->end))
		return;
	switch (profile.key->level)
	{
		case PGT_KEY_OF_EVENT:
		case PGT_KEY_OF_WAIT:
			group = group_of_part(PGT_PART_CPU, false);
			add(group, PGT_PART_CPU, cpu);
			pgt_group_add_duration(group, cpu);
			group = group_of_part(PGT_PART_REST_WITHIN, false);
			add(group, PGT_PART_REST_WITHIN, call->rest);
			pgt_group_add_duration(group, call->rest);
			return;
		case PGT_KEY_OF_CALL:
			group = group_of_call(call, execution);
			if (profile.key->make != NULL && profile.key->field == NULL)
				pgt_call_tree_add(&profile.tree, call);
			add_items(call->items, call->nitems, group);
			break;
		case PGT_KEY_OF_SESSION:
		default:
			group = group_by_key(call->entry, call->statement);
			break;
	}
	add(group, PGT_PART_CPU, cpu);
	add(group, PGT_PART_REST_WITHIN, call->rest);
	if (profile.key->level == PGT_KEY_OF_CALL && profile.key->field != NULL)
		pgt_group_add_duration(group, call->self_e);
}

/* An execution has ended: what counts of it is its duration. */
static void
note_execution(void *arg, const PgtExecution *execution)
{
	PgtEntry	entry;
	PgtGroup   *group;
	PgtFlowCall call;

	(void) arg;
	if (!counts(execution->statement, execution->begin))
		return;
	if (profile.key->level == PGT_KEY_OF_SESSION)
	{
		memset(&entry, 0, sizeof(entry));
		entry.tim = execution->begin;
		group = group_by_key(&entry, execution->statement);
	}
	else
	{
		memset(&call, 0, sizeof(call));
		memset(&entry, 0, sizeof(entry));
		call.entry = &entry;
		call.statement = execution->statement;
		group = group_of_call(&call, execution);
	}
	pgt_group_add_duration(group, execution->us);
	note_worst(group, execution->us, execution->line, execution->begin);
}

static void
note_gap(void *arg, const PgtFlowGap *gap)
{
	PgtGroup   *group;
	PgtEntry	entry;

	(void) arg;
	if (!pgt_filter_session(&source.session) ||
		!pgt_filter_time(&source.session, gap->end) ||
		pgt_filter_has_sql_id())
		return;
	group = group_of_part(PGT_PART_REST_BETWEEN, false);
	if (profile.key->level == PGT_KEY_OF_CALL)
		add_items(gap->items, gap->nitems, NULL);
	else if (profile.key->level == PGT_KEY_OF_SESSION)
	{
		memset(&entry, 0, sizeof(entry));
		entry.tim = gap->end;
		group = group_by_key(&entry, NULL);
	}
	add(group, PGT_PART_REST_BETWEEN, gap->rest);
	if (profile.key->level != PGT_KEY_OF_SESSION)
		pgt_group_add_duration(group, gap->rest);
	if (gap->protocol_us == 0)
		return;
	if (profile.key->level != PGT_KEY_OF_SESSION)
	{
		group = group_of_part(PGT_PART_PROTOCOL, false);
		pgt_group_add_duration(group, gap->protocol_us);
	}
	add(group, PGT_PART_PROTOCOL, gap->protocol_us);
}

/* ----------
 * Files
 * ----------
 */

/* Is it one of a parallel worker?  Its head says so. */
static bool
is_of_worker(const char *name)
{
	PgtSource	head;
	PgtEntry	entry;
	bool		is_worker;

	/* what can't be read is said when it is to be read */
	if (strcmp(name, "-") == 0 || access(name, R_OK) != 0 ||
		!pgt_source_open(&head, name))
		return false;
	head.shows_problems = true;
	while (head.session.facts[PGT_SESSION_IMAGE][0] == '\0' &&
		   pgt_source_next(&head, &entry) &&
		   (entry.kind == PGT_ENTRY_HEAD || entry.kind == PGT_ENTRY_EMPTY))
		;
	is_worker = strcmp(head.session.facts[PGT_SESSION_IMAGE],
					   "parallel worker") == 0;
	pgt_source_abandon(&head);
	return is_worker;
}

/* What the nodes and relations of a plan are called */
static void
note_stat(const PgtEntry *entry)
{
	PgtSpan		op = entry->of.stat.op;
	PgtGroup   *group;

	if (profile.key->level != PGT_KEY_OF_WAIT || entry->of.stat.op.at == NULL ||
		(strcmp(profile.key->name, "node") != 0 &&
		 strcmp(profile.key->name, "relation") != 0))
		return;
	group = group_by_key(entry, pgt_flow_statement(flow, entry->cursor));
	if (group != NULL)
		pgt_group_set_label(group, op);
}

static void
add_doubts(const PgtFlowDoubts *doubts)
{
	profile.doubts.unsure += doubts->unsure;
	profile.doubts.overlaps += doubts->overlaps;
	profile.doubts.orphans += doubts->orphans;
	profile.doubts.unknown_cursors += doubts->unknown_cursors;
}

static void
note_end(void)
{
	char		time[PGT_TIME_LEN];

	profile.files++;
	profile.lost += source.session.lost + source.session.limited;
	profile.incomplete += !source.session.ended;
	if (!source.session.has_tim || !source.session.has_clock)
		return;
	pgt_tim_format(&source.session, source.session.first_tim, time);
	if (!profile.has_times || strcmp(time, profile.first_time) < 0)
		strlcpy(profile.first_time, time, sizeof(profile.first_time));
	pgt_tim_format(&source.session, source.session.last_tim, time);
	if (!profile.has_times || strcmp(time, profile.last_time) > 0)
		strlcpy(profile.last_time, time, sizeof(profile.last_time));
	profile.has_times = true;
}

static void
read_file(const char *name)
{
	static const PgtFlowEvents events = {
		note_wait, note_call, note_gap, pgt_call_tree_merge
	};
	PgtEntry	entry;

	if (!pgt_source_open(&source, name))
		return;
	file_name = pg_strdup(source.name);
	flow = pgt_flow_create(profile.catalog, &events, NULL);
	if ((profile.key->level == PGT_KEY_OF_CALL && profile.key->field == NULL) ||
		profile.key->level == PGT_KEY_OF_SESSION)
		executions = pgt_executions_create(note_execution, NULL);
	while (pgt_source_next(&source, &entry))
	{
		if (entry.kind == PGT_ENTRY_STAT)
			note_stat(&entry);
		else if (executions != NULL)
			pgt_executions_note(executions, &entry);
		pgt_flow_note(flow, &entry);
	}
	pgt_flow_finish(flow);
	if (executions != NULL)
		pgt_executions_finish(executions);
	executions = NULL;
	add_doubts(pgt_flow_doubts(flow));
	pgt_flow_free(flow);
	note_end();
	pgt_source_close(&source);
}

static const char *
set_key(void *target, const char *value)
{
	(void) target;
	profile.key = pgt_key_find(value);
	return profile.key != NULL ? NULL : "it is no name";
}

static int
run(const PgtCommand *command, int argc, char **argv)
{
	const PgtOption options[] = {
		{"by", "KEY", pgt_key_names(), PGT_OPTION_SET, NULL, set_key},
		{"top", "N", "so many rows, 30 if not set; 0: all", PGT_OPTION_NUMBER, &profile.top, NULL},
		{"worst", "N", "the N longest waits, or executions, 5 if not set", PGT_OPTION_NUMBER, &profile.nworst, NULL},
		{"histogram", "N", "histograms of the first N rows, 1 if not set", PGT_OPTION_NUMBER, &histograms, NULL},
		{"think-time", "DURATION", "waits for the client of that length are think time, 5ms if not set", PGT_OPTION_DURATION, &profile.think_us, NULL},
		{"exact-text", NULL, "statements with other texts are others, whatever their query identifier", PGT_OPTION_FLAG, &exact_text, NULL},
		{"workers", NULL, "with the files of parallel workers, whose time is beside their leader's", PGT_OPTION_FLAG, &with_workers, NULL},
		PGT_OUTPUT_OPTION,
		{NULL}
	};
	char	  **arguments;
	int			narguments;
	PgtFiles	files;
	int			result;

	profile.key = pgt_key_find("event");
	result = pgt_options_read(command, options, argc, argv, &arguments,
							  &narguments);
	if (result >= 0)
		return result;
	profile.nworst = Min(profile.nworst, PGT_WORST_MAX);
	profile.groups = pgt_groups_create();
	profile.catalog = pgt_catalog_create(exact_text, TEXT_LEN);
	pgt_files_find(&files, arguments, narguments);
	for (int i = 0; i < files.n; i++)
	{
		if (files.n > 1 && !with_workers && is_of_worker(files.names[i]))
			profile.left_out++;
		else
			read_file(files.names[i]);
	}
	pgt_files_free(&files);
	if (profile.files == 0)
		return pgt_source_exit_code(false);
	return pgt_source_exit_code(pgt_profile_print(&profile, histograms));
}

const PgtCommand pgt_command_profile = {
	"profile", "FILE...", "where did the time go", run
};
