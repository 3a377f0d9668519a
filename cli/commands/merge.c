/*
 * merge.c
 *		pg_trace merge: one trace from several, or a part of one, as Oracle's
 *		trcsess makes it.
 *
 * files, all open -> [the entry with the earliest time] -> filter -> stdout
 *
 * What is written is a trace: a head, times that never decrease, cursors
 * that are introduced before they are used.  Where another session goes on, its
 * context lines stand before it.
 */
#include "postgres_fe.h"

#include "common/logging.h"

#include "cli/commands.h"
#include "cli/commands/merged_cursors.h"
#include "cli/filter.h"
#include "cli/source.h"
#include "bgworker/trace/escape.h"
#include "bgworker/trace/grammar.h"

/* A file that is being read */
typedef struct Part
{
	PgtSource	source;
	PgtMergedCursors *cursors;
	PgtEntry	entry;			/* the next one */
	int64_t		time;			/* by which it is sorted: that of the last
								 * line with a time; µs */
	int			number;
	uint64_t	changes;		/* of the session when its context was written */
	bool		binds;			/* the last BINDS was written */
} Part;

static const Part *last_part;	/* whose lines were written last */
static uint64_t written;
static int64_t last_tim;

/* ----------
 * Lines
 * ----------
 */

static void
write_span(const char *begin, const char *end)
{
	fwrite(begin, 1, end - begin, stdout);
}

/*
 * Write an entry with its cursor's number in what is written, and with another
 * tim=, if it isn't negative.
 */
static void
write_renumbered(PgtSpan raw, uint64_t cursor, uint64_t number, int64_t tim)
{
	static const char *const patterns[] = {"#", "cursor=", "CURSOR "};
	char		old[64];
	int			len;
	char		field[] = " " PGT_FIELD_TIM "=";
	const char *end = raw.at + raw.len;
	const char *line_end = memchr(raw.at, '\n', raw.len);
	const char *at = raw.at;
	const char *found = NULL;

	/* a separator may stand before it */
	while (line_end != NULL && line_end + 1 < end &&
		   pgt_span_begins(pgt_span(at, end - at), PGT_LINE_SEPARATOR))
	{
		at = line_end + 1;
		line_end = memchr(at, '\n', end - at);
	}
	if (line_end == NULL)
		line_end = end;
	write_span(raw.at, at);
	for (size_t i = 0; i < lengthof(patterns) && found == NULL; i++)
	{
		len = snprintf(old, sizeof(old), "%s%llu", patterns[i],
					   (unsigned long long) cursor);
		found = memmem(at, line_end - at, old, len);
		if (found != NULL)
		{
			write_span(at, found);
			printf("%s%llu", patterns[i], (unsigned long long) number);
			at = found + len;
		}
	}
	found = tim < 0 ? NULL : memmem(at, line_end - at, field, strlen(field));
	if (found != NULL)
	{
		found += strlen(field);
		write_span(at, found);
		printf("%lld", (long long) tim);
		for (at = found; at < line_end && *at >= '0' && *at <= '9'; at++)
			;
	}
	write_span(at, end);
}

static void
write_fact(const Part *part, const char *label, PgtSessionFact fact,
		   const char *time)
{
	printf(PGT_STARS "%s:(", label);
	for (const char *p = part->source.session.facts[fact]; *p != '\0'; p++)
	{
		char		escape[PGT_ESCAPE_LEN];

		if (pgt_is_plain((unsigned char) *p, '\0'))
			putchar(*p);
		else
			write_span(escape,
					   escape + pgt_escape((unsigned char) *p, '\0', escape));
	}
	printf(") %s\n", time);
}

/* Another session goes on, or the same in another context. */
static void
write_context(Part *part, int64_t tim)
{
	char		time[PGT_TIME_LEN];

	pgt_tim_format(&part->source.session, tim, time);
	printf("\n" PGT_STARS "%s (" PGT_FIELD_TIM "=%lld)\n", time,
		   (long long) tim);
	write_fact(part, PGT_NOTE_SESSION, PGT_SESSION_ID, time);
	write_fact(part, PGT_NOTE_CLIENT, PGT_SESSION_CLIENT, time);
	write_fact(part, PGT_NOTE_SERVICE, PGT_SESSION_SERVICE, time);
	write_fact(part, PGT_NOTE_MODULE, PGT_SESSION_MODULE, time);
	write_fact(part, PGT_NOTE_ACTION, PGT_SESSION_ACTION, time);
	if (part->source.session.facts[PGT_SESSION_USER_ID][0] != '\0')
		write_fact(part, PGT_NOTE_ROLE, PGT_SESSION_USER_ID, time);
	part->changes = part->source.session.changes;
	last_part = part;
}

/* ----------
 * Entries
 * ----------
 */

/* Is it a part of what the user wants? */
static bool
is_wanted(const Part *part, const PgtMergedCursor *cursor)
{
	const PgtEntry *entry = &part->entry;
	int64_t		tim = entry->has_tim ? entry->tim : part->source.session.last_tim;

	if (entry->kind == PGT_ENTRY_BIND)
		return part->binds;
	if (!pgt_filter_session(&part->source.session) ||
		(part->source.session.has_tim &&
		 !pgt_filter_time(&part->source.session, tim)))
		return false;
	if (!pgt_filter_has_sql_id())
		return true;
	return cursor != NULL && pgt_filter_sql_id(cursor->sql_id);
}

/* Lines that are written once, or that others are written for */
static bool
is_passed_over(const PgtEntry *entry)
{
	switch (entry->kind)
	{
		case PGT_ENTRY_HEAD:
		case PGT_ENTRY_EMPTY:
		case PGT_ENTRY_ENDED:
			return true;
		default:
			return false;
	}
}

static void
write_entry(Part *part, PgtMergedCursor *cursor)
{
	const PgtEntry *entry = &part->entry;
	int64_t		tim = Max(part->source.session.last_tim, last_tim);

	/* that of the session is written before what it holds for */
	if (entry->kind == PGT_ENTRY_CONTEXT ||
		(entry->kind == PGT_ENTRY_STAMP && part != last_part))
		return;
	if (part != last_part || part->changes != part->source.session.changes)
		write_context(part, entry->has_tim ? entry->tim : tim);
	if (cursor != NULL && cursor->number == 0)
	{
		pgt_merged_cursor_open(cursor);
		write_renumbered(pgt_span(cursor->introduction, cursor->len),
						 cursor->cursor, cursor->number,
						 entry->has_tim ? entry->tim : tim);
		if (entry->kind == PGT_ENTRY_CURSOR)
			return;
	}
	if (cursor != NULL)
		write_renumbered(entry->raw, cursor->cursor, cursor->number, -1);
	else
		write_span(entry->raw.at, entry->raw.at + entry->raw.len);
	written++;
}

static void
take_entry(Part *part)
{
	const PgtEntry *entry = &part->entry;
	PgtMergedCursor *cursor = NULL;
	bool		wanted;

	/* the head of the first file: all are of one server, most often */
	if (entry->kind == PGT_ENTRY_HEAD && part->number == 0)
		write_span(entry->raw.at, entry->raw.at + entry->raw.len);
	/* half a line isn't a part of a trace; source.c says that it is there */
	if (is_passed_over(entry) || entry->torn)
		return;
	if (entry->kind == PGT_ENTRY_CURSOR)
		cursor = pgt_merged_cursors_note(part->cursors, entry);
	else if (entry->has_cursor && entry->cursor != 0)
		cursor = pgt_merged_cursors_find(part->cursors, entry->cursor);
	else if (pgt_entry_is_stars(entry) && entry->of.stars.cursor != 0)
		cursor = pgt_merged_cursors_find(part->cursors, entry->of.stars.cursor);
	wanted = is_wanted(part, cursor);
	if (entry->kind == PGT_ENTRY_BINDS)
		part->binds = wanted;
	if (!wanted)
		return;
	write_entry(part, cursor);
	if (entry->has_tim)
		last_tim = entry->tim;
	if (entry->kind == PGT_ENTRY_CLOSE && entry->of.call.type == 0 &&
		cursor != NULL)
		pgt_merged_cursor_close(cursor);
}

/* ----------
 * Files
 * ----------
 */

/* The next entry of a file; false at its end. */
static bool
advance(Part *part)
{
	int64_t		time;

	if (!pgt_source_next(&part->source, &part->entry))
		return false;
	if (part->entry.has_tim &&
		pgt_session_time(&part->source.session, part->entry.tim, &time))
		part->time = Max(part->time, time);
	return true;
}

/*
 * A heap of the files, the one with the earliest entry first.  PostgreSQL's is
 * not for programs before 17.
 */
static bool
is_earlier(const Part *part, const Part *other)
{
	if (part->time != other->time)
		return part->time < other->time;
	return part->number < other->number;
}

static void
sift_down(Part **heap, int n, int i)
{
	for (;;)
	{
		int			least = i;
		Part	   *part;

		for (int child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++)
		{
			if (is_earlier(heap[child], heap[least]))
				least = child;
		}
		if (least == i)
			return;
		part = heap[i];
		heap[i] = heap[least];
		heap[least] = part;
		i = least;
	}
}

static void
close_part(Part *part)
{
	pgt_merged_cursors_free(part->cursors);
	pgt_source_close(&part->source);
}

static void
merge(Part *parts, int n)
{
	Part	  **heap = pg_malloc(Max(n, 1) * sizeof(Part *));
	int			left = 0;

	for (int i = 0; i < n; i++)
	{
		/* heads have no time, and come first */
		bool		more = advance(&parts[i]);

		while (more && parts[i].entry.kind == PGT_ENTRY_HEAD)
		{
			take_entry(&parts[i]);
			more = advance(&parts[i]);
		}
		if (more)
			heap[left++] = &parts[i];
	}
	for (int i = left / 2; i >= 0; i--)
		sift_down(heap, left, i);
	while (left > 0)
	{
		take_entry(heap[0]);
		if (!advance(heap[0]))
			heap[0] = heap[--left];
		sift_down(heap, left, 0);
	}
	pg_free(heap);
}

static int
run(const PgtCommand *command, int argc, char **argv)
{
	static const PgtOption options[] = {{NULL}};
	char	  **arguments;
	int			narguments;
	PgtFiles	files;
	Part	   *parts;
	int			n = 0;
	int			result = pgt_options_read(command, options, argc, argv,
										  &arguments, &narguments);

	if (result >= 0)
		return result;
	pgt_files_find(&files, arguments, narguments);
	parts = pg_malloc0(Max(files.n, 1) * sizeof(Part));
	for (int i = 0; i < files.n; i++)
	{
		if (!pgt_source_open(&parts[n].source, files.names[i]))
			continue;
		parts[n].cursors = pgt_merged_cursors_create();
		parts[n].time = PG_INT64_MIN;
		parts[n].number = n;
		n++;
	}
	merge(parts, n);
	if (written > 0)
		printf(PGT_STARS PGT_NOTE_ENDED "\n");
	for (int i = 0; i < n; i++)
		close_part(&parts[i]);
	pg_free(parts);
	pgt_files_free(&files);
	return pgt_source_exit_code(written > 0);
}

const PgtCommand pgt_command_merge = {
	"merge", "FILE...", "one trace from several, or a part of one, as trcsess's",
	run
};
