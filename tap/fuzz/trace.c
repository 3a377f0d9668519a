/*
 * trace.c
 *		Fuzz target: what cli/parse and cli/model make of any file.
 *
 * The input's first byte says how much is read at a time, the second one how
 * long an entry may be; the rest is the file.  Each read is into memory of its
 * own size, so that whoever reads beyond it is noticed.
 *
 * What must hold: entries follow one another without a gap and are the file, if
 * none is too long; their lines are counted; in pieces of any size they are the
 * same; self times and gaps are the traced interval.
 */
#include "postgres_fe.h"

#include "cli/model/flow.h"
#include "cli/model/histogram.h"
#include "cli/model/session.h"
#include "cli/parse/fields.h"
#include "cli/parse/reader.h"
#include "tap/fuzz/check.h"

/* No input is as long: libFuzzer is told so by packaging/fuzz. */
#define ENOUGH	((size_t) 16384)

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct File
{
	const char *at;
	size_t		left;
	size_t		piece;
} File;

typedef struct Sums
{
	int64_t		times;			/* self times and gaps */
	PgtHistogram durations;
} Sums;

static ssize_t
read_file(void *arg, char *buffer, size_t size)
{
	File	   *file = arg;
	size_t		n = Min(Min(size, file->piece), file->left);

	memcpy(buffer, file->at, n);
	file->at += n;
	file->left -= n;
	return n;
}

static void *
resize(void *arg, void *memory, size_t size)
{
	void	   *result;

	(void) arg;
	if (size == 0)
	{
		free(memory);
		return NULL;
	}
	result = realloc(memory, size);
	check(result != NULL);
	return result;
}

static void
note_call(void *arg, PgtFlowCall *call)
{
	Sums	   *sums = arg;

	check(call->nitems >= 0);
	sums->times += call->self_e;
	pgt_histogram_add(&sums->durations, call->self_e);
}

static void
note_gap(void *arg, const PgtFlowGap *gap)
{
	Sums	   *sums = arg;

	sums->times += gap->end - gap->begin - gap->calls_us;
}

/* A hash of all that is said of an entry */
static uint64_t
digest(uint64_t before, const PgtEntry *entry)
{
	uint64_t	hash = before * 31 + entry->kind;

	hash = hash * 31 + entry->offset;
	hash = hash * 31 + entry->line;
	hash = hash * 31 + entry->raw.len;
	hash = hash * 31 + (entry->has_tim ? entry->tim : 0);
	return hash * 31 + (entry->problem != NULL) + entry->torn * 2;
}

/* All texts of an entry are within it. */
static void
check_entry(const PgtEntry *entry)
{
	PgtSpan		value;
	const char *end = entry->raw.at + entry->raw.len;

	check(entry->raw.len > 0);
	if (pgt_entry_field(entry, "tim", &value))
		check(value.at >= entry->raw.at && value.at + value.len <= end);
	if (entry->kind == PGT_ENTRY_CURSOR && entry->of.cursor_of.text.at != NULL)
		check(entry->of.cursor_of.text.at + entry->of.cursor_of.text.len <= end);
	if (entry->kind == PGT_ENTRY_BIND && entry->of.bind.value.at != NULL)
	{
		char	   *text = malloc(entry->of.bind.value.len + 1);

		check(text != NULL);
		check(pgt_span_unescape(entry->of.bind.value, text) <=
			  entry->of.bind.value.len);
		free(text);
	}
}

/* Read it; returns a hash of its entries. */
static uint64_t
read_all(const char *data, size_t size, size_t piece, size_t max_size,
		 bool *any_cut)
{
	static const PgtFlowEvents events = {NULL, note_call, note_gap, NULL};
	File		file = {data, size, piece};
	PgtCatalog *catalog = pgt_catalog_create(max_size % 2 == 0, 10);
	Sums		sums = {0};
	PgtFlow    *flow = pgt_flow_create(catalog, &events, &sums);
	PgtSession	session;
	PgtReader	reader;
	PgtEntry	entry;
	uint64_t	offset = 0;
	uint64_t	line = 1;
	uint64_t	hash = 0;
	int64_t		begin;
	int64_t		end;

	*any_cut = false;
	pgt_session_init(&session);
	pgt_reader_init(&reader, read_file, resize, &file, max_size);
	while (pgt_reader_next(&reader, &entry) == PGT_READ_ENTRY)
	{
		check_entry(&entry);
		if (!*any_cut)
		{
			check(entry.offset == offset && entry.line == line);
			check(memcmp(entry.raw.at, data + offset, entry.raw.len) == 0);
		}
		*any_cut |= entry.cut;
		offset += entry.raw.len;
		line += entry.lines;
		hash = digest(hash, &entry);
		pgt_session_note(&session, &entry);
		pgt_flow_note(flow, &entry);
	}
	check(*any_cut || offset == size);
	check(reader.offset == size);
	pgt_flow_finish(flow);
	check(!pgt_flow_interval(flow, &begin, &end) || sums.times == end - begin);
	check(pgt_histogram_percentile(&sums.durations, 99) <= sums.durations.max);
	pgt_histogram_free(&sums.durations);
	pgt_reader_free(&reader);
	pgt_flow_free(flow);
	pgt_catalog_free(catalog);
	return hash;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool		cut;
	uint64_t	whole;
	size_t		piece;

	if (size < 2 || size > ENOUGH)
		return 0;
	piece = data[0] + 1;
	whole = read_all((const char *) data + 2, size - 2, SIZE_MAX,
					 ENOUGH, &cut);
	check(!cut);
	check(read_all((const char *) data + 2, size - 2, piece,
				   ENOUGH, &cut) == whole);
	(void) read_all((const char *) data + 2, size - 2, piece,
					16 + 2 * (size_t) data[1], &cut);
	return 0;
}
