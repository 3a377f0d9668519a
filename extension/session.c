/*
 * session.c
 *		The registry of traced processes, in shared memory.
 *
 * Slots and their queues are allocated when the server starts, so that starting
 * a trace can't fail for want of memory and what a backend has sent stays
 * readable whatever becomes of it.  Whoever wants a trace fills a slot
 * (control.c), the worker does what the slot asks for and reports there, and
 * each hook tests the flag of its process (activation.c).
 */
#include "postgres.h"

#include "libpq/libpq-be.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "extension/clock.h"
#include "extension/compat.h"
#include "extension/guc.h"
#include "extension/session.h"

#define TRANCHE_NAME	"pg_trace_bgw"

PgtShared  *pgt_shared = NULL;
LWLock	   *pgt_lock = NULL;
int			pgt_nsessions = 0;
int			pgt_nprocs = 0;
PgtSession *pgt_sessions = NULL;
PgtArrival *pgt_arrivals = NULL;
PgtQueuePlace *pgt_queues = NULL;
PgtLeaderStatement *pgt_leader_statements = NULL;
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
	size = add_size(size, CACHELINEALIGN(mul_size(pgt_max_sessions,
												  sizeof(PgtLeaderStatement))));
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
	pgt_leader_statements = (PgtLeaderStatement *) p;
	p += CACHELINEALIGN(pgt_nsessions * sizeof(PgtLeaderStatement));
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
		memset(&pgt_leader_statements[i], 0, sizeof(PgtLeaderStatement));
		pg_atomic_init_u32(&pgt_arrivals[i].state, 0);
		memset(session, 0, sizeof(PgtSession));
		pg_atomic_init_u64(&session->bytes_written, 0);
		pg_atomic_init_u64(&session->sql_events, 0);
		pg_atomic_init_u64(&session->wait_events, 0);
		pg_atomic_init_u64(&session->lost_events, 0);
		pg_atomic_init_u64(&session->told_events, 0);
		pg_atomic_init_u64(&session->told_queue, 0);
		pg_atomic_init_u64(&session->tracer_wait_us, 0);
		pg_atomic_init_u32(&session->libraries_wanted, 0);
		pg_atomic_init_u32(&session->libraries_done, 0);
		pg_atomic_init_u32(&session->options_version, 0);
		pg_atomic_init_u64(&session->waits_since_ns, 0);
		pg_atomic_init_u64(&session->went_on_ns, 0);
		pg_atomic_init_u32(&session->late_probes, 0);
		pg_atomic_init_u32(&session->exits, 0);
		pg_atomic_init_u32(&session->writing, 0);
		pg_atomic_init_u32(&session->waiting, 0);
		pg_atomic_init_u32(&session->half_full, 0);
		pg_atomic_init_u64(&session->waited_ns, 0);
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

void
pgt_session_check_loaded(void)
{
	if (pgt_shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_trace_bgw must be loaded by shared_preload_libraries"),
				 errhint("Add pg_trace_bgw to shared_preload_libraries in postgresql.conf and restart the server.")));
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
	session->bare = false;
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
	copy->bare = as_bool(&copy->bare);
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
void
pgt_session_wake_everyone(void)
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
		pgt_session_wake_everyone();
}

void
pgt_session_await(const PgtSession *session)
{
	/* a full barrier: the worker sees this, or we see what it did */
	pg_atomic_exchange_u32(&pgt_waiters[PGT_PROC_NUMBER(MyProc)],
						   session == NULL ? 0 : session - pgt_sessions + 1);
}

void
pgt_session_await_any(void)
{
	pg_atomic_exchange_u32(&pgt_waiters[PGT_PROC_NUMBER(MyProc)], PGT_ANY_SLOT);
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

bool
pgt_session_is_reserved(const PgtSession *description)
{
	return !may_take_slot(description) && number_of_free_slots() > 0;
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

		memcpy(session, description, offsetof(PgtSession, requested_ns));
		session->named_options = 0;
		session->state = PGT_SESSION_STARTING;
		session->generation = pgt_shared->next_generation++;
		if (pgt_shared->next_generation == 0)
			pgt_shared->next_generation = 1;
		session->requested_ns = pgt_clock_now();
		session->started_at = 0;
		session->running_since = 0;
		session->probe[0] = '\0';
		session->trace_file[0] = '\0';
		session->last_error[0] = '\0';
		session->refused_disabled = false;
		pg_atomic_write_u64(&session->bytes_written, 0);
		pg_atomic_write_u64(&session->sql_events, 0);
		pg_atomic_write_u64(&session->wait_events, 0);
		pg_atomic_write_u64(&session->lost_events, 0);
		pg_atomic_write_u64(&session->told_events, 0);
		pg_atomic_write_u64(&session->told_queue, 0);
		pg_atomic_write_u64(&session->tracer_wait_us, 0);
		pg_atomic_write_u32(&session->libraries_wanted, 0);
		pg_atomic_write_u32(&session->libraries_done, 0);
		pg_atomic_write_u32(&session->options_version, 0);
		pg_atomic_write_u64(&session->waits_since_ns, 0);
		pg_atomic_write_u64(&session->went_on_ns, 0);
		pg_atomic_write_u32(&session->late_probes, 0);
		pg_atomic_write_u32(&session->exits, 0);
		pg_atomic_write_u32(&session->half_full, 0);
		pg_atomic_write_u64(&session->waited_ns, 0);
		pgt_queue_reset(&session->queue);
		return session;
	}
	return NULL;
}
