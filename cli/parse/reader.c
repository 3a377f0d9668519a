/*
 * reader.c
 *		Cuts a trace file into entries.
 *
 * bytes -> [the buffer here] -> one entry's lines -> parse.c, which reads them
 *
 * What is in the buffer is looked at in place.  SQL text is taken by its len=,
 * so it can't pretend to be lines of the trace.  Where that can't be right, for
 * the file is damaged, the text ends where its end seems to be.
 */
#include "cli/parse/parse.h"
#include "cli/parse/reader.h"
#include "bgworker/trace/grammar.h"

#define FIRST_SIZE		((size_t) 256 * 1024)

/* Lines of a Bind#, of which Oracle has up to five */
#define BIND_LINES		8

/* How far behind the place where it should be an end of a text is looked for */
#define SEARCHED		((size_t) 4096)

typedef enum Found
{
	FOUND,
	FOUND_TORN,					/* the file ends before the line's end */
	FOUND_LONG,					/* no more fits into the buffer */
	FOUND_NONE,
	FOUND_FAILED
} Found;

void
pgt_reader_init(PgtReader *reader, PgtReadBytes read, PgtResize resize,
				void *arg, size_t max_size)
{
	memset(reader, 0, sizeof(*reader));
	reader->read = read;
	reader->resize = resize;
	reader->arg = arg;
	reader->max_size = max_size;
	reader->line = 1;
}

void
pgt_reader_free(PgtReader *reader)
{
	if (reader->buffer != NULL)
		reader->resize(reader->arg, reader->buffer, 0);
	reader->buffer = NULL;
}

/* Make room at the buffer's end. */
static Found
make_room(PgtReader *reader)
{
	size_t		size;
	char	   *buffer;

	if (reader->begin > 0 && reader->size - reader->end < reader->size / 4)
	{
		memmove(reader->buffer, reader->buffer + reader->begin,
				reader->end - reader->begin);
		reader->end -= reader->begin;
		reader->begin = 0;
	}
	if (reader->end < reader->size)
		return FOUND;
	if (reader->size >= reader->max_size)
		return FOUND_LONG;
	size = reader->size > 0 ? 2 * reader->size : FIRST_SIZE;
	if (size > reader->max_size)
		size = reader->max_size;
	buffer = reader->resize(reader->arg, reader->buffer, size);
	if (buffer == NULL)
		return FOUND_FAILED;
	reader->buffer = buffer;
	reader->size = size;
	return FOUND;
}

/* Read more; FOUND_NONE: there is no more (yet). */
static Found
fill(PgtReader *reader)
{
	Found		room;
	ssize_t		n;

	if (reader->at_end && !reader->growing)
		return FOUND_NONE;
	if (reader->begin == reader->end)
		reader->begin = reader->end = 0;
	room = make_room(reader);
	if (room != FOUND)
		return room;
	n = reader->read(reader->arg, reader->buffer + reader->end,
					 reader->size - reader->end);
	if (n < 0)
		return FOUND_FAILED;
	reader->at_end = n == 0;
	reader->end += n;
	return n > 0 ? FOUND : FOUND_NONE;
}

/*
 * Find the line that begins that many bytes behind the reader's place; *len is
 * its length, with its line end.
 */
static Found
find_line(PgtReader *reader, size_t from, size_t *len)
{
	size_t		searched = from;

	for (;;)
	{
		char	   *begin = reader->buffer + reader->begin;
		size_t		there = reader->end - reader->begin;
		char	   *newline = NULL;
		Found		more;

		if (there > searched)
			newline = memchr(begin + searched, '\n', there - searched);
		if (newline != NULL)
		{
			*len = newline + 1 - (begin + from);
			return FOUND;
		}
		searched = there;
		more = fill(reader);
		if (more == FOUND)
			continue;
		*len = there - from;
		if (more == FOUND_NONE && *len > 0 && !reader->growing)
			return FOUND_TORN;
		return more;
	}
}

static uint64_t
count_lines(const char *text, size_t len)
{
	const char *end = text + len;
	uint64_t	n = 0;

	while (text < end && (text = memchr(text, '\n', end - text)) != NULL)
	{
		text++;
		n++;
	}
	return n;
}

static void
advance(PgtReader *reader, size_t len, uint64_t lines)
{
	reader->begin += len;
	reader->offset += len;
	reader->line += lines;
}

/* Pass over the rest of an entry that was too long. */
static Found
skip_rest(PgtReader *reader)
{
	while (reader->skip > 0 || reader->skip_line)
	{
		const char *begin = reader->buffer + reader->begin;
		size_t		len = reader->end - reader->begin;
		Found		more;

		if (reader->skip > 0)
		{
			if (len > reader->skip)
				len = reader->skip;
			reader->skip -= len;
		}
		else
		{
			const char *newline = len > 0 ? memchr(begin, '\n', len) : NULL;

			if (newline != NULL)
			{
				len = newline + 1 - begin;
				reader->skip_line = false;
			}
		}
		advance(reader, len, count_lines(begin, len));
		if (reader->begin == reader->end &&
			(reader->skip > 0 || reader->skip_line))
		{
			more = fill(reader);
			if (more != FOUND)
				return more;
		}
	}
	return FOUND;
}

/* ----------
 * Entries with several lines
 * ----------
 */

/* Where in a text a line with such a beginning begins, or else its length */
static size_t
find_beginning(const char *text, size_t len, const char *beginning)
{
	const char *found = memmem(text, len, beginning, strlen(beginning));

	return found != NULL ? (size_t) (found - text) : len;
}

/*
 * The length of a damaged entry, of which "there" bytes are there and the first
 * line has "first": it ends where its end seems to be, or is a line only.
 */
static size_t
guess_end(const char *begin, size_t first, size_t there, bool has_end)
{
	static const char end_of_stmt[] = "\n" PGT_LINE_END_OF_STMT "\n";
	const char *text = begin + first - 1;
	size_t		len = there - first + 1;
	size_t		end = find_beginning(text, len,
									 has_end ? end_of_stmt : "\nCLOSE #");
	size_t		note = find_beginning(text, len, "\n*** TRACE ");

	if (note < end)
		return first + note;
	if (end == len)
		return first;
	return first + end + (has_end ? sizeof(end_of_stmt) - 2 : 0);
}

/* The text below a first line, and END OF STMT */
static Found
take_text(PgtReader *reader, PgtEntry *entry, size_t *len, uint64_t text_len,
		  bool has_end)
{
	static const char end_of_stmt[] = "\n" PGT_LINE_END_OF_STMT "\n";
	size_t		end_len = has_end ? sizeof(end_of_stmt) - 1 : 1;
	size_t		first = *len;
	size_t		wanted;
	const char *begin;
	size_t		there;
	bool		searching = false;

	/* more than there can be is wanted from a file that has less */
	if (text_len > UINT32_MAX)
		text_len = UINT32_MAX;
	wanted = first + text_len + end_len;
	for (;;)
	{
		Found		more;

		begin = reader->buffer + reader->begin;
		there = reader->end - reader->begin;
		if (there >= wanted)
		{
			if (searching ||
				memcmp(begin + first + text_len, end_of_stmt, end_len) == 0)
				break;
			searching = true;
			wanted += SEARCHED;
			continue;
		}
		more = fill(reader);
		if (more == FOUND)
			continue;
		if (more == FOUND_FAILED ||
			(more == FOUND_NONE && reader->growing && !searching))
			return more;
		if (more == FOUND_LONG && !searching)
		{
			entry->cut = true;
			reader->skip = first + text_len > there ? first + text_len - there : 0;
			reader->skip_line = true;
			*len = there;
			return FOUND;
		}
		searching = true;
		break;
	}
	begin = reader->buffer + reader->begin;
	there = reader->end - reader->begin;
	if (!searching)
	{
		*len = wanted;
		return FOUND;
	}
	if (there > wanted)
		there = wanted;
	entry->problem = "the text isn't as long as len= says";
	*len = guess_end(begin, first, there, has_end);
	return FOUND;
}

/* The lines below a Bind#, up to its value */
static Found
take_bind(PgtReader *reader, PgtEntry *entry, size_t *len)
{
	for (int i = 0; i < BIND_LINES; i++)
	{
		size_t		next;
		Found		found = find_line(reader, *len, &next);
		const char *line = reader->buffer + reader->begin + *len;

		if (found == FOUND_FAILED)
			return found;
		if (found == FOUND_NONE)
			return reader->growing ? FOUND_NONE : FOUND;
		if (next < 2 || memcmp(line, "  ", 2) != 0)
			return FOUND;
		*len += next;
		if (found == FOUND_LONG)
			entry->cut = reader->skip_line = true;
		if (found == FOUND_TORN)
			entry->torn = true;
		if (found != FOUND ||
			(next >= 8 && memcmp(line, "  value=", 8) == 0))
			return FOUND;
	}
	return FOUND;
}

PgtReadResult
pgt_reader_next(PgtReader *reader, PgtEntry *entry)
{
	size_t		len = 0;
	size_t		first;
	uint64_t	text_len;
	bool		has_end;
	uint64_t	lines;
	const char *begin;
	Found		found = FOUND;

	pgt_entry_init(entry);
	if (reader->buffer == NULL)
		found = make_room(reader);
	if (found == FOUND)
		found = skip_rest(reader);
	if (found == FOUND)
		found = find_line(reader, 0, &len);
	begin = reader->buffer + reader->begin;
	first = len;
	if (found == FOUND_LONG)
		entry->cut = reader->skip_line = true;
	else if (found == FOUND_TORN)
		entry->torn = true;
	else if (found == FOUND &&
			 pgt_entry_text_len(pgt_span(begin, len), &text_len, &has_end))
		found = take_text(reader, entry, &len, text_len, has_end);
	else if (found == FOUND && len > 6 &&
			 memcmp(begin, PGT_LINE_BIND, sizeof(PGT_LINE_BIND) - 1) == 0)
		found = take_bind(reader, entry, &len);

	if (found == FOUND_FAILED)
		return PGT_READ_FAILED;
	if (found == FOUND_NONE)
		return PGT_READ_END;
	begin = reader->buffer + reader->begin;
	entry->raw = pgt_span(begin, len);
	entry->offset = reader->offset;
	entry->line = reader->line;
	/* most are one line, whose end is known */
	lines = len == first && begin[len - 1] == '\n' ? 1 :
		count_lines(begin, len);
	entry->lines = lines + (begin[len - 1] != '\n');
	pgt_entry_parse(entry);
	advance(reader, len, lines);
	return PGT_READ_ENTRY;
}
