/*-------------------------------------------------------------------------
 *
 * stepper.c
 *	  Run a program step by step and say what happens to a word of it.
 *
 * usage: stepper SITESFILE PROGRAM
 *
 * The program has a breakpoint instruction of its own where it is to start,
 * with the word's address in rax, and another one where it is to end.  Each
 * line of SITESFILE is a file that the program has mapped and an offset in
 * it, hexadecimal.  The output has a line "STEP store VALUE" whenever a step
 * has changed the word, and "STEP site NUMBER" whenever the next one is the
 * instruction of that line, counted from 0: what really happened, and what
 * probes on these instructions would have been told.
 *
 * x86-64 only.  Exit status 1, and why on stderr, if it can't be done.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap/programs/fail.h"

#define MAX_SITES	1024
#define MAX_STEPS	2000000

typedef struct Site
{
	char		file[PATH_MAX];
	uint64_t	offset;
	uint64_t	addr;			/* 0 until the file is mapped */
} Site;

static Site sites[MAX_SITES];
static int	nsites;

static void read_sites(const char *path);
static pid_t start_program(char *program);
static void wait_for_trap(pid_t pid);
static void find_addresses(pid_t pid);
static struct user_regs_struct get_registers(pid_t pid);
static uint32_t read_word(pid_t pid, uint64_t addr);
static bool is_breakpoint(pid_t pid, uint64_t addr);
static void run_steps(pid_t pid, uint64_t word);

int
main(int argc, char **argv)
{
	pid_t		pid;

	if (argc != 3)
		fail("usage: stepper SITESFILE PROGRAM");
	read_sites(argv[1]);
	pid = start_program(argv[2]);
	find_addresses(pid);
	run_steps(pid, get_registers(pid).rax);
	kill(pid, SIGKILL);
	return 0;
}

static void
read_sites(const char *path)
{
	FILE	   *file = fopen(path, "r");

	if (file == NULL)
		fail("could not open \"%s\": %m", path);
	while (nsites < MAX_SITES &&
		   fscanf(file, "%4095s %" SCNx64, sites[nsites].file,
				  &sites[nsites].offset) == 2)
		nsites++;
	if (!feof(file))
		fail("\"%s\" is not a list of sites", path);
	fclose(file);
}

/* Returns when the program is at its first breakpoint. */
static pid_t
start_program(char *program)
{
	pid_t		pid = fork();

	if (pid < 0)
		fail("could not fork: %m");
	if (pid == 0)
	{
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
			execl(program, program, (char *) NULL);
		fail("could not run \"%s\": %m", program);
	}
	wait_for_trap(pid);
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL) != 0 ||
		ptrace(PTRACE_CONT, pid, NULL, NULL) != 0)
		fail("could not trace \"%s\": %m", program);
	wait_for_trap(pid);
	return pid;
}

static void
wait_for_trap(pid_t pid)
{
	int			status;

	if (waitpid(pid, &status, 0) != pid)
		fail("could not wait for the program: %m");
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
		fail("the program ended, or was stopped by another signal");
}

/* Where the files are mapped */
static void
find_addresses(pid_t pid)
{
	char		name[64];
	char		line[PATH_MAX + 128];
	FILE	   *maps;

	snprintf(name, sizeof(name), "/proc/%d/maps", (int) pid);
	maps = fopen(name, "r");
	if (maps == NULL)
		fail("could not open \"%s\": %m", name);
	while (fgets(line, sizeof(line), maps) != NULL)
	{
		uint64_t	start;
		uint64_t	end;
		uint64_t	offset;
		char		mode[5];
		char		file[PATH_MAX];

		if (sscanf(line,
				   "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*u %4095s",
				   &start, &end, mode, &offset, file) != 5 || mode[2] != 'x')
			continue;
		for (int i = 0; i < nsites; i++)
		{
			if (strcmp(sites[i].file, file) == 0 &&
				sites[i].offset >= offset &&
				sites[i].offset - offset < end - start)
				sites[i].addr = start + (sites[i].offset - offset);
		}
	}
	fclose(maps);
	for (int i = 0; i < nsites; i++)
	{
		if (sites[i].addr == 0)
			fail("offset %#" PRIx64 " of \"%s\" is not in the code",
				 sites[i].offset, sites[i].file);
	}
}

static struct user_regs_struct
get_registers(pid_t pid)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0)
		fail("could not read the registers: %m");
	return registers;
}

static uint32_t
read_word(pid_t pid, uint64_t addr)
{
	long		word;

	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, pid, (void *) addr, NULL);
	if (errno != 0)
		fail("could not read the word: %m");
	return (uint32_t) word;
}

static bool
is_breakpoint(pid_t pid, uint64_t addr)
{
	long		code;

	errno = 0;
	code = ptrace(PTRACE_PEEKTEXT, pid, (void *) addr, NULL);
	return errno == 0 && (code & 0xff) == 0xcc;
}

static void
run_steps(pid_t pid, uint64_t word)
{
	uint32_t	value = read_word(pid, word);
	uint64_t	before = get_registers(pid).rip;

	for (int step = 1; step < MAX_STEPS; step++)
	{
		struct user_regs_struct now;
		uint32_t	new_value;

		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0)
			fail("could not step: %m");
		wait_for_trap(pid);
		now = get_registers(pid);
		new_value = read_word(pid, word);
		if (new_value != value)
			printf("%d store %" PRIx32 "\n", step, new_value);
		value = new_value;
		for (int i = 0; i < nsites; i++)
		{
			if (sites[i].addr == now.rip)
				printf("%d site %d\n", step, i);
		}

		/* Only the breakpoint at the end has a zero there. */
		if (now.rax == 0 && is_breakpoint(pid, before))
			return;
		before = now.rip;
	}
	fail("the program does not end");
}
