/*
 * sites_dump.c
 *		Print what bgworker/sites/sites.c finds in a file.
 *
 * One line for each instruction that addresses the variable, with the first
 * store behind it; one for each probe; one for each place that tells what a
 * wait is for; one for whatever couldn't be accounted for; and last a
 * summary.  Tests read this, and people who want to know
 * what a server's build looks like.  Exit status 1, and why on stderr, if the
 * file is unusable.
 */
#include <capstone/capstone.h>
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bgworker/sites/sites.h"
#include "bpf/pg_trace.h"

static bool open_disassembler(int fd, csh *handle);
static void print_reference(int fd, csh handle, const PgtSites *sites,
							const PgtReference *reference);
static void print_site(int fd, csh handle, const PgtSite *site);
static void print_targets(const PgtSites *sites);
static void print_insn(int fd, csh handle, uint64_t addr, uint64_t offset);
static const PgtSite *find_site(const PgtSites *sites, uint64_t store_addr);
static void print_summary(const PgtSites *sites);

int
main(int argc, char **argv)
{
	PgtSites   *sites;
	char		errbuf[256] = "";
	csh			handle;
	int			fd;

	if (argc != 2)
	{
		fprintf(stderr, "usage: sites_dump FILE\n");
		return 1;
	}
	if (pgt_sites_find(argv[1], &sites, errbuf, sizeof(errbuf)) != 0)
	{
		fprintf(stderr, "%s\n", errbuf);
		return 1;
	}

	/* The instructions are decoded anew, as the kernel would meet them. */
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !open_disassembler(fd, &handle))
	{
		fprintf(stderr, "cannot read the file again\n");
		pgt_sites_free(sites);
		return 1;
	}

	for (int i = 0; i < sites->nreferences; i++)
		print_reference(fd, handle, sites, &sites->references[i]);

	/* Again, since one reference may serve several stores */
	for (int i = 0; i < sites->nsites; i++)
	{
		printf("probe");
		print_site(fd, handle, &sites->sites[i]);
		printf("\n");
	}
	print_targets(sites);
	for (int i = 0; i < sites->nunknown; i++)
		printf("unknown 0x%" PRIx64 " %s\n", sites->unknown[i].addr,
			   sites->unknown[i].reason);
	print_summary(sites);

	cs_close(&handle);
	close(fd);
	pgt_sites_free(sites);
	return 0;
}

static bool
open_disassembler(int fd, csh *handle)
{
	Elf64_Ehdr	ehdr;

	if (pread(fd, &ehdr, sizeof(ehdr), 0) != sizeof(ehdr))
		return false;
	if (ehdr.e_machine == EM_AARCH64)
		return cs_open(CS_ARCH_ARM64, CS_MODE_ARM, handle) == CS_ERR_OK;
	return cs_open(CS_ARCH_X86, CS_MODE_64, handle) == CS_ERR_OK;
}

static void
print_reference(int fd, csh handle, const PgtSites *sites,
				const PgtReference *reference)
{
	static const char *const kinds[] = {
		[PGT_REFERENCE_STORE] = "store",
		[PGT_REFERENCE_POINTER] = "pointer",
		[PGT_REFERENCE_UNKNOWN] = "unknown",
	};

	printf("reference 0x%" PRIx64 " %s", reference->addr,
		   kinds[reference->kind]);
	if (reference->store_addr != 0)
	{
		const PgtSite *site = find_site(sites, reference->store_addr);

		if (site != NULL)
			print_site(fd, handle, site);
		else
			printf(" store=0x%" PRIx64 " superseded", reference->store_addr);
	}
	printf("\n");
}

static void
print_site(int fd, csh handle, const PgtSite *site)
{
	printf(" store=0x%" PRIx64 " probe=0x%" PRIx64 " offset=0x%" PRIx64
		   " %s %s",
		   site->store_addr, site->probe_addr, site->probe_offset,
		   site->cheap ? "cheap" : "expensive",
		   site->restart ? "restart" : "-");
	print_insn(fd, handle, site->store_addr,
			   site->probe_offset - (site->probe_addr - site->store_addr));
	print_insn(fd, handle, site->probe_addr, site->probe_offset);
}

/* First the probes at starts that tell, then those that do nothing else. */
static void
print_targets(const PgtSites *sites)
{
	for (int i = 0; i < sites->nsites; i++)
	{
		const PgtSite *site = &sites->sites[i];

		if (site->file_call != PGT_FILE_CALL_NONE)
			printf("target start probe=0x%" PRIx64 " offset=0x%" PRIx64
				   " %s %d\n", site->probe_addr, site->probe_offset,
				   site->cheap ? "cheap" : "expensive", site->file_call);
	}
	for (int i = 0; i < sites->ntargets; i++)
	{
		const PgtTargetSite *target = &sites->targets[i];

		printf("target %s probe=0x%" PRIx64 " offset=0x%" PRIx64 " %s %d\n",
			   target->flags == PGT_SITE_CALL ? "call" :
			   target->flags == PGT_SITE_RELATION ? "relation" : "entry",
			   target->probe_addr, target->probe_offset,
			   target->cheap ? "cheap" : "expensive", target->file_call);
	}
}

static void
print_insn(int fd, csh handle, uint64_t addr, uint64_t offset)
{
	uint8_t		bytes[15];
	ssize_t		size = pread(fd, bytes, sizeof(bytes), (off_t) offset);
	cs_insn    *insn;

	if (size > 0 &&
		cs_disasm(handle, bytes, (size_t) size, addr, 1, &insn) == 1)
	{
		printf(" [%s %s]", insn->mnemonic, insn->op_str);
		cs_free(insn, 1);
	}
	else
		printf(" [?]");
}

static const PgtSite *
find_site(const PgtSites *sites, uint64_t store_addr)
{
	for (int i = 0; i < sites->nsites; i++)
	{
		if (sites->sites[i].store_addr == store_addr)
			return &sites->sites[i];
	}
	return NULL;
}

static void
print_summary(const PgtSites *sites)
{
	int			cheap = 0;

	for (int i = 0; i < sites->nsites; i++)
		cheap += sites->sites[i].cheap;
	printf("references=%d stores=%d probes=%d cheap=%d expensive=%d "
		   "superseded=%d pointer_writes=%d unknown=%d\n",
		   sites->nreferences, sites->nstores, sites->nsites, cheap,
		   sites->nsites - cheap, sites->nsuperseded, sites->npointer_writes,
		   sites->nunknown);
}
