/*
 * sites.c
 *		Fuzz target: bgworker/sites/ on files of any content.
 *
 * The first byte says what the input is: 'F', a file as it stands; or a
 * description of one that tap/unit/elf_builder.h makes, so that what is
 * mutated is code and single fields of headers that are right otherwise:
 *
 *		1	machine, kind and variable, as in describe()
 *		1	number of functions known; then 2 for the distance of each
 *		1	number of fields to break; then 2 for the place and 8 for the bytes
 *			of each
 *		the rest is code
 *
 * A server's process runs this code with capabilities, so whatever the file
 * is: no crash, not much time, not much memory, and a result that its users
 * can take at its word.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "bgworker/sites/sites.h"
#include "bpf/pg_trace.h"
#include "tap/fuzz/check.h"
#include "tap/unit/elf_builder.h"

#define MAX_FUNCTIONS	8
#define MAX_FIELDS		4

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Input
{
	const uint8_t *at;
	size_t		left;
} Input;

/* The next bytes as a number; what is missing counts as 0. */
static uint64_t
take(Input *input, size_t size)
{
	uint64_t	value = 0;

	if (size > input->left)
		size = input->left;
	memcpy(&value, input->at, size);
	input->at += size;
	input->left -= size;
	return value;
}

/* Build the file that the input describes; returns its size. */
static size_t
describe(Input *input, uint8_t *file)
{
	uint32_t	functions[MAX_FUNCTIONS];
	uint8_t		kind = (uint8_t) take(input, 1);
	ElfSpec		spec = {
		.machine = (kind & 1) != 0 ? EM_AARCH64 : EM_X86_64,
		.variable = (ElfVariable) (kind >> 1 & 3),
		.absolute = (kind & 8) != 0,
		.sysv_hash = (kind & 16) != 0,
		.sections = (kind & 32) != 0,
		.functions = functions,
	};
	struct
	{
		size_t		at;
		uint64_t	value;
	}			fields[MAX_FIELDS];
	int			nfields;
	size_t		size;

	spec.nfunctions = (int) (take(input, 1) % (MAX_FUNCTIONS + 1));
	for (int i = 0; i < spec.nfunctions; i++)
		functions[i] = (uint32_t) take(input, 2);
	nfields = (int) (take(input, 1) % (MAX_FIELDS + 1));
	for (int i = 0; i < nfields; i++)
	{
		fields[i].at = take(input, 2) % ELF_CODE;
		fields[i].value = take(input, 8);
	}
	spec.code = input->at;
	spec.size = input->left;
	size = elf_build(&spec, file);
	for (int i = 0; i < nfields; i++)
	{
		if (fields[i].at + sizeof(fields[i].value) <= size)
			memcpy(file + fields[i].at, &fields[i].value,
				   sizeof(fields[i].value));
	}
	return size;
}

static void
check_sites(const PgtSites *sites, size_t size)
{
	int			expensive = 0;

	for (int i = 0; i < sites->nsites; i++)
	{
		const PgtSite *site = &sites->sites[i];

		check(site->probe_offset < size);
		check(i == 0 || site->probe_offset > site[-1].probe_offset);
		check(site->probe_addr > site->store_addr);
		check(site->file_call == PGT_FILE_CALL_NONE || site->cheap);
		expensive += !site->cheap;
	}
	check(sites->nexpensive == expensive);
	check(sites->nsites + sites->nsuperseded <= sites->nstores);
	check(sites->nstores <=
		  sites->nsites + sites->nsuperseded + sites->nunknown);
	check(sites->proof_offset < size);
	for (int i = 0; i < sites->ntargets; i++)
	{
		const PgtTargetSite *target = &sites->targets[i];

		check(target->probe_offset < size);
		check(target->flags == PGT_SITE_CALL ||
			  target->flags == PGT_SITE_RELATION ||
			  target->flags == PGT_SITE_ENTRY);
		for (int j = 0; j < sites->nsites; j++)
			check(sites->sites[j].probe_offset != target->probe_offset);
		for (int j = 0; j < i; j++)
			check(sites->targets[j].probe_offset != target->probe_offset);
	}
}

static void
check_references(const PgtSites *sites)
{
	int			pointers = 0;
	int			unknown = 0;

	for (int i = 0; i < sites->nreferences; i++)
	{
		const PgtReference *reference = &sites->references[i];

		check(i == 0 || reference->addr >= reference[-1].addr);
		check(reference->kind != PGT_REFERENCE_STORE ||
			  reference->store_addr != 0);
		pointers += reference->kind == PGT_REFERENCE_POINTER;
		unknown += reference->kind == PGT_REFERENCE_UNKNOWN;
	}
	check(sites->npointer_writes == pointers);
	check(unknown <= sites->nunknown);
	for (int i = 0; i < sites->nunknown; i++)
		check(sites->unknown[i].reason != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int	fd = -1;
	static uint8_t built[ELF_MAX_SIZE];
	Input		input = {data, size};
	const uint8_t *file = built;
	PgtSites   *sites;
	char		errbuf[256] = "";
	int			rc;

	if (size == 0)
		return 0;
	if (data[0] == 'F')
	{
		file = data + 1;
		size--;
	}
	else
		size = describe(&input, built);

	if (fd < 0)
		fd = memfd_create("sites", MFD_CLOEXEC);
	check(fd >= 0 && ftruncate(fd, 0) == 0);
	check(pwrite(fd, file, size, 0) == (ssize_t) size);
	rc = pgt_sites_find_fd(fd, &sites, errbuf, sizeof(errbuf));
	if (rc == 0)
	{
		check_sites(sites, size);
		check_references(sites);
		pgt_sites_free(sites);
	}
	else
	{
		check(rc < 0 && sites == NULL);
		check(errbuf[0] != '\0' && strchr(errbuf, '\n') == NULL);
	}
	return 0;
}
