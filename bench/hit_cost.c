/*-------------------------------------------------------------------------
 *
 * hit_cost.c
 *	  What a run of the BPF program costs, by strategy and traced processes.
 *
 * usage: hit_cost [--rounds N] [--json FILE]
 *
 * Children of this program stand for backends: each has a word of its own and
 * two places that store to it, like those that begin and end a wait.  With N
 * of them traced, one of the traced and one that isn't run through these
 * places some ten thousand times and tell the CPU time.  Printed is the time
 * per place, less that without any probe, as median (min-max) over the rounds;
 * the strategies and numbers take turns in each round.  It includes what the
 * sending of a wait costs, that is half of one per place.
 *
 * Uprobes are at as many places as they are in a server, most of which are never
 * reached.  How long it takes to attach and detach the last one of N traced
 * processes is printed as well, where processes have probes of their own; else
 * that of all of them, in the column for one.  The kernel looks at all children
 * for each place then, whether they are traced or not.
 *
 * To be run as root, or with CAP_BPF and CAP_PERFMON; perf_uprobe needs
 * CAP_SYS_ADMIN, too.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/table.h"
#include "bgworker/probes/compat.h"
#include "bgworker/probes/links.h"
#include "bpf/pg_trace.h"
#include "bpf/.output/pg_trace.skel.h"

#define EXECUTABLE		"/proc/self/exe"
#define RING_SIZE		(16 * 1024 * 1024)
#define PLACES			183		/* in PostgreSQL 15; two of them are reached */
#define PAIRS			20000	/* of a start and an end */
#define WATCHED_PAIRS	2000	/* a watchpoint may cost 30 times as much */
#define MAX_TRACED		256
#define NTHREADS		16		/* that close links */

static const int numbers[] = {1, 16, 64, 256};

#define NNUMBERS	((int) (sizeof(numbers) / sizeof(numbers[0])))

static const struct
{
	const char *name;
	enum pgt_probe probe;
	int			pairs;
	int			places;			/* that have probes */
}			strategies[] = {
	{"uprobe", PGT_PROBE_UPROBE, PAIRS, PLACES},
	{"uprobe_shared", PGT_PROBE_UPROBE_SHARED, PAIRS, PLACES},
	/* each takes 0.1 s to close, one after the other */
	{"perf_uprobe, 2 places", PGT_PROBE_PERF_UPROBE, PAIRS, 2},
	{"watchpoint", PGT_PROBE_WATCHPOINT, WATCHED_PAIRS, 1},
};

#define NSTRATEGIES ((int) (sizeof(strategies) / sizeof(strategies[0])))

typedef struct Child
{
	pid_t		pid;
	int			to;				/* pipes */
	int			from;
} Child;

static uint64_t plan_node;		/* where the program looks for that */
static struct pg_trace_bpf *skeleton;
static struct ring_buffer *ring;
static struct pgt_wait_state *states;
static volatile uint32_t *words;	/* [MAX_TRACED + 1], a cache line each */
static Child children[MAX_TRACED + 1];	/* the last one is never traced */
static uint64_t offsets[PLACES];	/* in this program's file */
static int	links[MAX_TRACED];
static int	nlinks = 0;
static Series traced[NSTRATEGIES][NNUMBERS];
static Series untraced[NSTRATEGIES][NNUMBERS];
static Series attaching[NSTRATEGIES][NNUMBERS];
static Series detaching[NSTRATEGIES][NNUMBERS];
static const char *names[NSTRATEGIES];
static const char *failure[NSTRATEGIES];

/* The figures of one kind */
#define TABLE(TITLE, UNIT, DECIMALS, SERIES) \
	{ \
		.title = TITLE, .unit = UNIT, .decimals = DECIMALS, \
		.nrows = NSTRATEGIES, .ncolumns = NNUMBERS, \
		.rows = names, .columns = numbers, .failures = failure, \
		.series = &SERIES[0][0] \
	}

static const Table tables[] = {
	TABLE("a traced process, ns per hit", "ns", 0, traced),
	TABLE("one that isn't, ns per hit", "ns", 0, untraced),
	TABLE("attach a process, ms", "ms", 2, attaching),
	TABLE("detach it, ms", "ms", 2, detaching),
};

#define NTABLES	((int) (sizeof(tables) / sizeof(tables[0])))

static void
fail(const char *what)
{
	fprintf(stderr, "hit_cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ----------
 * The places
 * ----------
 */

/* The calls are what gets a uprobe: right behind a store, and emulated. */
extern const char site_start[];
extern const char site_end[];
extern const char other_sites[];	/* calls of 5 bytes each */

__asm__(".text\n"
		"nothing: ret\n"
		"begin_and_end:\n"
		"	movl $0x09000001, (%rdi)\n"
		".globl site_start\n"
		"site_start: call nothing\n"
		"	movl $0, (%rdi)\n"
		".globl site_end\n"
		"site_end: call nothing\n"
		"	ret\n"
		".globl other_sites\n"
		"other_sites:\n"
		".rept 181\n"
		"	call nothing\n"
		".endr\n"
		"	ret\n");
extern void begin_and_end(volatile uint32_t *word);

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

/* Until the pipe is closed: a number of pairs in, their CPU time out. */
static void
child_main(int in, int out, volatile uint32_t *word)
{
	int			pairs;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(in, &pairs, sizeof(pairs)) == sizeof(pairs))
	{
		uint64_t	begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		uint64_t	elapsed;

		for (int i = 0; i < pairs; i++)
			begin_and_end(word);
		elapsed = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
		if (write(out, &elapsed, sizeof(elapsed)) != sizeof(elapsed))
			break;
	}
	_exit(0);
}

static volatile uint32_t *
word_of(int i)
{
	return words + i * 16;
}

static void
start_children(void)
{
	words = mmap(NULL, (MAX_TRACED + 1) * 64, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (words == MAP_FAILED)
		fail("mmap");
	for (int i = 0; i <= MAX_TRACED; i++)
	{
		int			to[2];
		int			from[2];

		if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
			fail("pipe");
		children[i].pid = fork();
		if (children[i].pid < 0)
			fail("fork");
		if (children[i].pid == 0)
		{
			close(to[1]);
			child_main(to[0], from[1], word_of(i));
		}
		close(to[0]);
		close(from[1]);
		children[i].to = to[1];
		children[i].from = from[0];
	}
}

/* ns per place */
static double
run_child(int i, int pairs)
{
	uint64_t	elapsed;

	if (write(children[i].to, &pairs, sizeof(pairs)) != sizeof(pairs) ||
		read(children[i].from, &elapsed, sizeof(elapsed)) != sizeof(elapsed))
		fail("a child has ended");
	(void) ring_buffer__consume(ring);
	return (double) elapsed / pairs / 2;
}

/* ----------
 * Probes
 * ----------
 */

static int
ignore_event(void *arg, void *data, size_t size)
{
	(void) arg;
	(void) data;
	(void) size;
	return 0;
}

static void
load(void)
{
	size_t		size = sizeof(struct pgt_wait_state) * MAX_TRACED;

	skeleton = pg_trace_bpf__open();
	if (skeleton == NULL)
		fail("pg_trace_bpf__open");
	skeleton->rodata->plan_node_address = (uintptr_t) &plan_node;
	bpf_map__set_max_entries(skeleton->maps.events, RING_SIZE);
	bpf_map__set_max_entries(skeleton->maps.sessions, MAX_TRACED);
	bpf_map__set_max_entries(skeleton->maps.targets, MAX_TRACED);
	bpf_map__set_max_entries(skeleton->maps.processes, MAX_TRACED);
	bpf_program__set_expected_attach_type(skeleton->progs.wait_site,
										  PGT_BPF_TRACE_UPROBE_MULTI);
	bpf_program__set_expected_attach_type(skeleton->progs.wait_site_shared,
										  PGT_BPF_TRACE_UPROBE_MULTI);
	if (pg_trace_bpf__load(skeleton) != 0)
		fail("pg_trace_bpf__load");
	states = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
				  bpf_map__fd(skeleton->maps.sessions), 0);
	ring = ring_buffer__new(bpf_map__fd(skeleton->maps.events), ignore_event,
							NULL, NULL);
	if (states == MAP_FAILED || ring == NULL)
		fail("mmap");
}

static uint64_t
file_offset(const char *address)
{
	FILE	   *maps = fopen("/proc/self/maps", "re");
	char		line[4096];
	uint64_t	start;
	uint64_t	end;
	uint64_t	offset;

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
	{
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64,
				   &start, &end, &offset) == 3 &&
			(uintptr_t) address >= start && (uintptr_t) address < end)
		{
			fclose(maps);
			return (uintptr_t) address - start + offset;
		}
	}
	fail("/proc/self/maps");
	return 0;
}

static void
find_places(void)
{
	offsets[0] = file_offset(site_start);
	offsets[1] = file_offset(site_end);
	for (int site = 2; site < PLACES; site++)
		offsets[site] = file_offset(other_sites) + 5 * (site - 2);
}

/* Trace child i as well.  Returns 0 or a negative errno. */
static int
attach(int i, int strategy)
{
	static const uint64_t no_cookies[PLACES];
	enum pgt_probe probe = strategies[strategy].probe;
	int			places = strategies[strategy].places;
	uint64_t	cookies[PLACES];
	uint64_t	cookie = PGT_COOKIE(1, i, 0);
	uint32_t	pid = children[i].pid;
	int			rc = 0;

	for (int site = 0; site < PLACES; site++)
		cookies[site] = cookie;
	memset(&states[i], 0, sizeof(states[i]));
	states[i].address = (uintptr_t) word_of(i);
	states[i].owner = states[i].next = probe;
	states[i].watch_cpu = 1;
	states[i].generation = 1;
	bpf_map_update_elem(bpf_map__fd(skeleton->maps.processes), &pid, &cookie,
						BPF_ANY);

	switch (probe)
	{
		case PGT_PROBE_UPROBE:
			rc = pgt_link_uprobes(bpf_program__fd(skeleton->progs.wait_site),
								  EXECUTABLE, offsets, cookies, places, pid);
			break;
		case PGT_PROBE_UPROBE_SHARED:
			if (i == 0)
				rc = pgt_link_uprobes(bpf_program__fd(skeleton->progs.wait_site_shared),
									  EXECUTABLE, offsets,
									  no_cookies, places, 0);
			break;
		case PGT_PROBE_PERF_UPROBE:
			if (i == 0)
			{
				rc = pgt_link_perf_uprobes(bpf_program__fd(skeleton->progs.wait_site_perf),
										   EXECUTABLE, offsets,
										   no_cookies, places, links);
				if (rc == 0)
					nlinks = places;
			}
			return rc;
		case PGT_PROBE_WATCHPOINT:
			rc = pgt_link_watchpoint(bpf_program__fd(skeleton->progs.wait_store),
									 pid, (uintptr_t) word_of(i), cookie);
			break;
		default:
			break;
	}
	if (rc > 0)
		links[nlinks++] = rc;
	return rc < 0 ? rc : 0;
}

static void *
close_links(void *arg)
{
	for (int i = (int) (intptr_t) arg; i < nlinks; i += NTHREADS)
		close(links[i]);
	return NULL;
}

static void
detach_all(void)
{
	pthread_t	threads[NTHREADS];

	for (int i = 0; i < NTHREADS; i++)
		pthread_create(&threads[i], NULL, close_links, (void *) (intptr_t) i);
	for (int i = 0; i < NTHREADS; i++)
		pthread_join(threads[i], NULL);
	nlinks = 0;
	for (int i = 0; i < MAX_TRACED; i++)
	{
		uint32_t	pid = children[i].pid;

		states[i].generation = 0;
		(void) bpf_map_delete_elem(bpf_map__fd(skeleton->maps.processes),
								   &pid);
	}
}

/* ----------
 * Measuring
 * ----------
 */

/* Detach child i, the last one of n that are traced, and attach it again. */
static int
measure_attaching(int strategy, int n, int i)
{
	enum pgt_probe probe = strategies[strategy].probe;
	bool		own = probe == PGT_PROBE_UPROBE || probe == PGT_PROBE_WATCHPOINT;
	uint64_t	begin_ns;
	int			rc;

	if (!own && i > 0)
		return 0;
	begin_ns = clock_ns(CLOCK_MONOTONIC);
	if (own)
		close(links[--nlinks]);
	else
		detach_all();
	series_add(&detaching[strategy][n],
			   (clock_ns(CLOCK_MONOTONIC) - begin_ns) / 1e6);
	begin_ns = clock_ns(CLOCK_MONOTONIC);
	rc = attach(i, strategy);
	series_add(&attaching[strategy][n],
			   (clock_ns(CLOCK_MONOTONIC) - begin_ns) / 1e6);
	return rc;
}

static void
measure(int strategy, double bare)
{
	int			pairs = strategies[strategy].pairs;
	int			nattached = 0;

	for (int n = 0; n < NNUMBERS && failure[strategy] == NULL; n++)
	{
		int			rc = 0;

		while (rc == 0 && nattached < numbers[n])
			rc = attach(nattached++, strategy);
		if (rc == 0)
			rc = measure_attaching(strategy, n, nattached - 1);
		if (rc != 0)
		{
			failure[strategy] = strerror(-rc);
			detach_all();
			return;
		}
		(void) run_child(0, pairs / 10);	/* warm up */
		series_add(&traced[strategy][n], run_child(0, pairs) - bare);
		series_add(&untraced[strategy][n], run_child(MAX_TRACED, pairs) - bare);
		if (states[0].hits != 2ULL * (pairs + pairs / 10) * (n + 1))
			failure[strategy] = "the program did not run at each place";
	}
	detach_all();
}

/* ----------
 * Reporting
 * ----------
 */

static void
write_json(const char *path, int rounds)
{
	FILE	   *file = fopen(path, "w");
	struct utsname machine;

	if (file == NULL || uname(&machine) != 0)
		fail(path);
	fprintf(file, "{\"machine\": {\"kernel\": \"%s\", \"architecture\": \"%s\", \"cores\": %ld, \"libbpf\": \"%s\", \"places\": %d, \"rounds\": %d}",
			machine.release, machine.machine, sysconf(_SC_NPROCESSORS_ONLN),
			libbpf_version_string(), PLACES, rounds);
	for (int i = 0; i < NTABLES; i++)
		table_write(file, &tables[i]);
	fprintf(file, "}\n");
	if (fclose(file) != 0)
		fail(path);
}

static int
usage(void)
{
	fprintf(stderr, "usage: hit_cost [--rounds N] [--json FILE]\n");
	return 1;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"rounds", required_argument, NULL, 'r'},
		{"json", required_argument, NULL, 'j'},
		{NULL, 0, NULL, 0}
	};
	const char *json = NULL;
	int			rounds = 5;
	int			c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		if (c == 'r')
			rounds = atoi(optarg);
		else if (c == 'j')
			json = optarg;
		else
			return usage();
	}
	if (optind < argc || rounds < 1 || rounds > MAX_ROUNDS)
		return usage();

	for (int i = 0; i < NSTRATEGIES; i++)
		names[i] = strategies[i].name;
	find_places();
	start_children();
	load();
	for (int round = 0; round < rounds; round++)
	{
		double		bare = run_child(0, PAIRS);

		for (int i = 0; i < NSTRATEGIES; i++)
		{
			if (failure[i] == NULL)
				measure(i, bare);
		}
	}
	printf("median (range) of %d rounds, by traced processes\n", rounds);
	for (int i = 0; i < NTABLES; i++)
	{
		table_sort(&tables[i]);
		table_print(&tables[i]);
	}
	if (json != NULL)
		write_json(json, rounds);
	return 0;
}
