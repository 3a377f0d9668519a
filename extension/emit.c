/*
 * emit.c
 *		Sends this backend's records to the worker.
 *
 * Whoever has something to say (calls.c, cursor.c, emit_*.c and others) builds
 * records in place in the session's queue between pgt_emit_begin() and
 * pgt_emit_commit().  Room is reserved before the record's time is taken: if a
 * backend has to wait for room, that wait lies before the record in time as it
 * does in the file.
 *
 * The worker may end the trace at any moment and give the slot to another
 * process.  So the backend announces that it is writing and only then looks
 * whether the slot is still its own, while the worker first takes the slot
 * away and then waits for the writer; with a full barrier on both sides one of
 * them sees the other.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#include "extension/clock.h"
#include "extension/compat.h"
#include "extension/emit.h"
#include "extension/guc.h"
#include "extension/tracer_wait.h"

/* How long a backend waits for room before it drops records instead. */
#define ROOM_TIMEOUT_MS		1000

/*
 * What a record that could wait leaves of the queue to those that can't: to the
 * ends and errors of calls, and of transactions.
 */
#define RESERVE_MAX			65536

PgtTrace	pgt_trace = {NULL};

static uint32 my_slot = 0;		/* of pgt_trace.session */
static PgtQueuePlace my_queue;	/* its, too */
static uint64 new_head;			/* of the queue, once the record is complete */
static const char *rest_of_text;	/* what didn't fit into the record begun */
static Size rest_len;
static uint64 lost_unreported;	/* records lost since the last one sent */
static bool stalled;			/* room was waited for in vain */
static int	hurries = 0;		/* pgt_emit_hurry() less pgt_emit_take_time() */

void
pgt_emit_attach(PgtSession *session, int slot)
{
	pgt_trace.session = session;
	pgt_trace.generation = session->generation;
	pgt_trace.options = session->options;
	/* if they have been changed by now, the file is to say so */
	pgt_trace.options_version = 0;
	my_slot = slot;
	my_queue = pgt_queues[slot];
	pgt_tracer_wait_join(session);
	lost_unreported = 0;
	stalled = false;
}

void
pgt_emit_detach(void)
{
	pgt_tracer_wait_join(NULL);
	pgt_trace.session = NULL;
}

bool
pgt_emit_active(void)
{
	return pgt_trace.session != NULL &&
		pg_atomic_read_u32(&pgt_flags[PGT_PROC_NUMBER(MyProc)]) ==
		my_slot + 1 &&
		pgt_trace.session->generation == pgt_trace.generation;
}

static bool
begin_writing(void)
{
	if (pgt_trace.session == NULL)
		return false;

	/* an exchange is a full barrier */
	pg_atomic_exchange_u32(&pgt_trace.session->writing, pgt_trace.generation);
	if (pgt_emit_active())
		return true;

	pg_atomic_write_u32(&pgt_trace.session->writing, 0);
	return false;
}

static void
end_writing(void)
{
	/* A full barrier again: the record is visible before the sleep is seen. */
	pg_atomic_exchange_u32(&pgt_trace.session->writing, 0);

	if (pg_atomic_read_u32(&pgt_shared->worker_asleep) != 0 &&
		pg_atomic_exchange_u32(&pgt_shared->worker_asleep, 0) != 0)
		pgt_session_wake_worker();
}

void
pgt_emit_hurry(void)
{
	hurries++;
}

void
pgt_emit_take_time(void)
{
	hurries--;
}

/*
 * May this process sleep?  Not while it might hold locks that others wait for:
 * with lightweight ones, interrupts are held.  After an error they aren't, and
 * the locks still are, so those who work then hurry.
 */
static bool
may_wait(void)
{
	return hurries == 0 && InterruptHoldoffCount == 0 && CritSectionCount == 0;
}

static PgtRecord *
try_reserve(uint32 len)
{
	if (may_wait() && pgt_queue_room(&my_queue) <
		len + Min(my_queue.size / 4, RESERVE_MAX))
		return NULL;
	return pgt_queue_reserve(&my_queue, len, &new_head);
}

/*
 * A statement that is cancelled does without the record: to raise the error is
 * not for a hook that is halfway through.
 */
static bool
is_cancelled(void)
{
	return QueryCancelPending || ProcDiePending;
}

static PgtRecord *
wait_for_room(uint32 len)
{
	PgtTracerWait wait;
	PgtSession *session = pgt_trace.session;
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													   ROOM_TIMEOUT_MS);
	PgtRecord  *record;

	pgt_tracer_wait_begin(&wait, PGT_TRACER_QUEUE, NULL);
	for (;;)
	{
		long		left_ms;

		pg_atomic_exchange_u32(&session->waiting, 1);
		record = try_reserve(len);
		if (record != NULL || !pgt_emit_active() || is_cancelled())
			break;

		left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
												  deadline);
		if (left_ms <= 0)
			break;
		pgt_session_wake_worker();
		/* without a check for interrupts: those must not end a hook halfway */
		pgt_tracer_wait_sleep(&wait, left_ms);
	}
	pgt_tracer_wait_end();
	pg_atomic_write_u32(&session->waiting, 0);

	/*
	 * an interrupt may need it; else, the statement's next wait would end at
	 * once
	 */
	if (InterruptPending)
		SetLatch(MyLatch);
	return record;
}

/* Room for one record, perhaps after a while, or NULL */
static PgtRecord *
reserve(uint32 len)
{
	PgtRecord  *record = try_reserve(len);

	/* what can't wait finds room where others don't, which says nothing */
	if (!may_wait())
		return record;
	if (record == NULL && pgt_on_overflow == PGT_OVERFLOW_WAIT && !stalled &&
		!is_cancelled())
	{
		record = wait_for_room(len);
		stalled = record == NULL && !is_cancelled();
	}
	else if (record != NULL)
		stalled = false;
	return record;
}

/* One that says what is missing stands for that. */
static void
count_lost(PgtRecordType type)
{
	if (!pgt_record_is_event(type) && type != PGT_RECORD_LOST)
		return;
	lost_unreported++;
	pg_atomic_fetch_add_u64(&pgt_trace.session->queue.lost, 1);
}

static void
publish(void)
{
	PgtSession *session = pgt_trace.session;

	pgt_queue_publish(&my_queue, new_head);

	/* The worker drains at its own pace, unless the queue fills up. */
	if (pgt_queue_half_full(&my_queue) &&
		pg_atomic_exchange_u32(&session->half_full, 1) == 0)
		pgt_session_wake_worker();
}

static void
fill_header(PgtRecord *record, PgtRecordType type, uint32 len, uint32 cursor,
			int depth, uint32 text_len)
{
	record->len = len;
	record->type = type;
	record->depth = Min(depth, PG_UINT16_MAX);
	record->time_ns = pgt_clock_now();
	record->cursor = cursor;
	record->text_len = text_len;
}

static bool
report_lost(void)
{
	PgtLostRecord *lost =
		(PgtLostRecord *) reserve(MAXALIGN(sizeof(PgtLostRecord)));

	if (lost == NULL)
		return false;
	fill_header(&lost->header, PGT_RECORD_LOST,
				MAXALIGN(sizeof(PgtLostRecord)), 0, 0, 0);
	lost->count = lost_unreported;
	lost->calls = false;
	publish();
	lost_unreported = 0;
	return true;
}

static void *
begin(PgtRecordType type, Size fixed_len, const char *text, Size text_len,
	  uint32 cursor, int depth, bool counts)
{
	Size		piece = Min(text_len, PGT_RECORD_MAX - MAXALIGN(fixed_len));
	uint32		len = MAXALIGN(fixed_len + piece);
	PgtRecord  *record;

	if (!begin_writing())
		return NULL;

	/*
	 * While there is no room to say that records are missing, later ones are
	 * missing, too, so that the gap is shown where it is.
	 */
	record = lost_unreported > 0 && !report_lost() ? NULL : reserve(len);
	if (record == NULL)
	{
		if (counts)
			count_lost(type);
		end_writing();
		return NULL;
	}

	memset(record, 0, fixed_len);
	fill_header(record, type, len, cursor, depth, piece);
	if (piece > 0)
		memcpy((char *) record + fixed_len, text, piece);
	rest_of_text = text + piece;
	rest_len = text_len - piece;
	return record;
}

void *
pgt_emit_begin(PgtRecordType type, Size fixed_len,
			   const char *text, Size text_len,
			   uint32 cursor, int depth)
{
	return begin(type, fixed_len, text, text_len, cursor, depth, true);
}

void *
pgt_emit_again(PgtRecordType type, Size fixed_len,
			   const char *text, Size text_len,
			   uint32 cursor, int depth)
{
	return begin(type, fixed_len, text, text_len, cursor, depth, false);
}

void
pgt_emit_commit(void)
{
	publish();

	/*
	 * The worker knows the whole length from the first record; if a piece is
	 * lost, it fills up, and says how much.
	 */
	while (rest_len > 0)
	{
		Size		piece = Min(rest_len, PGT_RECORD_MAX - sizeof(PgtRecord));
		uint32		len = MAXALIGN(sizeof(PgtRecord) + piece);
		PgtRecord  *record = reserve(len);

		if (record == NULL)
			break;
		fill_header(record, PGT_RECORD_TEXT, len, 0, 0, piece);
		memcpy((char *) (record + 1), rest_of_text, piece);
		publish();
		rest_of_text += piece;
		rest_len -= piece;
	}
	end_writing();
}
