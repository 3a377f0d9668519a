/*
 * sites.c
 *		Unit test: where bgworker/sites/ finds waits in small ELF files, and what
 *		it says of broken ones.
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
 * Sites as store>probe, ! where a probe is expensive, and what else there is to
 * say of them; superseded stores; calls of functions on files; references that
 * write the pointer; and what is unknown, with the reason.  Addresses are those
 * behind the code's start.
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

int
main(void)
{
	test_samples();
	return done();
}
