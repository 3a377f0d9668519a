/*
 * emit.c
 *		What the records of a trace cost the backend that sends them.
 *
 * Both functions trace their own backend, without waits, through a session that
 * the worker knows nothing of, so the queue is drained here, by moving its
 * tail; that costs nothing and happens before it is half full.  A worker that
 * has records to handle doesn't want to be woken, while this one would fall
 * asleep at once and be woken by each record: so it is hidden meanwhile.
 * Times are CPU time of the backend.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "extension/clock.h"
#include "extension/compat.h"
#include "extension/emit.h"
#include "extension/guc.h"

/* A hundred executions, or records, never fill half of the queue. */
#define BATCH	100

PG_FUNCTION_INFO_V1(pgt_bench_emit);
PG_FUNCTION_INFO_V1(pgt_bench_execute);

static int	hidden_worker;		/* its PGPROC's number */

/* ----------
 * A session of one's own
 * ----------
 */

static pg_atomic_uint32 *
flag(void)
{
	return &pgt_flags[PGT_PROC_NUMBER(MyProc)];
}

/* Exchange the worker that is woken. */
static void
set_worker(int *proc_number)
{
	int			old;

	LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
	old = pgt_shared->worker.proc_number;
	pgt_shared->worker.proc_number = *proc_number;
	LWLockRelease(pgt_lock);
	*proc_number = old;
}

/* The last slot; its state stays PGT_SESSION_FREE, so the worker keeps off. */
static PgtSession *
begin_session(void)
{
	int			slot = pgt_nsessions - 1;
	PgtSession *session = &pgt_sessions[slot];

	if (session->state != PGT_SESSION_FREE || pg_atomic_read_u32(flag()) != 0)
		ereport(ERROR, (errmsg("the slot is in use")));
	pgt_session_describe_self(session);
	session->generation = pgt_shared->next_generation++;
	session->options.waits = false;
	session->options.binds = true;
	session->options.plan_stat = PGT_PLAN_STAT_NEVER;
	pgt_queue_reset(&session->queue);
	hidden_worker = -1;
	set_worker(&hidden_worker);
	pg_atomic_write_u32(flag(), slot + 1);
	return session;
}

static void
end_session(void)
{
	pgt_emit_detach();
	pg_atomic_write_u32(flag(), 0);
	set_worker(&hidden_worker);
	/* it may have slept without wanting to be woken */
	pgt_session_wake_worker();
}

/* Returns the records that were in the queue. */
static uint64
drain(void)
{
	static union
	{
		PgtRecord	record;
		char		bytes[PGT_RECORD_MAX];
	}			copy;
	PgtQueueReader reader;
	uint64		head;
	uint64		count = 0;
	bool		corrupt;

	pgt_queue_open(&reader, pgt_queues[pgt_nsessions - 1]);
	head = pgt_queue_head(&reader);
	while (pgt_queue_peek(&reader, head, &copy.record, &corrupt))
	{
		pgt_queue_release(&reader, &copy.record);
		count++;
	}
	return count;
}

/* ----------
 * Records
 * ----------
 */

typedef struct RecordKind
{
	const char *name;
	PgtRecordType type;
	Size		fixed_len;
	Size		text_len;
} RecordKind;

static const RecordKind kinds[] = {
	{"BEGIN", PGT_RECORD_BEGIN, sizeof(PgtBeginRecord), 0},
	{"END", PGT_RECORD_END, sizeof(PgtEndRecord), 0},
	{"BIND", PGT_RECORD_BIND, sizeof(PgtBindRecord), 8},
	{"CURSOR", PGT_RECORD_CURSOR, sizeof(PgtCursorRecord), 100},
	{"STAT", PGT_RECORD_STAT, sizeof(PgtStatRecord), 30},
};

static void
emit(const RecordKind *kind, PgtQueue *queue, int times)
{
	static const char text[128] = {'x'};

	for (int i = 0; i < times; i++)
	{
		if (pgt_emit_begin(kind->type, kind->fixed_len, text, kind->text_len,
						   PGT_FIRST_CURSOR, 0) != NULL)
			pgt_emit_commit();
		if (i % BATCH == 0)
			pg_atomic_write_u64(&queue->tail, pg_atomic_read_u64(&queue->head));
	}
}

/*
 * pgt_bench_emit(kind, times): ns per record of that kind, from
 * pgt_emit_begin() to pgt_emit_commit()
 */
Datum
pgt_bench_emit(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			times = PG_GETARG_INT32(1);
	const RecordKind *kind = NULL;
	PgtSession *session;
	uint64		cpu_ns;

	for (Size i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(kinds[i].name, name) == 0)
			kind = &kinds[i];
	}
	if (kind == NULL || times <= 0)
		ereport(ERROR, (errmsg("no such kind of record, or no number")));

	session = begin_session();
	pgt_emit_attach(session, pgt_nsessions - 1);
	emit(kind, &session->queue, BATCH);
	cpu_ns = pgt_clock_cpu();
	emit(kind, &session->queue, times);
	cpu_ns = pgt_clock_cpu() - cpu_ns;
	end_session();
	PG_RETURN_FLOAT8((double) cpu_ns / times);
}

/* ----------
 * Hooks
 * ----------
 */

/* Executes the plan; returns the CPU time in ns. */
static uint64
execute(SPIPlanPtr plan, int times, PgtSession *session, uint64 *records)
{
	uint64		cpu_ns = 0;

	*records = 0;
	for (int done = 0; done < times; done += BATCH)
	{
		uint64		begin_ns = pgt_clock_cpu();

		for (int i = 0; i < BATCH; i++)
		{
			Datum		argument = Int32GetDatum(done + i + 1);

			if (SPI_execute_plan(plan, &argument, NULL, true, 1) < 0)
				elog(ERROR, "SPI_execute_plan failed");
			SPI_freetuptable(SPI_tuptable);
		}
		cpu_ns += pgt_clock_cpu() - begin_ns;
		if (session != NULL)
			*records += drain();
	}
	return cpu_ns;
}

/*
 * pgt_bench_execute(query, times, traced), where the query has one parameter,
 * an int: OUT ns, records: of one execution of its generic plan
 */
Datum
pgt_bench_execute(PG_FUNCTION_ARGS)
{
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			times = Max(PG_GETARG_INT32(1) / BATCH, 1) * BATCH;
	bool		traced = PG_GETARG_BOOL(2);
	Oid			type = INT4OID;
	PgtSession *session = NULL;
	SPIPlanPtr	plan;
	TupleDesc	description;
	Datum		values[2];
	bool		nulls[2] = {false};
	volatile uint64 cpu_ns = 0;
	uint64		records;

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	BlessTupleDesc(description);
	SPI_connect();
	plan = SPI_prepare(query, 1, &type);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed");

	if (traced)
		session = begin_session();
	PG_TRY();
	{
		/* until there is a generic plan, and every cursor */
		(void) execute(plan, BATCH, session, &records);
		cpu_ns = execute(plan, times, session, &records);
	}
	PG_FINALLY();
	{
		if (traced)
			end_session();
	}
	PG_END_TRY();
	SPI_finish();

	values[0] = Float8GetDatum((double) cpu_ns / times);
	values[1] = Float8GetDatum((double) records / times);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(description, values,
													  nulls)));
}
