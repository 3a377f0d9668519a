/*
 * replay.c
 *		Runs a recorded session through the worker's code.
 *
 * pgt_bench_replay(recording, times) does in its backend what the worker does
 * with what a session sends, from the merge to the file: pgt_tracer_drain() and
 * pgt_tracer_flush(), round by round as it was recorded.  What it doesn't do is
 * reading the ring buffer, which costs libbpf's loop and no copy.  The queue
 * is the recording itself, so nothing is copied here that isn't in the worker.
 */
#include "postgres.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/fd.h"
#include "utils/builtins.h"

#include "bench/recording.h"
#include "bgworker/tracer/stream.h"
#include "extension/clock.h"

/* One run of the merge, and what came in before it */
typedef struct Round
{
	uint64		safe_ns;
	uint64		head;			/* of the queue */
	int			first_wait;		/* index in Recording.waits */
	int			nwaits;
} Round;

typedef struct Recording
{
	char	   *queue;			/* all that went through it */
	uint32		queue_size;		/* a power of two */
	const struct pgt_wait_event **waits;	/* into the file's content */
	Round	   *rounds;
	int			nrounds;
} Recording;

PG_FUNCTION_INFO_V1(pgt_bench_replay);

/* ----------
 * Reading
 * ----------
 */

static char *
read_file(const char *path, Size *len)
{
	FILE	   *file = AllocateFile(path, PG_BINARY_R);
	struct stat st;
	char	   *content;

	if (file == NULL || fstat(fileno(file), &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\": %m", path)));
	content = MemoryContextAllocHuge(CurrentMemoryContext, st.st_size + 1);
	*len = fread(content, 1, st.st_size, file);
	FreeFile(file);
	return content;
}

/* The next item, NULL at the end */
static const PgtItem *
next_item(const char **at, const char *end)
{
	const PgtItem *item = (const PgtItem *) *at;

	/* a recording may end in the middle of an item */
	if (end - *at < (ssize_t) sizeof(PgtItem) ||
		end - *at - sizeof(PgtItem) < item->len)
		return NULL;
	*at += sizeof(PgtItem) + item->len;
	return item;
}

static void
parse(Recording *recording, const char *content, Size len)
{
	const char *end = content + len;
	const char *at = content;
	const PgtItem *item;
	uint64		queued = 0;
	int			nwaits = 0;
	int			nrounds = 0;

	while ((item = next_item(&at, end)) != NULL)
	{
		queued += item->kind == PGT_ITEM_QUEUE ? item->len : 0;
		nwaits += item->kind == PGT_ITEM_WAIT;
		nrounds += item->kind == PGT_ITEM_RUN;
	}
	recording->queue_size = pg_nextpower2_32(Max(queued, 4 * PGT_RECORD_MAX));
	recording->queue = MemoryContextAllocHuge(CurrentMemoryContext,
											  recording->queue_size);
	recording->waits = palloc(sizeof(*recording->waits) * (nwaits + 1));
	recording->rounds = palloc0(sizeof(Round) * (nrounds + 1));

	queued = 0;
	nwaits = 0;
	at = content;
	while ((item = next_item(&at, end)) != NULL)
	{
		Round	   *round = &recording->rounds[recording->nrounds];

		switch ((PgtItemKind) item->kind)
		{
			case PGT_ITEM_WAIT:
				if (round->nwaits++ == 0)
					round->first_wait = nwaits;
				recording->waits[nwaits++] =
					(const struct pgt_wait_event *) (item + 1);
				break;
			case PGT_ITEM_QUEUE:
				memcpy(recording->queue + queued, item + 1, item->len);
				queued += item->len;
				break;
			case PGT_ITEM_RUN:
				round->safe_ns = item->safe_ns;
				round->head = queued;
				recording->nrounds++;
				break;
		}
	}
}

/* ----------
 * Replaying
 * ----------
 */

static void
begin(PgtTracer *tracer, PgtSession *session, const Recording *recording)
{
	PgtQueuePlace place = {.queue = &session->queue, .data = recording->queue,
		.size = recording->queue_size};
	char		error[PGT_ERROR_LEN];

	memset(session, 0, sizeof(*session));
	pgt_session_describe_self(session);
	pgt_queue_init(&session->queue);

	memset(tracer, 0, sizeof(*tracer));
	tracer->session = session;
	tracer->own = *session;
	tracer->pid = MyProcPid;
	tracer->proc_number = -1;
	pgt_queue_open(&tracer->queue, place);
	pgt_merge_init(&tracer->merge);
	if (!pgt_writer_create(&tracer->writer, MyProcPid, "replay", InvalidOid,
						   error, sizeof(error)))
		ereport(ERROR, (errmsg("%s", error)));
	pgt_format_init(&tracer->format, &tracer->writer.buffer);
	tracer->format.has_waits = tracer->format.has_samples = true;
	pgt_format_header(&tracer->format, session, tracer->writer.path,
					  pgt_clock_now());
	pgt_tracer_flush(tracer);
}

static void
run(PgtTracer *tracer, const Recording *recording)
{
	tracer->queue.tail = 0;
	for (int i = 0; i < recording->nrounds; i++)
	{
		const Round *round = &recording->rounds[i];
		bool		held;

		for (int j = 0; j < round->nwaits; j++)
			pgt_merge_add_wait(&tracer->merge,
							   recording->waits[round->first_wait + j]);
		tracer->head = round->head;
		(void) pgt_tracer_drain(tracer, NULL, round->safe_ns, &held);
		if (!held)
			pgt_tracer_flush(tracer);
	}
	pgt_tracer_flush(tracer);
}

static void
end(PgtTracer *tracer)
{
	pgt_writer_close(&tracer->writer);
	pgt_merge_free(&tracer->merge);
	pgt_format_free(&tracer->format);
	pgt_relations_forget(&tracer->relations);
}

/*
 * OUT records, waits, rounds, bytes, cpu_ms, ms: over all times; file: the
 * path of what was written
 */
Datum
pgt_bench_replay(PG_FUNCTION_ARGS)
{
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			times = PG_GETARG_INT32(1);
	PgtTracer  *tracer = palloc(sizeof(PgtTracer));
	PgtSession *session = palloc(sizeof(PgtSession));
	Recording	recording = {0};
	Size		len;
	char	   *content = read_file(path, &len);
	TupleDesc	description;
	Datum		values[7];
	bool		nulls[7] = {false};
	uint64		header_bytes;
	uint64		cpu_ns;
	uint64		ns;

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	parse(&recording, content, len);
	begin(tracer, session, &recording);
	header_bytes = tracer->writer.bytes;

	ns = pgt_clock_now();
	cpu_ns = pgt_clock_cpu();
	for (int i = 0; i < times; i++)
	{
		run(tracer, &recording);
		CHECK_FOR_INTERRUPTS();
	}
	cpu_ns = pgt_clock_cpu() - cpu_ns;
	ns = pgt_clock_now() - ns;

	values[0] = Int64GetDatum(tracer->sql_events);
	values[1] = Int64GetDatum(tracer->wait_events);
	values[2] = Int64GetDatum((int64) recording.nrounds * times);
	values[3] = Int64GetDatum(tracer->writer.bytes - header_bytes);
	values[4] = Float8GetDatum(cpu_ns / 1e6);
	values[5] = Float8GetDatum(ns / 1e6);
	values[6] = CStringGetTextDatum(tracer->writer.path);
	end(tracer);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description),
													  values, nulls)));
}
