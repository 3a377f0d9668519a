/*
 * entry.c
 *		The worker's way to what sessions have put into shared memory.
 *
 * The worker has capabilities that no other process of the server has, and all
 * of them can write anything to shared memory at any time.  So the worker
 * copies what it needs, once, and checks the copy: a slot is one of its own
 * count, a pid is that of a child of the postmaster, a PGPROC's number is in
 * the array.
 * It keeps the copy for as long as the trace lasts.
 *
 * What it has to trust is PostgreSQL's own memory, where that isn't worth a
 * check: its locks, latches, PGPROCs and pg_stat_activity.
 */
#include "postgres.h"

#include <ctype.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "miscadmin.h"

#include "bgworker/tracer/entry.h"
#include "extension/clock.h"

/* Whoever holds the lock looks through entries or copies them: some us. */
#define LOCK_PATIENCE_NS	UINT64CONST(100000000)

bool
pgt_entry_lock(LWLockMode mode)
{
	static bool reported = false;
	static uint64 given_up_ns = 0;
	uint64		deadline_ns = 0;

	while (!LWLockConditionalAcquire(pgt_lock, mode))
	{
		uint64		now_ns = pgt_clock_now();

		/* not again each time */
		if (given_up_ns != 0 && now_ns < given_up_ns + 10 * LOCK_PATIENCE_NS)
			return false;
		if (deadline_ns == 0)
			deadline_ns = now_ns + LOCK_PATIENCE_NS;
		if (now_ns > deadline_ns)
		{
			given_up_ns = now_ns;
			if (!reported)
				ereport(LOG,
						(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
						 errmsg("the lock of the traces' registry is not given back"),
						 errdetail("The worker goes on without it."),
						 errhint("A process of the server may have been stopped while it held the lock.")));
			reported = true;
			return false;
		}
		sched_yield();
	}
	given_up_ns = 0;
	return true;
}

void
pgt_entry_unlock(bool locked)
{
	if (locked)
		LWLockRelease(pgt_lock);
}

void
pgt_entry_copy(PgtSession *copy, int slot)
{
	bool		locked = pgt_entry_lock(LW_SHARED);

	pgt_session_copy(copy, &pgt_sessions[slot]);
	pgt_entry_unlock(locked);
}

/* The parent of a process, 0 if there is no such process. */
static int
parent_of(int pid)
{
	char		path[64];
	char		content[512];
	const char *end;
	ssize_t		len = -1;
	int			parent = 0;
	int			fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
	{
		len = read(fd, content, sizeof(content) - 1);
		close(fd);
	}
	if (len <= 0)
		return 0;
	content[len] = '\0';
	/* pid (name) state parent; the name may contain anything */
	end = strrchr(content, ')');
	if (end == NULL || sscanf(end, ") %*c %d", &parent) != 1)
		return 0;
	return parent;
}

bool
pgt_entry_is_process(int pid)
{
	return pid > 0 && pid != MyProcPid && parent_of(pid) == PostmasterPid;
}

PGPROC *
pgt_entry_proc(int proc_number, int pid)
{
	PGPROC	   *proc;

	if (proc_number < 0 || proc_number >= pgt_nprocs)
		return NULL;
	proc = &ProcGlobal->allProcs[proc_number];
	return *(volatile int *) &proc->pid == pid ? proc : NULL;
}

bool
pgt_entry_is_identifier(const char *identifier)
{
	for (; *identifier != '\0'; identifier++)
	{
		unsigned char c = *identifier;

		if (c >= 0x80 || (!isalnum(c) && c != '_' && c != '-'))
			return false;
	}
	return true;
}

void
pgt_entry_changed(int slot)
{
	/* what has changed is visible before the flags are looked at */
	pg_memory_barrier();
	for (int i = 0; i < pgt_nprocs; i++)
	{
		uint32		awaited = pg_atomic_read_u32(&pgt_waiters[i]);

		if (awaited == (uint32) slot + 1 || awaited == PGT_ANY_SLOT)
			SetLatch(&ProcGlobal->allProcs[i].procLatch);
	}
}
