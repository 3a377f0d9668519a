/*
 * session.c
 *		The registry of traced processes, in shared memory.
 *
 * Control flows through here: a session (sqlfuncs.c, or hooks.c for
 * pg_trace.session) asks for a trace by filling a slot, the worker opens the
 * file and attaches the probes, sets the flag that the traced process's hooks
 * test, and reports back.  Slots and their queues are allocated when the
 * server starts, so that starting a trace can't fail for want of memory and
 * what a backend has sent stays readable whatever becomes of it.
 */
#include "postgres.h"

#include "libpq/libpq-be.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "extension/compat.h"
#include "extension/guc.h"
#include "extension/options.h"
#include "extension/session.h"

#define TRANCHE_NAME	"pg_trace_bgw"

/* How often, and how far apart, the worker is asked again */
#define RETRIES			20
#define RETRY_MS		50

/* How long a worker that isn't running is waited for: it is restarted. */
#define RESTART_TIMEOUT_MS	2000

PgtShared  *pgt_shared = NULL;
LWLock	   *pgt_lock = NULL;
int			pgt_nsessions = 0;
int			pgt_nprocs = 0;
PgtSession *pgt_sessions = NULL;
PgtArrival *pgt_arrivals = NULL;
PgtQueuePlace *pgt_queues = NULL;
pg_atomic_uint32 *pgt_flags = NULL;
pg_atomic_uint32 *pgt_waiters = NULL;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

static int
number_of_procs(void)
{
	return MaxBackends + NUM_AUXILIARY_PROCS;
}

static Size
queue_bytes(void)
{
	return (Size) pgt_queue_size * 1024;
}

static Size
shared_size(void)
{
	Size		size = CACHELINEALIGN(sizeof(PgtShared));

	size = add_size(size, CACHELINEALIGN(mul_size(pgt_max_sessions,
												  sizeof(PgtSession))));
	size = add_size(size, CACHELINEALIGN(mul_size(pgt_max_sessions,
												  sizeof(PgtArrival))));
	/* pgt_flags and pgt_waiters */
	size = add_size(size, 2 * CACHELINEALIGN(mul_size(number_of_procs(),
													  sizeof(pg_atomic_uint32))));
	size = add_size(size, mul_size(pgt_max_sessions, queue_bytes()));
	return add_size(size, PG_CACHE_LINE_SIZE);
}

static void
shmem_request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();

	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche(TRANCHE_NAME, 1);
}

/* Where everything is, as shared_size() has counted it */
static void
locate(PgtShared *shared)
{
	char	   *p = (char *) CACHELINEALIGN((char *) shared + sizeof(PgtShared));

	pgt_lock = &GetNamedLWLockTranche(TRANCHE_NAME)->lock;
	pgt_nsessions = pgt_max_sessions;
	pgt_nprocs = number_of_procs();
	pgt_sessions = (PgtSession *) p;
	p += CACHELINEALIGN(pgt_nsessions * sizeof(PgtSession));
	pgt_arrivals = (PgtArrival *) p;
	p += CACHELINEALIGN(pgt_nsessions * sizeof(PgtArrival));
	pgt_flags = (pg_atomic_uint32 *) p;
	p += CACHELINEALIGN(pgt_nprocs * sizeof(pg_atomic_uint32));
	pgt_waiters = (pg_atomic_uint32 *) p;
	p += CACHELINEALIGN(pgt_nprocs * sizeof(pg_atomic_uint32));

	/* a crash of another process has the postmaster come here again */
	if (pgt_queues == NULL)
		pgt_queues = MemoryContextAlloc(TopMemoryContext,
										sizeof(PgtQueuePlace) * pgt_nsessions);
	for (int i = 0; i < pgt_nsessions; i++)
	{
		pgt_queues[i].queue = &pgt_sessions[i].queue;
		pgt_queues[i].data = p;
		pgt_queues[i].size = queue_bytes();
		p += queue_bytes();
	}
}

static void
initialize(PgtShared *shared)
{
	memset(shared, 0, sizeof(PgtShared));
	shared->next_generation = 1;
	shared->worker.proc_number = -1;
	pg_atomic_init_u32(&shared->worker_asleep, 0);

	for (int i = 0; i < pgt_nprocs; i++)
	{
		pg_atomic_init_u32(&pgt_flags[i], 0);
		pg_atomic_init_u32(&pgt_waiters[i], 0);
	}

	for (int i = 0; i < pgt_nsessions; i++)
	{
		PgtSession *session = &pgt_sessions[i];

		memset(&pgt_arrivals[i], 0, sizeof(PgtArrival));
		pg_atomic_init_u32(&pgt_arrivals[i].state, 0);
		memset(session, 0, sizeof(PgtSession));
		pg_atomic_init_u64(&session->bytes_written, 0);
		pg_atomic_init_u64(&session->sql_events, 0);
		pg_atomic_init_u64(&session->wait_events, 0);
		pg_atomic_init_u64(&session->lost_events, 0);
		pg_atomic_init_u32(&session->libraries_wanted, 0);
		pg_atomic_init_u32(&session->libraries_done, 0);
		pg_atomic_init_u32(&session->options_version, 0);
		pg_atomic_init_u32(&session->writing, 0);
		pg_atomic_init_u32(&session->waiting, 0);
		pg_atomic_init_u32(&session->half_full, 0);
		pgt_queue_init(&session->queue);
	}
}

static void
shmem_startup(void)
{
	bool		found;
	PgtShared  *shared;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("pg_trace_bgw", shared_size(), &found);
	locate(shared);
	if (!found)
		initialize(shared);
	LWLockRelease(AddinShmemInitLock);
	pgt_shared = shared;
}

void
pgt_session_install(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = shmem_request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}

PGPROC *
pgt_session_find_proc(int pid)
{
	PGPROC	   *proc = BackendPidGetProc(pid);

	return proc != NULL ? proc : AuxiliaryPidGetProc(pid);
}

PgtSession *
pgt_session_find(int pid)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		PgtSession *session = &pgt_sessions[i];

		if (session->state != PGT_SESSION_FREE && session->pid == pid)
			return session;
	}
	return NULL;
}

void
pgt_session_describe_self(PgtSession *session)
{
	PGPROC	   *leader = MyProc->lockGroupLeader;

	session->pid = MyProcPid;
	session->proc_number = PGT_PROC_NUMBER(MyProc);
	session->leader_pid = leader != NULL && leader != MyProc ? leader->pid : 0;
	session->backend_type = MyBackendType;
	strlcpy(session->image, MyBgworkerEntry != NULL ?
			MyBgworkerEntry->bgw_type : GetBackendTypeDesc(MyBackendType),
			BGW_MAXLEN);
	session->remote = false;
	session->forked = false;
	session->database = MyDatabaseId;
	session->role = MyProc->roleId;
	session->backend_start = MyStartTimestamp;
	if (MyProcPort != NULL)
	{
		if (MyProcPort->database_name != NULL)
			namestrcpy(&session->database_name, MyProcPort->database_name);
		if (MyProcPort->user_name != NULL)
			namestrcpy(&session->role_name, MyProcPort->user_name);
	}
	if (application_name != NULL && application_name[0] != '\0')
		strlcpy(session->application_name, application_name, NAMEDATALEN);
}

/* A byte of shared memory may be neither true nor false. */
static bool
as_bool(const bool *value)
{
	return *(const unsigned char *) value != 0;
}

#define END_STRING(array)	((array)[sizeof(array) - 1] = '\0')

void
pgt_session_copy(PgtSession *copy, const PgtSession *session)
{
	PgtOptions *options = &copy->options;

	memcpy(copy, session, sizeof(PgtSession));

	END_STRING(copy->image);
	END_STRING(NameStr(copy->database_name));
	END_STRING(NameStr(copy->role_name));
	END_STRING(copy->application_name);
	END_STRING(copy->probe);
	END_STRING(copy->trace_file);
	END_STRING(copy->last_error);
	copy->remote = as_bool(&copy->remote);
	copy->forked = as_bool(&copy->forked);
	copy->refused_disabled = as_bool(&copy->refused_disabled);

	END_STRING(options->identifier);
	options->waits = as_bool(&options->waits);
	options->binds = as_bool(&options->binds);
	options->cpu = as_bool(&options->cpu);
	if (options->plan_stat < PGT_PLAN_STAT_NEVER ||
		options->plan_stat > PGT_PLAN_STAT_ALL)
		options->plan_stat = PGT_PLAN_STAT_NEVER;
	if (options->node_timing < PGT_NODE_TIMING_OFF ||
		options->node_timing > PGT_NODE_TIMING_EXACT)
		options->node_timing = PGT_NODE_TIMING_OFF;
}

/* ----------
 * Waiting for the worker
 * ----------
 *
 * By latches, not by condition variables: these would stand in our shared
 * memory, and a process that scribbles there could make others spin on their
 * spinlocks for ever, or follow their lists anywhere.
 */

/* Whoever is woken for nothing falls asleep again. */
static void
wake_everyone(void)
{
	for (int i = 0; i < pgt_nprocs; i++)
		SetLatch(&ProcGlobal->allProcs[i].procLatch);
}

void
pgt_session_wake_worker(void)
{
	int			proc_number = pgt_shared->worker.proc_number;
	int			pid = pgt_shared->worker.pid;

	if (proc_number >= 0 && proc_number < pgt_nprocs &&
		ProcGlobal->allProcs[proc_number].pid == pid)
		SetLatch(&ProcGlobal->allProcs[proc_number].procLatch);
	/* somebody has scribbled there; the worker mends it when it wakes up */
	else if (pid != 0 || proc_number != -1)
		wake_everyone();
}

void
pgt_session_await(const PgtSession *session)
{
	/* a full barrier: the worker sees this, or we see what it did */
	pg_atomic_exchange_u32(&pgt_waiters[PGT_PROC_NUMBER(MyProc)],
						   session == NULL ? 0 : session - pgt_sessions + 1);
}

void
pgt_session_sleep(long timeout_ms, uint32 wait_event)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 timeout_ms, wait_event);
	ResetLatch(MyLatch);
}

/*
 * Wait until a session is no longer in a given state.  Returns false if it
 * still is after timeout_ms.
 */
static bool
wait_while(PgtSession *session, uint32 generation, PgtSessionState state,
		   int timeout_ms)
{
	static uint32 wait_event = 0;
	TimestampTz deadline;
	bool		over = false;

	if (pgt_shared->worker.proc_number < 0)
	{
		wake_everyone();
		timeout_ms = Min(timeout_ms, RESTART_TIMEOUT_MS);
	}
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);

	pgt_session_await(session);
	for (;;)
	{
		long		left_ms;

		LWLockAcquire(pgt_lock, LW_SHARED);
		over = session->generation != generation || session->state != state;
		LWLockRelease(pgt_lock);
		if (over)
			break;

		left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
												  deadline);
		if (left_ms <= 0)
			break;
		pgt_session_sleep(left_ms, pgt_wait_event(&wait_event,
												  "PgTraceControl"));
		CHECK_FOR_INTERRUPTS();
	}
	pgt_session_await(NULL);
	return over;
}

/* Say in error and hint why the worker doesn't answer. */
static void
explain_silence(char *error, const char **hint)
{
	bool		runs;

	LWLockAcquire(pgt_lock, LW_SHARED);
	runs = pgt_shared->worker.pid != 0;
	LWLockRelease(pgt_lock);

	if (!runs)
	{
		strlcpy(error, "the pg_trace_bgw background worker is not running",
				PGT_ERROR_LEN);
		*hint = "See the server log; check max_worker_processes.";
	}
	else
	{
		strlcpy(error,
				"the pg_trace_bgw background worker did not answer in time",
				PGT_ERROR_LEN);
		*hint = "The request stays in force; see pg_trace_status and the server log.";
	}
}

static int
number_of_free_slots(void)
{
	int			nfree = 0;

	for (int i = 0; i < pgt_nsessions; i++)
		nfree += pgt_sessions[i].state == PGT_SESSION_FREE;
	return nfree;
}

/* The last slots are for superusers. */
static bool
may_take_slot(const PgtSession *description)
{
	return !OidIsValid(description->owner) ||
		number_of_free_slots() > pgt_superuser_reserved_sessions;
}

PgtSession *
pgt_session_allocate(const PgtSession *description)
{
	if (!may_take_slot(description))
		return NULL;
	for (int i = 0; i < pgt_nsessions; i++)
	{
		PgtSession *session = &pgt_sessions[i];

		/* a backend that is still in the middle of a record keeps its slot */
		if (session->state != PGT_SESSION_FREE ||
			pg_atomic_read_u32(&session->writing) != 0)
			continue;

		memcpy(session, description, offsetof(PgtSession, started_at));
		session->named_options = 0;
		session->state = PGT_SESSION_STARTING;
		session->generation = pgt_shared->next_generation++;
		if (pgt_shared->next_generation == 0)
			pgt_shared->next_generation = 1;
		session->started_at = 0;
		session->probe[0] = '\0';
		session->trace_file[0] = '\0';
		session->last_error[0] = '\0';
		session->refused_disabled = false;
		pg_atomic_write_u64(&session->bytes_written, 0);
		pg_atomic_write_u64(&session->sql_events, 0);
		pg_atomic_write_u64(&session->wait_events, 0);
		pg_atomic_write_u64(&session->lost_events, 0);
		pg_atomic_write_u32(&session->libraries_wanted, 0);
		pg_atomic_write_u32(&session->libraries_done, 0);
		pg_atomic_write_u32(&session->options_version, 0);
		pg_atomic_write_u32(&session->half_full, 0);
		pgt_queue_reset(&session->queue);
		return session;
	}
	return NULL;
}

/*
 * Is there a slot that the worker will soon have free?  Caller holds the lock.
 */
static bool
some_slot_is_ending(void)
{
	for (int i = 0; i < pgt_nsessions; i++)
	{
		const PgtSession *session = &pgt_sessions[i];

		if (session->state == PGT_SESSION_STOPPING ||
			(session->proc_number >= 0 && session->proc_number < pgt_nprocs &&
			 ProcGlobal->allProcs[session->proc_number].pid != session->pid))
			return true;
	}
	return false;
}

/*
 * The slot that traces what description describes, taken if there is none
 * yet; NULL with the reason if that can't be.  A trace of the process that is
 * about to end is waited for; *retry is set if others are about to.
 */
static PgtSession *
take_slot(const PgtSession *description, int timeout_ms, uint32 *generation,
		  char *error, const char **hint, int *sqlstate, bool *retry)
{
	PgtSession *session;
	bool		reserved;

	*retry = false;
	LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
	session = pgt_session_find(description->pid);
	if (session != NULL && session->state == PGT_SESSION_STOPPING)
	{
		*generation = session->generation;
		LWLockRelease(pgt_lock);
		if (!wait_while(session, *generation, PGT_SESSION_STOPPING,
						timeout_ms))
		{
			explain_silence(error, hint);
			return NULL;
		}
		LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
		session = pgt_session_find(description->pid);
	}
	if (session != NULL &&
		!pgt_options_change(session, description, error, hint, sqlstate))
	{
		LWLockRelease(pgt_lock);
		return NULL;
	}
	if (session == NULL)
		session = pgt_session_allocate(description);
	if (session != NULL)
		*generation = session->generation;
	*retry = session == NULL && some_slot_is_ending();
	reserved = !may_take_slot(description) && number_of_free_slots() > 0;
	LWLockRelease(pgt_lock);

	if (session == NULL && reserved)
	{
		strlcpy(error,
				"the remaining places are reserved for traces that superusers begin",
				PGT_ERROR_LEN);
		*hint = "Stop another trace, or have a superuser start this one.";
	}
	else if (session == NULL)
	{
		snprintf(error, PGT_ERROR_LEN,
				 "%d processes are being traced already",
				 pgt_nsessions);
		*hint = "Stop a trace, or increase pg_trace.max_sessions and restart the server.";
	}
	return session;
}

/* One attempt of pgt_session_start(); *retry: another one may succeed. */
static bool
try_start(const PgtSession *description, int timeout_ms,
		  char *path, char *error, const char **hint, int *sqlstate,
		  bool *retry)
{
	uint32		generation;
	PgtSession *session = take_slot(description, timeout_ms, &generation,
									error, hint, sqlstate, retry);
	bool		started;

	pgt_session_wake_worker();
	if (session == NULL)
		return false;

	if (!wait_while(session, generation, PGT_SESSION_STARTING, timeout_ms))
	{
		explain_silence(error, hint);
		return false;
	}

	LWLockAcquire(pgt_lock, LW_SHARED);
	started = session->generation == generation &&
		session->state == PGT_SESSION_ACTIVE;
	if (started)
		strlcpy(path, session->trace_file, MAXPGPATH);
	else if (session->generation == generation &&
			 session->failed_generation == generation)
	{
		strlcpy(error, session->last_error, PGT_ERROR_LEN);

		/*
		 * After a reload, this process may know before the worker does that
		 * pg_trace.enabled is on.
		 */
		*retry = session->refused_disabled && pgt_enabled;
	}
	else
		snprintf(error, PGT_ERROR_LEN, "the trace of process %d has ended",
				 description->pid);
	LWLockRelease(pgt_lock);
	return started;
}

bool
pgt_session_start(const PgtSession *description, int timeout_ms,
				  char *path, char *error, const char **hint, int *sqlstate)
{
	static uint32 wait_event = 0;
	bool		retry;

	*sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
	for (int attempt = 0;; attempt++)
	{
		*hint = NULL;
		if (try_start(description, timeout_ms, path, error, hint, sqlstate,
					  &retry))
			return true;
		if (!retry || attempt >= RETRIES)
			return false;
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 RETRY_MS,
						 pgt_wait_event(&wait_event, "PgTraceControl"));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

bool
pgt_session_stop(int pid, Oid requester, int timeout_ms,
				 char *path, char *error, const char **hint, int *sqlstate)
{
	PgtSession *session;
	uint32		generation;

	*hint = NULL;
	*sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
	LWLockAcquire(pgt_lock, LW_EXCLUSIVE);
	session = pgt_session_find(pid);
	if (session == NULL)
	{
		LWLockRelease(pgt_lock);
		snprintf(error, PGT_ERROR_LEN, "process %d is not being traced", pid);
		return false;
	}
	if (OidIsValid(requester) && !OidIsValid(session->owner))
	{
		LWLockRelease(pgt_lock);
		*sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE;
		strlcpy(error, "must be a superuser to end a trace that a superuser began",
				PGT_ERROR_LEN);
		return false;
	}
	generation = session->generation;
	strlcpy(path, session->trace_file, MAXPGPATH);
	session->state = PGT_SESSION_STOPPING;
	LWLockRelease(pgt_lock);

	pgt_session_wake_worker();
	if (!wait_while(session, generation, PGT_SESSION_STOPPING, timeout_ms))
	{
		explain_silence(error, hint);
		return false;
	}
	return true;
}
