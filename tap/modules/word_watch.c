/*
 * word_watch.c
 *		A test module that records every store to wait_event_info.
 *
 * This is the tests' ground truth for wait events.  It shares nothing with the
 * way in which the extension finds waits, and needs no debug registers, which
 * some machines don't have: the word is one that the process may not write.
 *
 * watch_word(file) has the server's variable my_wait_event_info point to a page
 * of this process's own, which is read-only and has nothing else on it.
 * Whatever instruction stores there is interrupted by SIGSEGV.  The handler
 * opens the page and lets the process go on for one instruction, after which
 * comes SIGTRAP.  That handler notes the time and the value, copies the value
 * to PGPROC, where everybody else looks for it, and closes the page again.  All
 * that is done before the next instruction, on which a uprobe may be; and a
 * hardware watchpoint on the word in PGPROC sees the copy, which is the only
 * store to it.  So whatever the extension notes about a store, it notes it after
 * the time here, and before that of the next store.
 *
 * The file, whose name has the process's pid appended, begins with struct Header
 * and has a struct Store for each of them, in order.  It is mapped, so it is
 * complete however the process ends.  unwatch_word() ends it; otherwise the
 * process's end does, when it gives back its PGPROC.
 *
 * The variable is found by its name: naming it here would make this module one
 * of those that may report waits.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(watch_word);
PG_FUNCTION_INFO_V1(unwatch_word);

#ifdef __x86_64__

#define MAX_STORES	(16 * 1024 * 1024)

/* x86-64: an exception after the next instruction */
#define TRAP_FLAG	0x100

typedef struct Store
{
	uint64		time_ns;		/* CLOCK_MONOTONIC */
	uint64		value;
} Store;

typedef struct Header
{
	uint64		count;			/* of stores in the file */
	uint64		lost;			/* that had no room, or weren't noticed */
	uint64		end_ns;			/* 0 until the end, or if the process ended */
	uint64		unused;
} Header;

typedef struct Log
{
	Header		header;
	Store		stores[MAX_STORES];
} Log;

static Log *stores = NULL;
static uint32 **pointer;		/* my_wait_event_info */
static volatile uint32 *page;	/* where it points to while this is on */
static volatile uint32 *word;	/* in PGPROC */
static size_t page_size;
static struct sigaction usual_fault;
static struct sigaction usual_step;

/*
 * What was blocked before the step.  The kernel's signal set is that long,
 * whatever sigset_t has in addition.
 */
static volatile bool stepping = false;
static uint64 usual_mask;

static uint64
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64CONST(1000000000) + now.tv_nsec;
}

/* ----------
 * Signal handlers: nothing but system calls
 * ----------
 */

/* Nothing else may run during the step: it might store as well. */
static void
block_others(ucontext_t *context)
{
	uint64		mask = ~UINT64CONST(0);

	mask &= ~(UINT64CONST(1) << (SIGTRAP - 1));
	mask &= ~(UINT64CONST(1) << (SIGSEGV - 1));
	memcpy(&usual_mask, &context->uc_sigmask, sizeof(usual_mask));
	memcpy(&context->uc_sigmask, &mask, sizeof(mask));
}

static void
on_fault(int signo pg_attribute_unused(), siginfo_t *info, void *arg)
{
	ucontext_t *context = arg;
	int			save_errno = errno;

	/* Anything else happens once more, and is what it would be without us. */
	if (info->si_addr != page || stepping)
	{
		sigaction(SIGSEGV, &usual_fault, NULL);
		return;
	}
	/* Somebody has stored to the word, but not through the pointer. */
	if (*word != *page)
		stores->header.lost++;

	mprotect(unvolatize(uint32 *, page), page_size, PROT_READ | PROT_WRITE);
	stepping = true;
	block_others(context);
	context->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
	errno = save_errno;
}

static void
on_step(int signo pg_attribute_unused(),
		siginfo_t *info pg_attribute_unused(), void *arg)
{
	ucontext_t *context = arg;
	int			save_errno = errno;
	Header	   *header = &stores->header;
	uint32		value = *page;

	if (!stepping)
	{
		sigaction(SIGTRAP, &usual_step, NULL);
		raise(SIGTRAP);
		return;
	}
	if (header->count < MAX_STORES)
	{
		stores->stores[header->count].time_ns = now_ns();
		stores->stores[header->count].value = value;
		header->count++;
	}
	else
		header->lost++;
	*word = value;

	mprotect(unvolatize(uint32 *, page), page_size, PROT_READ);
	stepping = false;
	memcpy(&context->uc_sigmask, &usual_mask, sizeof(usual_mask));
	context->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	errno = save_errno;
}

/* ----------
 * Begin and end
 * ----------
 */

static void *
map(int fd, size_t size)
{
	int			flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void	   *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (memory == MAP_FAILED)
		elog(ERROR, "could not map memory: %m");
	return memory;
}

static void
open_log(const char *file)
{
	char	   *path = psprintf("%s.%d", file, MyProcPid);
	int			fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);

	/* as large as it may become, but without blocks on disk */
	if (fd < 0 || ftruncate(fd, sizeof(Log)) != 0)
		elog(ERROR, "could not make \"%s\": %m", path);
	stores = map(fd, sizeof(Log));
	close(fd);
}

static void
install(int signo, void (*handler) (int, siginfo_t *, void *),
		struct sigaction *usual)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigfillset(&action.sa_mask);
	if (sigaction(signo, &action, usual) != 0)
		elog(ERROR, "could not handle a signal: %m");
}

/* Returns true, also if it does so already. */
Datum
watch_word(PG_FUNCTION_ARGS)
{
	if (stores != NULL)
		PG_RETURN_BOOL(true);

	pointer = dlsym(RTLD_DEFAULT, "my_wait_event_info");
	if (pointer == NULL || *pointer != &MyProc->wait_event_info)
		elog(ERROR, "waits are not reported in PGPROC");
	word = *pointer;
	if (page == NULL)
	{
		page_size = sysconf(_SC_PAGESIZE);
		page = map(-1, page_size);
	}
	open_log(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	install(SIGSEGV, on_fault, &usual_fault);
	install(SIGTRAP, on_step, &usual_step);
	*page = *word;
	if (mprotect(unvolatize(uint32 *, page), page_size, PROT_READ) != 0)
		elog(ERROR, "could not protect memory: %m");
	*pointer = unvolatize(uint32 *, page);
	PG_RETURN_BOOL(true);
}

Datum
unwatch_word(PG_FUNCTION_ARGS)
{
	if (stores == NULL)
		elog(ERROR, "the word is not watched");
	if (*word != *page)
		stores->header.lost++;
	*pointer = unvolatize(uint32 *, word);
	sigaction(SIGSEGV, &usual_fault, NULL);
	sigaction(SIGTRAP, &usual_step, NULL);
	mprotect(unvolatize(uint32 *, page), page_size, PROT_READ | PROT_WRITE);
	stores->header.end_ns = now_ns();
	munmap(stores, sizeof(Log));
	stores = NULL;
	PG_RETURN_VOID();
}

#else

Datum
watch_word(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	elog(ERROR, "single steps are those of x86-64");
}

Datum
unwatch_word(PG_FUNCTION_ARGS)
{
	return watch_word(fcinfo);
}

#endif
