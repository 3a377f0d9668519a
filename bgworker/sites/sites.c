/*
 * sites.c
 *		Where in a program waits start and end: the places for probes.
 *
 * PostgreSQL reports a wait by an inline function that stores 4 bytes through
 * the pointer my_wait_event_info, so there is no function to attach to; but
 * the pointer is a dynamic symbol in every build.  What happens here:
 *
 *		file -> elf/image.c -> elf/variable.c -> code/scan.h -> code/stores.c
 *				code		   address of the	 refer-			stores
 *							   pointer			 ences
 *			 -> placement.c -> here
 *				probes		   list of sites
 *
 * Beside the sites, places that tell what a wait is for are listed: calls of
 * functions that code/known_calls.c knows, and the starts of some functions.
 *
 * The result goes to bgworker/probes/, which attaches to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bgworker/sites/code/known_calls.h"
#include "bgworker/sites/code/scan.h"
#include "bgworker/sites/code/stores.h"
#include "bgworker/sites/elf/peek.h"
#include "bgworker/sites/placement.h"
#include "bgworker/sites/sites.h"
#include "bpf/pg_trace.h"

#define VARIABLE		"my_wait_event_info"

/* A server has 200; this bounds the time for a file made to take long. */
#define MAX_REFERENCES	4096

typedef struct Search
{
	PgtElfImage *image;
	PgtDecoder *decoder;
	PgtFollower *follower;
	PgtVariable variable;
	PgtFunctions functions;
	PgtStores	stores;
	PgtCallees	callees;
	PgtPlacement *placements;	/* one for each store */
	PgtSites   *result;
	bool		out_of_memory;
} Search;

static int	run(Search *search, int fd, char *errbuf, size_t errlen);
static bool find_references(Search *search);
static int	compare_references(const void *a, const void *b);
static bool take_reference(const PgtInsn *insn, const char *gap, void *arg);
static void add_unknown(Search *search, uint64_t addr, const char *reason);
static bool list_sites(Search *search);
static void list_site(Search *search, int index);
static int	compare_sites(const void *a, const void *b);
static bool list_targets(Search *search);
static void list_calls(Search *search, PgtSite *site);
static void list_entry(Search *search, const PgtCallee *callee);
static void list_proof(Search *search, const PgtCallee *callee);
static void list_target(Search *search, uint64_t addr, bool cheap,
						uint8_t file_call, uint8_t flags);

int
pgt_sites_find(const char *path, PgtSites **result,
			   char *errbuf, size_t errlen)
{
	int			fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int			rc;

	*result = NULL;
	if (fd < 0)
		return pgt_elf_fail(errbuf, errlen, errno,
							"The file cannot be opened: %s", strerror(errno));
	rc = pgt_sites_find_fd(fd, result, errbuf, errlen);
	close(fd);
	return rc;
}

int
pgt_sites_find_fd(int fd, PgtSites **result, char *errbuf, size_t errlen)
{
	Search		search;
	int			rc;

	*result = NULL;
	memset(&search, 0, sizeof(search));
	rc = run(&search, fd, errbuf, errlen);

	if (rc == 0)
		*result = search.result;
	else
		pgt_sites_free(search.result);
	free(search.placements);
	free(search.stores.items);
	pgt_follower_free(search.follower);
	pgt_decoder_free(search.decoder);
	pgt_elf_image_free(search.image);
	return rc;
}

void
pgt_sites_free(PgtSites *sites)
{
	if (sites == NULL)
		return;
	free(sites->sites);
	free(sites->targets);
	free(sites->references);
	free(sites->unknown);
	free(sites);
}

static int
run(Search *search, int fd, char *errbuf, size_t errlen)
{
	bool		supported;
	int			rc;

	/* nearly all libraries are done with by a look at their headers */
	if (pgt_elf_peek_lacks(fd, VARIABLE))
		return pgt_elf_fail(errbuf, errlen, ENODATA,
							"It has no dynamic symbol \"%s\"", VARIABLE);
	rc = pgt_elf_image_read(fd, &search->image, errbuf, errlen);
	if (rc != 0)
		return rc;

	search->decoder = pgt_decoder_create(search->image, &supported);
	if (!supported)
		return pgt_elf_fail(errbuf, errlen, ENOTSUP,
							"It is for an unsupported machine (%u)",
							(unsigned) search->image->machine);
	if (search->decoder == NULL)
		return pgt_elf_fail(errbuf, errlen, ENOMEM, "Out of memory");

	rc = pgt_elf_variable_find(search->image, VARIABLE, &search->variable,
							   errbuf, errlen);
	if (rc != 0)
		return rc;

	pgt_elf_functions_find(search->image, &search->functions);
	search->follower = pgt_follower_create(search->decoder,
										   &search->variable,
										   &search->functions);
	search->result = calloc(1, sizeof(PgtSites));
	if (search->follower == NULL || search->result == NULL)
		return pgt_elf_fail(errbuf, errlen, ENOMEM, "Out of memory");

	if (!find_references(search) && !search->out_of_memory)
		return pgt_elf_fail(errbuf, errlen, E2BIG,
							"Too many instructions address \"%s\"", VARIABLE);
	if (search->out_of_memory)
		return pgt_elf_fail(errbuf, errlen, ENOMEM, "Out of memory");

	search->placements = pgt_placements_find(search->decoder, search->image,
											 &search->stores);
	if (search->placements == NULL ||
		!list_sites(search) || !list_targets(search))
		return pgt_elf_fail(errbuf, errlen, ENOMEM, "Out of memory");
	return 0;
}

static bool
find_references(Search *search)
{
	const PgtVariable *variable = &search->variable;
	PgtSites   *result = search->result;
	PgtTargets	targets = {.count = 0};

	result->references = calloc(MAX_REFERENCES, sizeof(PgtReference));

	/* Each store may be unknown, too; there are at most as many. */
	result->unknown = calloc(2 * MAX_REFERENCES, sizeof(PgtUnknown));
	if (result->references == NULL || result->unknown == NULL)
	{
		search->out_of_memory = true;
		return false;
	}

	if (variable->addr != 0)
		targets.addrs[targets.count++] = variable->addr;
	for (int i = 0; i < variable->nslots; i++)
		targets.addrs[targets.count++] = variable->slots[i];
	if (!pgt_scan_references(search->decoder, search->image,
							 &search->functions, &targets,
							 take_reference, search))
		return false;

	/* Those that lead to others that can't be found come first. */
	qsort(result->references, (size_t) result->nreferences,
		  sizeof(PgtReference), compare_references);
	return true;
}

static int
compare_references(const void *a, const void *b)
{
	uint64_t	left = ((const PgtReference *) a)->addr;
	uint64_t	right = ((const PgtReference *) b)->addr;

	return (left > right) - (left < right);
}

static bool
take_reference(const PgtInsn *insn, const char *gap, void *arg)
{
	Search	   *search = arg;
	PgtSites   *result = search->result;
	PgtReference *reference;
	PgtTrail	trail = {.gap = gap};

	if (result->nreferences == MAX_REFERENCES)
		return false;
	reference = &result->references[result->nreferences++];
	reference->addr = insn->addr;

	if (gap == NULL &&
		!pgt_follower_run(search->follower, insn, &search->stores, &trail))
	{
		search->out_of_memory = true;
		return false;
	}
	reference->store_addr = trail.first_store;
	if (trail.gap != NULL)
	{
		reference->kind = PGT_REFERENCE_UNKNOWN;
		add_unknown(search, insn->addr, trail.gap);
	}
	else if (trail.first_store != 0)
		reference->kind = PGT_REFERENCE_STORE;
	else
	{
		reference->kind = PGT_REFERENCE_POINTER;
		result->npointer_writes++;
	}
	return true;
}

static void
add_unknown(Search *search, uint64_t addr, const char *reason)
{
	PgtUnknown *unknown =
		&search->result->unknown[search->result->nunknown++];

	unknown->addr = addr;
	unknown->reason = reason;
}

static bool
list_sites(Search *search)
{
	PgtSites   *result = search->result;
	int			nstores = search->stores.nitems;

	result->nstores = nstores;
	if (nstores <= 0)
		return true;
	result->sites = calloc((size_t) nstores, sizeof(PgtSite));
	if (result->sites == NULL)
		return false;

	for (int i = 0; i < nstores; i++)
	{
		if (search->placements[i].next >= 0)
			result->nsuperseded++;
		else if (search->placements[i].probe == 0)
			add_unknown(search, search->stores.items[i].addr,
						"no instruction behind the store can be probed");
		else
			list_site(search, i);
	}
	qsort(result->sites, (size_t) result->nsites, sizeof(PgtSite),
		  compare_sites);
	return true;
}

static void
list_site(Search *search, int index)
{
	const PgtStore *store = &search->stores.items[index];
	const PgtPlacement *placement = &search->placements[index];
	PgtSite    *site = &search->result->sites[search->result->nsites];
	uint64_t	size;

	if (!pgt_elf_image_at(search->image, placement->probe,
						  &site->probe_offset, &size))
		return;
	site->store_addr = store->addr;
	site->probe_addr = placement->probe;
	site->cheap = placement->cheap;
	search->result->nexpensive += !site->cheap;
	site->restart = placement->after_end && store->value != PGT_VALUE_ZERO;
	search->result->nsites++;
}

static int
compare_sites(const void *a, const void *b)
{
	uint64_t	left = ((const PgtSite *) a)->probe_offset;
	uint64_t	right = ((const PgtSite *) b)->probe_offset;

	return (left > right) - (left < right);
}

/*
 * What the probes at starts can tell of the wait's target, and the further
 * places that can.
 */
static bool
list_targets(Search *search)
{
	PgtSites   *result = search->result;
	PgtCallees *callees = &search->callees;

	result->targets = calloc((size_t) result->nsites * PGT_MAX_REACHED +
							 PGT_MAX_CALLEES, sizeof(PgtTargetSite));
	if (result->targets == NULL)
		return false;
	pgt_callees_find(search->image, callees);

	for (int i = 0; i < result->nsites; i++)
	{
		PgtSite    *site = &result->sites[i];
		int			store = pgt_placement_store(&search->stores,
												site->store_addr);

		if (search->stores.items[store].value != PGT_VALUE_ZERO)
			list_calls(search, site);
	}
	for (int i = 0; i < callees->nitems; i++)
	{
		const PgtCallee *callee = &callees->items[i];

		if (callee->slot)
			continue;
		if (callee->flags == PGT_CALLEE_PROOF)
			list_proof(search, callee);
		else if (callee->flags != 0)
			list_entry(search, callee);
	}
	return true;
}

/* The wait for a reference to an I/O only looks up what it refers to. */
static void
list_entry(Search *search, const PgtCallee *callee)
{
	uint8_t		kind = callee->file_call;
	uint64_t	probe;
	bool		cheap;

	if (!pgt_callees_entry(search->decoder, callee->addr, &probe, &cheap))
		return;
	if (!cheap && callee->flags == PGT_SITE_ENTRY &&
		kind == PGT_ENTRY_AIO_REFERENCE &&
		pgt_callees_handover(search->decoder, callee->addr, &probe))
	{
		kind = PGT_ENTRY_AIO_HANDLE;
		cheap = true;
	}
	list_target(search, probe, cheap, kind, callee->flags);
}

static void
list_proof(Search *search, const PgtCallee *callee)
{
	uint64_t	offset;
	uint64_t	probe;
	uint64_t	size;
	bool		cheap;

	if (pgt_callees_entry(search->decoder, callee->addr, &probe, &cheap) &&
		pgt_elf_image_at(search->image, probe, &offset, &size))
		search->result->proof_offset = offset;
}

static void
list_calls(Search *search, PgtSite *site)
{
	PgtFileCall reached[PGT_MAX_REACHED];
	int			nreached = pgt_callees_reached(&search->callees,
											   search->decoder,
											   &search->stores,
											   site->probe_addr, reached);

	for (int i = 0; i < nreached; i++)
	{
		if (reached[i].addr == site->probe_addr)
			site->file_call = reached[i].file_call;
		else
			list_target(search, reached[i].addr, true, reached[i].file_call,
						PGT_SITE_CALL);
	}
}

static void
list_target(Search *search, uint64_t addr, bool cheap, uint8_t file_call,
			uint8_t flags)
{
	PgtSites   *result = search->result;
	PgtTargetSite *target = &result->targets[result->ntargets];
	uint64_t	size;

	for (int i = 0; i < result->nsites; i++)
	{
		if (result->sites[i].probe_addr == addr)
			return;
	}
	for (int i = 0; i < result->ntargets; i++)
	{
		if (result->targets[i].probe_addr == addr)
			return;
	}
	if (!pgt_elf_image_at(search->image, addr, &target->probe_offset, &size))
		return;
	target->probe_addr = addr;
	target->cheap = cheap;
	target->file_call = file_call;
	target->flags = flags;
	result->ntargets++;
}
