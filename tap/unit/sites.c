/*
 * sites.c
 *		Unit test: where bgworker/sites/ finds waits in small ELF files, and
 *		what it says of broken ones.
 *
 * What compilers make of waits is tested with real programs: tap/010_sites.pl
 * and on.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bgworker/sites/sites.h"
#include "bpf/pg_trace.h"
#include "tap/unit/sites_code.h"
#include "tap/unit/tap.h"

#define NSAMPLES	((int) (sizeof(samples) / sizeof(samples[0])))

static uint8_t file[ELF_MAX_SIZE];

static PgtSites *
find(size_t size, char *errbuf, size_t errlen, int *rc)
{
	static int	fd = -1;
	PgtSites   *sites;

	if (fd < 0)
		fd = memfd_create("sites", MFD_CLOEXEC);
	if (ftruncate(fd, 0) != 0 || pwrite(fd, file, size, 0) != (ssize_t) size)
		abort();
	errbuf[0] = '\0';
	*rc = pgt_sites_find_fd(fd, &sites, errbuf, errlen);
	return sites;
}

static size_t
build(const Sample *sample)
{
	ElfSpec		spec = {
		.machine = sample->machine,
		.variable = sample->variable,
		.sections = true,
		.functions = sample->functions,
		.nfunctions = sample->nfunctions,
		.code = (const uint8_t *) sample->code,
		.size = sample->size,
	};

	return elf_build(&spec, file);
}

/* ----------
 * How much is read
 * ----------
 */

/* What this process has read, by its own count */
static unsigned long long
bytes_read(void)
{
	unsigned long long bytes = 0;
	FILE	   *io = fopen("/proc/self/io", "r");

	if (io == NULL || fscanf(io, "rchar: %llu", &bytes) != 1)
		abort();
	fclose(io);
	return bytes;
}

/*
 * A library of 100 MB, most of it nothing, that reports no waits, with its
 * variable's name spoilt: only its headers are read.  rc of the search, and
 * whether it took less than 64 kB.
 */
static bool
is_read(ElfVariable variable, const char *name, int *rc)
{
	const ElfSpec spec = {.machine = EM_X86_64, .variable = variable,
		.code = (const uint8_t *) "\xc3", .size = 1};
	int			fd = memfd_create("library", MFD_CLOEXEC);
	size_t		size = elf_build(&spec, file);
	unsigned long long before;
	char		errbuf[256];
	PgtSites   *sites;

	if (name != NULL)
		memcpy(file + ELF_STRINGS + 1, name, strlen(name));
	if (pwrite(fd, file, size, 0) != (ssize_t) size ||
		ftruncate(fd, 100 << 20) != 0)
		abort();
	before = bytes_read();
	*rc = pgt_sites_find_fd(fd, &sites, errbuf, sizeof(errbuf));
	pgt_sites_free(sites);
	close(fd);
	return bytes_read() - before >= 65536;
}

static void
test_reading(void)
{
	int			rc;

	ok(!is_read(ELF_IMPORTED, "my_weight_event", &rc) && rc == -ENODATA,
	   "of a library without the symbol, only the headers are read");
	ok(!is_read(ELF_DEFINED, "my_weight_event", &rc) && rc == -ENODATA,
	   "the same if it has symbols of its own");
	ok(is_read(ELF_IMPORTED, NULL, &rc) && rc == 0,
	   "one that imports it is analysed");
	ok(is_read(ELF_DEFINED, NULL, &rc) && rc == 0,
	   "one that defines it, too");
}

/* ----------
 * What is found
 * ----------
 */

static char text[1000];

__attribute__((format(printf, 1, 2))) static void
add(const char *format,...)
{
	size_t		len = strlen(text);
	va_list		args;

	va_start(args, format);
	vsnprintf(text + len, sizeof(text) - len, format, args);
	va_end(args);
}

/*
 * Sites as store>probe, ! where a probe is expensive, and what else there is
 * to say of them; superseded stores; calls of functions on files; references
 * that write the pointer; and what is unknown, with the reason.  Addresses are
 * those behind the code's start.
 */
static const char *
report(const PgtSites *sites)
{
	text[0] = '\0';
	for (int i = 0; i < sites->nsites; i++)
	{
		const PgtSite *site = &sites->sites[i];

		add("%s%02x>%02x%s", i > 0 ? " " : "",
			(unsigned) (site->store_addr - ELF_CODE),
			(unsigned) (site->probe_addr - ELF_CODE),
			site->cheap ? "" : "!");
		if (site->restart)
			add(" restart");
		if (site->file_call != PGT_FILE_CALL_NONE)
			add(" file");
	}
	if (sites->nsuperseded > 0)
		add(" superseded=%d", sites->nsuperseded);
	for (int i = 0; i < sites->ntargets; i++)
	{
		if (sites->targets[i].flags == PGT_SITE_CALL)
			add(" call=%02x",
				(unsigned) (sites->targets[i].probe_addr - ELF_CODE));
	}
	if (sites->npointer_writes > 0)
		add(" pointer=%d", sites->npointer_writes);
	for (int i = 0; i < sites->nunknown; i++)
		add(" %02x: %s", (unsigned) (sites->unknown[i].addr - ELF_CODE),
			sites->unknown[i].reason);
	return text[0] == ' ' ? text + 1 : text;
}

static const char *
found_in(size_t size)
{
	static char errbuf[256];
	const char *result = errbuf;
	int			rc;
	PgtSites   *sites = find(size, errbuf, sizeof(errbuf), &rc);

	if (rc == 0)
		result = report(sites);
	pgt_sites_free(sites);
	return result;
}

static void
test_samples(void)
{
	for (int i = 0; i < NSAMPLES; i++)
		is(found_in(build(&samples[i])), samples[i].expected,
		   samples[i].name);
}

/* ----------
 * Files that are broken
 * ----------
 */

/* The same file, with one field that is another */
typedef struct Broken
{
	const char *name;
	size_t		at;
	size_t		size;
	uint64_t	value;
	const char *expected;		/* a message, or NULL: what is found stays */
} Broken;

#define IN(offset, type, field)	(offset) + offsetof(type, field), \
	sizeof(((type *) NULL)->field)
#define PHDR(i)		(ELF_PHDRS + (i) * sizeof(Elf64_Phdr))
#define DYN(i)		(ELF_DYNAMIC + (i) * sizeof(Elf64_Dyn))
#define SYM(i)		(ELF_SYMBOLS + (i) * sizeof(Elf64_Sym))
#define TEXT		(ELF_SECTIONS + sizeof(Elf64_Shdr))
#define NO_SYMBOL	"It has no dynamic symbol \"my_wait_event_info\""
#define UNREADABLE	"It has no readable dynamic symbols"

static const Broken broken[] = {
	{"for another machine", IN(0, Elf64_Ehdr, e_machine), EM_RISCV,
	"It is for an unsupported machine (243)"},
	{"32 bits", EI_CLASS, 1, ELFCLASS32,
	"It is not a 64-bit little-endian ELF file"},
	{"big-endian", EI_DATA, 1, ELFDATA2MSB,
	"It is not a 64-bit little-endian ELF file"},
	{"an object file", IN(0, Elf64_Ehdr, e_type), ET_REL,
	"It is neither a program nor a shared library"},
	{"no program header", IN(0, Elf64_Ehdr, e_phnum), 0,
	"It has no program header"},
	{"a program header behind the end", IN(0, Elf64_Ehdr, e_phoff),
	UINT64_C(1) << 40, "It has no program header"},
	{"a segment at an impossible address", IN(PHDR(1), Elf64_Phdr, p_vaddr),
	UINT64_MAX - 100, "Its program header makes no sense"},
	{"a segment behind the end", IN(PHDR(1), Elf64_Phdr, p_offset),
	UINT64_C(1) << 62, "It holds no code"},
	{"code that is not executable", IN(PHDR(1), Elf64_Phdr, p_flags), PF_R,
	"It holds no code"},
	{"a segment that goes on behind the end", IN(PHDR(1), Elf64_Phdr, p_filesz),
	UINT64_MAX / 2, NULL},
	{"no section table", IN(0, Elf64_Ehdr, e_shoff), 0, NULL},
	{"a section elsewhere", IN(TEXT, Elf64_Shdr, sh_offset), 0, NULL},
	{"a section that is too large", IN(TEXT, Elf64_Shdr, sh_size),
	UINT64_MAX, NULL},
	{"no dynamic table", IN(PHDR(3), Elf64_Phdr, p_type), PT_NULL, UNREADABLE},
	{"a dynamic table behind the end", IN(PHDR(3), Elf64_Phdr, p_offset),
	UINT64_MAX, UNREADABLE},
	{"a dynamic table that ends at once", IN(DYN(0), Elf64_Dyn, d_tag), DT_NULL,
	NO_SYMBOL},
	{"symbols elsewhere", IN(DYN(0), Elf64_Dyn, d_un), UINT64_MAX, UNREADABLE},
	{"names elsewhere", IN(DYN(1), Elf64_Dyn, d_un), 12345678, UNREADABLE},
	{"too many names", IN(DYN(2), Elf64_Dyn, d_un), UINT64_MAX, UNREADABLE},
	{"names that end too early", IN(DYN(2), Elf64_Dyn, d_un), 10, NO_SYMBOL},
	{"a name behind all others", IN(SYM(1), Elf64_Sym, st_name), UINT32_MAX,
	NO_SYMBOL},
	{"another name", IN(SYM(1), Elf64_Sym, st_name), 2, NO_SYMBOL},
	{"no buckets", ELF_HASH, 4, 0, NO_SYMBOL},
	{"too many buckets", ELF_HASH, 4, UINT32_MAX, NO_SYMBOL},
	{"too large a filter", ELF_HASH + 8, 4, UINT32_MAX, NO_SYMBOL},
	{"a chain without an end", ELF_HASH + 4 * (6 + ELF_NSYMBOLS - 1), 4, 0,
	NULL},
	{"no hash table", IN(DYN(7), Elf64_Dyn, d_tag), DT_DEBUG, NO_SYMBOL},
	{"no relocations", IN(DYN(3), Elf64_Dyn, d_un), UINT64_MAX, NULL},
	{"too many relocations", IN(DYN(4), Elf64_Dyn, d_un), UINT64_MAX, NULL},
};

static void
test_broken(void)
{
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
	{
		const Broken *this = &broken[i];
		size_t		size = build(&samples[0]);

		memcpy(file + this->at, &this->value, this->size);
		is(found_in(size), this->expected != NULL ? this->expected :
		   samples[0].expected, this->name);
	}
}

static void
test_cut(void)
{
	size_t		whole = build(&samples[0]);
	bool		all = true;

	is(found_in(0), "It is not an ELF file", "an empty file");
	memcpy(file, "#!/bin/sh\n", 10);
	is(found_in(10), "It is not an ELF file", "a script");
	for (size_t size = 0; size < whole; size += size < 700 ? 1 : 7)
	{
		(void) build(&samples[0]);
		all &= found_in(size)[0] == 'I' || size > ELF_CODE;
	}
	ok(all, "a file that ends before its code");
}

/* A table of functions that isn't understood is none. */
static void
test_functions(void)
{
	static const struct
	{
		const char *name;
		size_t		at;
		uint8_t		value;
	}			changes[] = {
		{"another version", 0, 2},
		{"another kind of pointer", 1, 0x04},
		{"another kind of count", 2, 0x04},
		{"another kind of table", 3, 0x30},
		{"too many of them", 11, 0x7f},
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
	{
		int			at = 0;

		while (samples[at].nfunctions == 0)
			at++;
		(void) build(&samples[at]);
		file[ELF_FUNCTIONS + changes[i].at] = changes[i].value;
		is(found_in(ELF_CODE + samples[at].size),
		   "00: it is held across an indirect jump", changes[i].name);
	}
}

static void
test_paths(void)
{
	static const struct
	{
		const char *path;
		int			rc;
		const char *expected;
	}			paths[] = {
		{"/", -EINVAL, "It is not a regular file"},
		{"/dev/zero", -EINVAL, "It is not a regular file"},
		{"/nonexistent", -ENOENT,
		"The file cannot be opened: No such file or directory"},
		{"/proc/self/exe", -ENODATA, NO_SYMBOL},
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
	{
		char		errbuf[256] = "";
		PgtSites   *sites;

		ok(pgt_sites_find(paths[i].path, &sites, errbuf,
						  sizeof(errbuf)) == paths[i].rc && sites == NULL,
		   "%s: fails", paths[i].path);
		is(errbuf, paths[i].expected, paths[i].path);
	}
	pgt_sites_free(NULL);
}

/* ----------
 * What else is listed
 * ----------
 */

/* Functions that are of interest by themselves start where the code does. */
static void
test_entries(void)
{
	const Sample sample = {"", EM_X86_64, ELF_DEFINED, "\x55\xc3", 2, "",
		{0}, 0};
	char		errbuf[256];
	int			rc;
	PgtSites   *sites = find(build(&sample), errbuf, sizeof(errbuf), &rc);

	if (!ok(rc == 0, "a program without waits"))
		return;
	ok(sites->nsites == 0 && sites->nreferences == 0, "has none");
	ok(sites->proof_offset == ELF_CODE, "where uprobes are put to the test");
	ok(sites->ntargets == 1 && sites->targets[0].flags == PGT_SITE_ENTRY &&
	   sites->targets[0].file_call == PGT_ENTRY_BUFFER &&
	   sites->targets[0].probe_offset == ELF_CODE && sites->targets[0].cheap,
	   "a function that waits for a buffer");
	pgt_sites_free(sites);
}

/*
 * In order of address, each once: here the second adrp, which leads to an
 * indirect jump, is seen before the load behind the first.
 */
static void
test_references(void)
{
	const Sample sample = {"", EM_AARCH64, ELF_DEFINED,
		"\x93\x00\x00\x90"		/* adrp x19, my_wait_event_info */
		"\x60\x02\x43\xf9"		/* ldr x0, [x19, lo12] */
		"\x01\x00\x00\xb9"		/* str w1, [x0] */
		"\xc0\x03\x5f\xd6"		/* ret */
		"\x93\x00\x00\x90"		/* adrp x19, my_wait_event_info */
		"\x00\x01\x1f\xd6",		/* br x8 */
		24, "", {0}, 0};
	char		errbuf[256];
	int			rc;
	PgtSites   *sites = find(build(&sample), errbuf, sizeof(errbuf), &rc);

	if (!ok(rc == 0 && sites->nreferences == 2, "two references"))
		return;
	ok(sites->references[0].addr == ELF_CODE + 0x04 &&
	   sites->references[0].kind == PGT_REFERENCE_STORE, "the first one");
	ok(sites->references[1].addr == ELF_CODE + 0x10 &&
	   sites->references[1].kind == PGT_REFERENCE_UNKNOWN, "the second one");
	pgt_sites_free(sites);
}

int
main(void)
{
	test_samples();
	test_broken();
	test_cut();
	test_functions();
	test_paths();
	test_entries();
	test_references();
	test_reading();
	return done();
}
