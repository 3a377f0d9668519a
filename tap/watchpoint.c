/*-------------------------------------------------------------------------
 *
 * watchpoint.c
 *	  Record every write to a backend's PGPROC.wait_event_info.
 *
 * usage: watchpoint PID OUTFILE [ADDRESS]
 *
 * This is the tests' ground truth for wait events.  It shares nothing with
 * the way in which the extension finds waits: a hardware watchpoint traps on
 * the word itself, whatever instruction writes it, and a BPF program on that
 * event reads the word before the backend can go on.
 *
 * "ready" on standard output says that the watchpoint is on.  It stays on
 * until standard input reaches its end or the traced process does.  OUTFILE
 * has a line "<time in ns> <value in hex>" for each write, in order, and
 * ends with "# writes=N lost=M".  The kernel counts the watchpoint's hits
 * independently of the BPF program; lost is what that count has more than
 * the file, so lost=0 means that the file is complete.
 *
 * The word's address is what the server's variable my_wait_event_info points
 * to.  ADDRESS (hex) replaces the look-up, for where /proc/PID/mem may not be
 * read: that takes the same user and no capability that we don't have.
 * CAP_BPF and CAP_PERFMON are enough for all the rest.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "tap/fail.h"
#include "watchpoint.skel.h"

#define POINTER_SYMBOL "my_wait_event_info"

/* What on_write() in watchpoint.bpf.c submits. */
struct write_record
{
	uint64_t	time_ns;
	uint64_t	value;
};

typedef struct Output
{
	FILE	   *file;
	uint64_t	writes;
} Output;

static uint64_t find_word(pid_t pid);
static uint64_t symbol_address(Elf *elf, const char *name);
static uint64_t load_bias(pid_t pid, Elf *elf);
static uint64_t segment_address(Elf *elf, uint64_t file_offset);
static void check_shared(pid_t pid, uint64_t address);
static FILE *open_maps(pid_t pid);
static uint64_t read_pointer(pid_t pid, uint64_t address);
static struct watchpoint_bpf *load_program(uint64_t address);
static int	open_watchpoint(pid_t pid, uint64_t address);
static int	store_record(void *context, void *data, size_t size);
static void drain_until_end(pid_t pid, struct ring_buffer *ring);
static bool input_at_end(void);
static void consume(struct ring_buffer *ring);
static void finish(Output *output, struct watchpoint_bpf *skel, int event_fd);


int
main(int argc, char **argv)
{
	Output		output = {NULL, 0};
	struct watchpoint_bpf *skel;
	struct ring_buffer *ring;
	uint64_t	address;
	pid_t		pid;
	int			event_fd;

	if (argc != 3 && argc != 4)
		fail("usage: watchpoint PID OUTFILE [ADDRESS]");

	pid = (pid_t) strtol(argv[1], NULL, 10);
	if (pid <= 0)
		fail("invalid process id \"%s\"", argv[1]);
	address = argc == 4 ? strtoull(argv[3], NULL, 16) : find_word(pid);
	if (address == 0 || address % sizeof(uint32_t) != 0)
		fail("no word can be at address %#" PRIx64, address);

	output.file = fopen(argv[2], "w");
	if (output.file == NULL)
		fail("could not create \"%s\": %m", argv[2]);

	skel = load_program(address);
	ring = ring_buffer__new(bpf_map__fd(skel->maps.writes), store_record,
							&output, NULL);
	if (ring == NULL)
		fail("could not open the ring buffer: %m");

	event_fd = open_watchpoint(pid, address);
	if (ioctl(event_fd, PERF_EVENT_IOC_SET_BPF,
			  bpf_program__fd(skel->progs.on_write)) != 0)
		fail("could not attach the BPF program: %m");
	if (ioctl(event_fd, PERF_EVENT_IOC_ENABLE, 0) != 0)
		fail("could not enable the watchpoint: %m");

	puts("ready");
	if (fflush(stdout) != 0)
		fail("could not write to standard output: %m");

	drain_until_end(pid, ring);

	/* Returns when the event is off on every CPU: no record comes later. */
	if (ioctl(event_fd, PERF_EVENT_IOC_DISABLE, 0) != 0)
		fail("could not disable the watchpoint: %m");
	consume(ring);
	finish(&output, skel, event_fd);

	ring_buffer__free(ring);
	close(event_fd);
	watchpoint_bpf__destroy(skel);
	return 0;
}

/* Return the address that the process's my_wait_event_info points to. */
static uint64_t
find_word(pid_t pid)
{
	char		path[64];
	uint64_t	pointer;
	uint64_t	word;
	Elf		   *elf;
	int			fd;

	/* The link also leads to an executable that was replaced since. */
	snprintf(path, sizeof(path), "/proc/%d/exe", (int) pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("could not open \"%s\": %m", path);

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf == NULL || gelf_getclass(elf) != ELFCLASS64)
		fail("\"%s\" is not a 64-bit ELF file", path);

	pointer = symbol_address(elf, POINTER_SYMBOL) + load_bias(pid, elf);
	word = read_pointer(pid, pointer);
	check_shared(pid, word);

	elf_end(elf);
	close(fd);
	return word;
}

/* Return the link-time address of a symbol that the executable exports. */
static uint64_t
symbol_address(Elf *elf, const char *name)
{
	Elf_Scn    *section = NULL;

	while ((section = elf_nextscn(elf, section)) != NULL)
	{
		GElf_Shdr	header;
		Elf_Data   *data;

		if (gelf_getshdr(section, &header) == NULL ||
			header.sh_type != SHT_DYNSYM || header.sh_entsize == 0)
			continue;
		data = elf_getdata(section, NULL);
		if (data == NULL)
			continue;

		for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++)
		{
			GElf_Sym	symbol;
			const char *found;

			if (gelf_getsym(data, (int) i, &symbol) == NULL ||
				symbol.st_shndx == SHN_UNDEF)
				continue;
			found = elf_strptr(elf, header.sh_link, symbol.st_name);
			if (found != NULL && strcmp(found, name) == 0)
				return symbol.st_value;
		}
	}

	fail("the executable exports no symbol \"%s\"", name);
}

/*
 * Return what to add to a link-time address: 0, or the place where a
 * position-independent executable was loaded.
 */
static uint64_t
load_bias(pid_t pid, Elf *elf)
{
	char		link[64];
	char		exe[PATH_MAX];
	char		line[PATH_MAX + 128];
	ssize_t		length;
	FILE	   *maps;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int) pid);
	length = readlink(link, exe, sizeof(exe) - 1);
	if (length < 0)
		fail("could not read the link \"%s\": %m", link);
	exe[length] = '\0';

	maps = open_maps(pid);
	while (fgets(line, sizeof(line), maps) != NULL)
	{
		uint64_t	start;
		uint64_t	offset;
		int			path = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64 " %*s %*u %n",
				   &start, &offset, &path) != 2 || path == 0 ||
			strcmp(line + path, exe) != 0)
			continue;

		fclose(maps);
		return start - segment_address(elf, offset);
	}

	fail("process %d has no mapping of \"%s\"", (int) pid, exe);
}

/* Return the link-time address of the page at an offset of the file. */
static uint64_t
segment_address(Elf *elf, uint64_t file_offset)
{
	uint64_t	page_mask = ~((uint64_t) sysconf(_SC_PAGESIZE) - 1);
	size_t		count;

	if (elf_getphdrnum(elf, &count) != 0)
		fail("could not read the program headers: %s", elf_errmsg(-1));

	for (size_t i = 0; i < count; i++)
	{
		GElf_Phdr	header;

		if (gelf_getphdr(elf, (int) i, &header) != NULL &&
			header.p_type == PT_LOAD &&
			(header.p_offset & page_mask) == file_offset)
			return header.p_vaddr & page_mask;
	}

	fail("no segment starts at file offset %#" PRIx64, file_offset);
}

/*
 * Fail unless the address is in shared memory.
 *
 * Outside of a PGPROC's lifetime, so in a process that is just starting or
 * ending, the pointer leads to a dummy variable of the executable.  Watching
 * that one would see no wait and look like a quiet backend.
 */
static void
check_shared(pid_t pid, uint64_t address)
{
	char		line[PATH_MAX + 128];
	FILE	   *maps = open_maps(pid);

	while (fgets(line, sizeof(line), maps) != NULL)
	{
		uint64_t	start;
		uint64_t	end;
		char		mode[5];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s",
				   &start, &end, mode) == 3 &&
			start <= address && address < end && mode[3] == 's')
		{
			fclose(maps);
			return;
		}
	}

	fail("%s of process %d does not point into shared memory",
		 POINTER_SYMBOL, (int) pid);
}

/* Open the list of a process's mappings. */
static FILE *
open_maps(pid_t pid)
{
	char		path[64];
	FILE	   *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int) pid);
	maps = fopen(path, "re");
	if (maps == NULL)
		fail("could not open \"%s\": %m", path);
	return maps;
}

/* Read a pointer out of a process's memory. */
static uint64_t
read_pointer(pid_t pid, uint64_t address)
{
	char		path[64];
	uint64_t	value;
	ssize_t		length;
	int			fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int) pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("could not open \"%s\": %m", path);
	length = pread(fd, &value, sizeof(value), (off_t) address);
	if (length != (ssize_t) sizeof(value))
		fail("could not read address %#" PRIx64 " of process %d: %m",
			 address, (int) pid);
	close(fd);
	return value;
}

/* Load the BPF program for the word at this address. */
static struct watchpoint_bpf *
load_program(uint64_t address)
{
	struct watchpoint_bpf *skel = watchpoint_bpf__open();

	if (skel == NULL)
		fail("could not open the BPF object: %m");
	skel->rodata->word_address = address;
	if (watchpoint_bpf__load(skel) != 0)
		fail("could not load the BPF object: %m");
	return skel;
}

/* Open, not yet enabled, a watchpoint on writes of the process to a word. */
static int
open_watchpoint(pid_t pid, uint64_t address)
{
	struct perf_event_attr attr;
	long		fd;

	memset(&attr, 0, sizeof(attr));
	attr.type = PERF_TYPE_BREAKPOINT;
	attr.size = sizeof(attr);
	attr.bp_type = HW_BREAKPOINT_W;
	attr.bp_addr = address;
	attr.bp_len = HW_BREAKPOINT_LEN_4;
	attr.sample_period = 1;		/* an overflow, so the program, per write */
	attr.disabled = 1;
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;

	fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1,
				 PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		fail("could not set a watchpoint in process %d: %m", (int) pid);
	return (int) fd;
}

/* Ring buffer callback: write one record to the file. */
static int
store_record(void *context, void *data, size_t size)
{
	Output	   *output = context;
	const struct write_record *record = data;

	if (size < sizeof(*record))
		fail("the ring buffer has a record of %zu bytes", size);
	fprintf(output->file, "%" PRIu64 " %08" PRIx64 "\n",
			record->time_ns, record->value);
	output->writes++;
	return 0;
}

/* Drain the ring until standard input or the traced process ends. */
static void
drain_until_end(pid_t pid, struct ring_buffer *ring)
{
	int			pid_fd = (int) syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = ring_buffer__epoll_fd(ring), .events = POLLIN},
		{.fd = pid_fd, .events = POLLIN},
	};

	/* ESRCH: the process is gone already, and what it wrote is recorded. */
	if (pid_fd < 0 && errno != ESRCH)
		fail("could not watch process %d: %m", (int) pid);

	while (pid_fd >= 0)
	{
		if (poll(fds, 3, -1) < 0)
		{
			if (errno == EINTR)
				continue;
			fail("could not poll: %m");
		}
		if (fds[1].revents != 0)
			consume(ring);
		if (fds[2].revents != 0 || (fds[0].revents != 0 && input_at_end()))
			break;
	}

	if (pid_fd >= 0)
		close(pid_fd);
}

/* Read standard input away; say whether that was its end. */
static bool
input_at_end(void)
{
	char		buffer[256];

	return read(STDIN_FILENO, buffer, sizeof(buffer)) <= 0;
}

/* Take everything that is in the ring. */
static void
consume(struct ring_buffer *ring)
{
	int			result = ring_buffer__consume(ring);

	if (result < 0)
		fail("could not read the ring buffer: %s", strerror(-result));
}

/*
 * Write the last line.
 *
 * The event's own count is the measure, not the program's counters: it also
 * has the hits at which the kernel could not run the program at all.
 */
static void
finish(Output *output, struct watchpoint_bpf *skel, int event_fd)
{
	uint64_t	hits;

	if (read(event_fd, &hits, sizeof(hits)) != (ssize_t) sizeof(hits))
		fail("could not read the watchpoint's count: %m");
	if (hits != output->writes)
		fprintf(stderr, "watchpoint: %" PRIu64 " hits, %" PRIu64 " records, "
				"%" PRIu64 " without room, %" PRIu64 " unreadable\n",
				hits, output->writes, (uint64_t) skel->bss->failed_reserves,
				(uint64_t) skel->bss->failed_reads);

	fprintf(output->file, "# writes=%" PRIu64 " lost=%" PRId64 "\n",
			output->writes, (int64_t) (hits - output->writes));
	if (ferror(output->file) || fclose(output->file) != 0)
		fail("could not write the output file: %m");
}
