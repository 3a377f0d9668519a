/*-------------------------------------------------------------------------
 *
 * breakpoints.c
 *	  Count the breakpoints that a process has at given instructions.
 *
 * usage: breakpoints PID OFFSETFILE
 *
 * OFFSETFILE lists file offsets of instructions in the process's executable,
 * hexadecimal, one a line.  For each of them the byte that the process would
 * execute is compared with the byte in the file.  The tests use this to show
 * that tracing one backend leaves the code of every other one as it was.
 *
 * The result is one line, "checked=N breakpoints=M".  A uprobe shows as int3
 * (0xCC) or, where the instruction is a five-byte nop, as the call (0xE8)
 * that newer kernels turn the int3 into after its first hit.  An offset that
 * can't be checked, or a byte that differs in another way, is an error: a
 * test that looks for "breakpoints=0" must not pass because nothing was seen.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap/programs/fail.h"

#define OPCODE_INT3 0xCC
#define OPCODE_CALL 0xE8

/* The kernel replaces just this form of the five-byte nop by a call. */
static const unsigned char nop5[] = {0x0F, 0x1F, 0x44, 0x00, 0x00};

/* A range of the executable file that the process has mapped as code. */
typedef struct CodeMapping
{
	uint64_t	start;			/* address in the process */
	uint64_t	offset;			/* of its first byte in the file */
	uint64_t	length;
} CodeMapping;

typedef struct Process
{
	pid_t		pid;
	int			memory_fd;
	int			file_fd;
	CodeMapping *mappings;
	size_t		mapping_count;
} Process;

static void open_process(Process *process, pid_t pid);
static int	open_proc(pid_t pid, const char *name);
static void read_mappings(Process *process);
static void add_mapping(Process *process, const CodeMapping *mapping);
static bool read_offset(FILE *file, const char *path, uint64_t *offset);
static bool has_breakpoint(const Process *process, uint64_t offset);
static uint64_t code_address(const Process *process, uint64_t offset);


int
main(int argc, char **argv)
{
	Process		process;
	FILE	   *offsets;
	uint64_t	offset;
	uint64_t	checked = 0;
	uint64_t	breakpoints = 0;
	pid_t		pid;

	if (argc != 3)
		fail("usage: breakpoints PID OFFSETFILE");
	pid = (pid_t) strtol(argv[1], NULL, 10);
	if (pid <= 0)
		fail("invalid process id \"%s\"", argv[1]);
	offsets = fopen(argv[2], "r");
	if (offsets == NULL)
		fail("could not open \"%s\": %m", argv[2]);

	open_process(&process, pid);
	while (read_offset(offsets, argv[2], &offset))
	{
		checked++;
		if (has_breakpoint(&process, offset))
			breakpoints++;
	}
	fclose(offsets);

	printf("checked=%" PRIu64 " breakpoints=%" PRIu64 "\n",
		   checked, breakpoints);
	if (fflush(stdout) != 0)
		fail("could not write to standard output: %m");

	free(process.mappings);
	close(process.file_fd);
	close(process.memory_fd);
	return 0;
}

/* Open what there is to compare: memory, file, and how they correspond. */
static void
open_process(Process *process, pid_t pid)
{
	memset(process, 0, sizeof(*process));
	process->pid = pid;
	process->memory_fd = open_proc(pid, "mem");
	/* The link also leads to an executable that was replaced since. */
	process->file_fd = open_proc(pid, "exe");
	read_mappings(process);
}

/* Open a file of the process's /proc directory. */
static int
open_proc(pid_t pid, const char *name)
{
	char		path[64];
	int			fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("could not open \"%s\": %m", path);
	return fd;
}

/* Collect the executable mappings of the executable file. */
static void
read_mappings(Process *process)
{
	char		link[64];
	char		exe[PATH_MAX];
	char		line[PATH_MAX + 128];
	ssize_t		length;
	FILE	   *maps;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int) process->pid);
	length = readlink(link, exe, sizeof(exe) - 1);
	if (length < 0)
		fail("could not read the link \"%s\": %m", link);
	exe[length] = '\0';

	maps = fdopen(open_proc(process->pid, "maps"), "r");
	if (maps == NULL)
		fail("could not read the mappings: %m");
	while (fgets(line, sizeof(line), maps) != NULL)
	{
		CodeMapping mapping;
		uint64_t	end;
		char		mode[5];
		int			path = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*u %n",
				   &mapping.start, &end, mode, &mapping.offset, &path) != 4 ||
			path == 0 || strcmp(line + path, exe) != 0 || mode[2] != 'x')
			continue;
		mapping.length = end - mapping.start;
		add_mapping(process, &mapping);
	}
	fclose(maps);

	if (process->mapping_count == 0)
		fail("process %d has no code of \"%s\" mapped",
			 (int) process->pid, exe);
}

/* Append one mapping; there are few, so the array grows by one. */
static void
add_mapping(Process *process, const CodeMapping *mapping)
{
	CodeMapping *grown = realloc(process->mappings,
								 (process->mapping_count + 1) *
								 sizeof(CodeMapping));

	if (grown == NULL)
		fail("out of memory");
	process->mappings = grown;
	process->mappings[process->mapping_count++] = *mapping;
}

/* Read the next offset; empty lines don't count. */
static bool
read_offset(FILE *file, const char *path, uint64_t *offset)
{
	char		line[128];

	while (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *end;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0')
			continue;
		errno = 0;
		*offset = strtoull(line, &end, 16);
		if (errno != 0 || end == line || *end != '\0')
			fail("\"%s\" has an invalid offset \"%s\"", path, line);
		return true;
	}

	if (ferror(file))
		fail("could not read \"%s\": %m", path);
	return false;
}

/* Compare one instruction in memory with the file. */
static bool
has_breakpoint(const Process *process, uint64_t offset)
{
	uint64_t	address = code_address(process, offset);
	unsigned char in_file[sizeof(nop5)] = {0};
	unsigned char in_memory;

	/* More than the one byte is needed only to tell a nop, so may be short. */
	if (pread(process->file_fd, in_file, sizeof(in_file), (off_t) offset) < 1)
		fail("could not read the executable at offset %#" PRIx64 ": %m",
			 offset);
	if (pread(process->memory_fd, &in_memory, 1, (off_t) address) != 1)
		fail("could not read address %#" PRIx64 " of process %d: %m",
			 address, (int) process->pid);

	if (in_memory == in_file[0])
		return false;
	if (in_memory == OPCODE_INT3)
		return true;
	if (in_memory == OPCODE_CALL && memcmp(in_file, nop5, sizeof(nop5)) == 0)
		return true;

	fail("offset %#" PRIx64 ": %#x in memory, %#x in the file",
		 offset, in_memory, in_file[0]);
}

/* Return where the process has the byte at an offset of its executable. */
static uint64_t
code_address(const Process *process, uint64_t offset)
{
	for (size_t i = 0; i < process->mapping_count; i++)
	{
		const CodeMapping *mapping = &process->mappings[i];

		if (offset >= mapping->offset &&
			offset - mapping->offset < mapping->length)
			return mapping->start + (offset - mapping->offset);
	}

	fail("offset %#" PRIx64 " is not in the code of process %d",
		 offset, (int) process->pid);
}
