/*
 * intruder.c
 *		A test module that does to the extension's shared memory what a process
 *		of the server that an attacker has taken over could do.
 *
 * area_size is pg_shmem_allocations.size of pg_trace_bgw, by which the memory is
 * found; what stands where in it is computed as extension/session.c does.
 *
 * scribble(area_size, seconds, seed) writes random words at random places.
 * attack(area_size, seconds, pid) writes what is known to hurt at the places
 * where that hurts, as fast as it can; the caller must be traced.  pid is a
 * process that is none of the server's, to have it traced.
 * forge_text(area_size, total_len, times) sends statements that announce so many
 * bytes of text and never have them; the caller must be traced.
 * stop_in_record(area_size) stops its own process (SIGSTOP) where that is in the
 * middle of sending a record; the caller must be traced.
 * stop_in_activity() stops its own process while it changes its entry in
 * pg_stat_activity.
 * stop_with_lock() stops its own process while it holds the lock of the
 * traces' registry.
 */
#include "postgres.h"

#include <signal.h>

#include "common/pg_prng.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/backend_status.h"
#include "utils/guc.h"

#include "extension/clock.h"
#include "extension/compat.h"
#include "extension/queue.c"
#include "extension/session.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(scribble);
PG_FUNCTION_INFO_V1(attack);
PG_FUNCTION_INFO_V1(forge_text);
PG_FUNCTION_INFO_V1(stop_in_record);
PG_FUNCTION_INFO_V1(stop_in_activity);
PG_FUNCTION_INFO_V1(stop_with_lock);

#define NS_IN_S		UINT64CONST(1000000000)
#define BATCH		64

typedef struct Area
{
	char	   *start;
	Size		size;
	Size		control_size;	/* up to the queues' data */
	PgtShared  *shared;
	PgtSession *sessions;
	PgtArrival *arrivals;
	pg_atomic_uint32 *flags;
	int			nsessions;
	int			nprocs;
	char	   *queues;
	Size		queue_size;
} Area;

/* In the unit of the setting, which is kB */
static int
setting(const char *name)
{
	const char *value = GetConfigOption(name, false, false);
	int			number;

	if (!parse_int(value, &number, GUC_UNIT_KB, NULL))
		elog(ERROR, "%s is %s", name, value);
	return number;
}

static void
find_area(Area *area, Size size)
{
	bool		found;
	char	   *p = ShmemInitStruct("pg_trace_bgw", size, &found);

	if (!found)
		elog(ERROR, "there is no such memory");
	area->start = p;
	area->size = size;
	area->nsessions = atoi(GetConfigOption("pg_trace.max_sessions", false,
										   false));
	area->nprocs = MaxBackends + NUM_AUXILIARY_PROCS;
	area->queue_size = (Size) setting("pg_trace.queue_size") * 1024;
	area->shared = (PgtShared *) p;
	p = (char *) CACHELINEALIGN(p + sizeof(PgtShared));
	area->sessions = (PgtSession *) p;
	p += CACHELINEALIGN(area->nsessions * sizeof(PgtSession));
	area->arrivals = (PgtArrival *) p;
	p += CACHELINEALIGN(area->nsessions * sizeof(PgtArrival));
	p += CACHELINEALIGN(area->nsessions * sizeof(PgtLeaderStatement));
	area->flags = (pg_atomic_uint32 *) p;
	/* these, and who waits for the worker */
	p += 2 * CACHELINEALIGN(area->nprocs * sizeof(pg_atomic_uint32));
	area->queues = p;
	area->control_size = p - area->start;
	if (p + area->nsessions * area->queue_size > area->start + size)
		elog(ERROR, "the memory is laid out in another way");
}

static PgtSession *
own_session(const Area *area)
{
	for (int i = 0; i < area->nsessions; i++)
	{
		if (area->sessions[i].pid == MyProcPid &&
			area->sessions[i].state == PGT_SESSION_ACTIVE)
			return &area->sessions[i];
	}
	elog(ERROR, "this process is not traced");
}

static PgtQueuePlace
place_of(const Area *area, PgtSession *session)
{
	PgtQueuePlace place = {
		.queue = &session->queue,
		.data = area->queues + (session - area->sessions) * area->queue_size,
		.size = area->queue_size,
	};

	return place;
}

/* ----------
 * At random
 * ----------
 */

/* Numbers that may mean something, and any */
static uint64
random_word(pg_prng_state *state)
{
	uint64		any = pg_prng_uint64(state);

	switch (any % 8)
	{
		case 0:
			return 0;
		case 1:
			return PG_UINT64_MAX;
		case 2:
			return any >> 60;
		case 3:
			return 100000000;
		case 4:
			return MyProcPid;
		default:
			return any;
	}
}

Datum
scribble(PG_FUNCTION_ARGS)
{
	uint64		end_ns = pgt_clock_now() + PG_GETARG_FLOAT8(1) * NS_IN_S;
	pg_prng_state state;
	Area		area;
	int64		words = 0;

	find_area(&area, PG_GETARG_INT64(0));
	pg_prng_seed(&state, PG_GETARG_INT32(2));
	while (pgt_clock_now() < end_ns)
	{
		for (int i = 0; i < BATCH; i++)
		{
			/* the queues are much larger than all that says where they are */
			Size		size = pg_prng_uint64(&state) % 4 == 0 ?
				area.size : area.control_size;
			Size		at = pg_prng_uint64(&state) % (size / 4 - 1) * 4;
			uint64		word = random_word(&state);

			memcpy(area.start + at, &word, pg_prng_uint64(&state) % 2 ? 8 : 4);
			words++;
		}
		CHECK_FOR_INTERRUPTS();
		pg_usleep(pg_prng_uint64(&state) % 2000);
	}
	PG_RETURN_INT64(words);
}

/* ----------
 * At the places that are known
 * ----------
 */

/* A statement of a few bytes, or NULL if there is no room */
static PgtCursorRecord *
send_cursor(PgtQueuePlace place, uint64 total_len)
{
	static uint32 number = 0;
	uint32		len = MAXALIGN(sizeof(PgtCursorRecord) + 32);
	uint64		head;
	PgtCursorRecord *record =
		(PgtCursorRecord *) pgt_queue_reserve(&place, len, &head);

	if (record == NULL)
		return NULL;
	memset(record, 0, len);
	record->header.len = len;
	record->header.type = PGT_RECORD_CURSOR;
	record->header.time_ns = pgt_clock_now();
	record->header.cursor = 1000000 + number++;
	record->header.text_len = 9;
	record->total_len = total_len;
	memcpy(record + 1, "SELECT 42", 9);
	pgt_queue_publish(&place, head);
	return record;
}

/* Change what was right when it was published, while it is being read. */
static void
change_record(volatile PgtCursorRecord *record, uint64 total_len)
{
	for (int i = 0; i < 2000; i++)
	{
		record->header.text_len = PG_UINT32_MAX - 16;
		record->header.text_len = 9;
		record->header.len = PG_UINT32_MAX - 7;
		record->header.len = MAXALIGN(sizeof(PgtCursorRecord) + 32);
		record->header.type = PGT_RECORD_BIND;
		record->header.type = PGT_RECORD_CURSOR;
		record->total_len = PG_UINT64_MAX;
		record->total_len = total_len;
	}
}

static PgtSession *
free_session(const Area *area)
{
	for (int i = area->nsessions - 1; i > 0; i--)
	{
		if (area->sessions[i].state == PGT_SESSION_FREE)
			return &area->sessions[i];
	}
	return NULL;
}

/* Ask for a trace of a process, with its number, that isn't to be traced. */
static void
ask_for(const Area *area, int pid, int proc_number, bool forked,
		PgtSessionState state)
{
	PgtSession *session = free_session(area);

	if (session == NULL)
		return;
	session->generation = area->shared->next_generation++;
	session->pid = pid;
	session->proc_number = proc_number;
	session->forked = forked;
	session->options.waits = true;
	memset(session->application_name, 'x', NAMEDATALEN);
	memset(session->image, 'x', BGW_MAXLEN);
	strlcpy(session->trace_file, "/dev/null", MAXPGPATH);
	session->state = state;
}

static void
attack_entries(const Area *area, int pid, int round)
{
	PgtSession *own = own_session(area);

	switch (round % 12)
	{
		case 0:
			ask_for(area, pid, 0, false, PGT_SESSION_STARTING);
			break;
		case 1:
			ask_for(area, pid, -1, true, PGT_SESSION_STARTING);
			break;
		case 2:
			ask_for(area, pid, 100000000, false, PGT_SESSION_STARTING);
			break;
		case 3:
			ask_for(area, pid, -1, true, PGT_SESSION_ACTIVE);
			break;
		case 4:
			ask_for(area, 1, 0, false, PGT_SESSION_STARTING);
			break;
		case 5:
			ask_for(area, MyProcPid, -100000000, false, PGT_SESSION_STARTING);
			break;
		case 6:
			/* one after the last */
			ask_for(area, MyProcPid, area->nprocs, false, PGT_SESSION_STARTING);
			break;
		case 7:
			area->arrivals[0].pid = pid;
			area->arrivals[0].leader_pid = MyProcPid;
			pg_atomic_write_u32(&area->arrivals[0].state, 2);
			break;
		case 8:
			own->proc_number = 100000000;
			own->leader_cursor = 10;
			break;
		case 9:
			strlcpy(own->options.identifier, "/../../../x", NAMEDATALEN);
			strlcpy(own->trace_file, "/dev/null", MAXPGPATH);
			own->options.node_timing = own->options.plan_stat = 1000000;
			break;
		case 10:
			pg_atomic_write_u32(&area->flags[PGT_PROC_NUMBER(MyProc)],
								1000000);
			pg_atomic_write_u32(&own->waiting, 1);
			break;
		case 11:
			pg_atomic_write_u32(&area->shared->worker_asleep, 1);
			break;
	}
	if (area->shared->worker.proc_number >= 0)
		SetLatch(&ProcGlobal->allProcs[area->shared->worker.proc_number].procLatch);
}

Datum
attack(PG_FUNCTION_ARGS)
{
	uint64		end_ns = pgt_clock_now() + PG_GETARG_FLOAT8(1) * NS_IN_S;
	int			pid = PG_GETARG_INT32(2);
	Area		area;
	PgtSession *session;
	PgtQueuePlace place;
	int			round = 0;

	find_area(&area, PG_GETARG_INT64(0));
	session = own_session(&area);
	place = place_of(&area, session);
	while (pgt_clock_now() < end_ns)
	{
		PgtCursorRecord *record = send_cursor(place, 9);

		if (record != NULL)
			change_record(record, 9);
		if (round % 16 == 0)
			attack_entries(&area, pid, round / 16);
		if (round % 64 == 7)
			pg_atomic_write_u64(&place.queue->head, PG_UINT64_MAX - round);
		if (round % 64 == 23)
			pg_atomic_write_u64(&place.queue->tail,
								pg_atomic_read_u64(&place.queue->head) + 8);
		round++;
		CHECK_FOR_INTERRUPTS();
		pg_usleep(200);
	}
	PG_RETURN_INT32(round);
}

Datum
forge_text(PG_FUNCTION_ARGS)
{
	Area		area;
	PgtQueuePlace place;
	int			sent = 0;

	find_area(&area, PG_GETARG_INT64(0));
	place = place_of(&area, own_session(&area));
	for (int i = 0; i < PG_GETARG_INT32(2); i++)
	{
		if (send_cursor(place, PG_GETARG_INT64(1)) != NULL)
			sent++;
	}
	PG_RETURN_INT32(sent);
}

/* ----------
 * Standing still
 * ----------
 */

Datum
stop_in_record(PG_FUNCTION_ARGS)
{
	Area		area;
	PgtSession *session;

	find_area(&area, PG_GETARG_INT64(0));
	session = own_session(&area);
	pg_atomic_exchange_u32(&session->writing, session->generation);
	raise(SIGSTOP);
	pg_atomic_exchange_u32(&session->writing, 0);
	PG_RETURN_VOID();
}

Datum
stop_in_activity(PG_FUNCTION_ARGS)
{
	PGSTAT_BEGIN_WRITE_ACTIVITY(MyBEEntry);
	raise(SIGSTOP);
	PGSTAT_END_WRITE_ACTIVITY(MyBEEntry);
	PG_RETURN_VOID();
}

Datum
stop_with_lock(PG_FUNCTION_ARGS)
{
	LWLock	   *lock = &GetNamedLWLockTranche("pg_trace_bgw")->lock;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	raise(SIGSTOP);
	LWLockRelease(lock);
	PG_RETURN_VOID();
}
