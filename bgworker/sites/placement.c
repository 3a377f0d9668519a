/*
 * placement.c
 *		Where the probe of each store goes.
 *
 * Last step of sites.c, which lists what is found here.  A probe goes behind
 * its store, on the first instruction that the kernel emulates, since
 * single-stepping costs 30 times as much.  That is nearly always the call
 * which does the waiting, or the branch that ends the block.  Up to there,
 * nothing may take time, and the wait event may not be stored again: of two
 * stores, the first one would go unseen, and the second one's probe has to
 * tell both.
 */
#include <stdlib.h>
#include <string.h>

#include "bgworker/sites/code/scan.h"
#include "bgworker/sites/placement.h"

/* From a store to its probe; the longest in a server is some 20. */
#define MAX_WALK		64

/* Places that pgt_scan_is_start() is asked about; a server has some 10. */
#define MAX_CHECKS		4096

typedef struct Search
{
	PgtDecoder *decoder;
	const PgtElfImage *image;
	const PgtStores *stores;
	PgtPlacement *placements;	/* one for each store */
	int			nchecks;
} Search;

static int	compare_stores(const void *a, const void *b);
static void place_probe(Search *search, int index, uint64_t limit);
static void separate_entered(Search *search);
static void check_jump(uint64_t addr, uint64_t target, void *arg);
static void note_ends(Search *search);

PgtPlacement *
pgt_placements_find(PgtDecoder *decoder, const PgtElfImage *image,
					PgtStores *stores)
{
	Search		search = {
		.decoder = decoder,
		.image = image,
		.stores = stores,
	};

	if (stores->nitems > 0)
		qsort(stores->items, (size_t) stores->nitems, sizeof(PgtStore),
			  compare_stores);
	search.placements = calloc((size_t) stores->nitems + 1,
							   sizeof(PgtPlacement));
	if (search.placements == NULL)
		return NULL;

	for (int i = 0; i < stores->nitems; i++)
		place_probe(&search, i, UINT64_MAX);
	separate_entered(&search);
	note_ends(&search);
	return search.placements;
}

int
pgt_placement_store(const PgtStores *stores, uint64_t addr)
{
	PgtStore	key = {.addr = addr};
	const PgtStore *found;

	if (stores->nitems == 0)
		return -1;
	found = bsearch(&key, stores->items, (size_t) stores->nitems,
					sizeof(PgtStore), compare_stores);
	return found == NULL ? -1 : (int) (found - stores->items);
}

static int
compare_stores(const void *a, const void *b)
{
	uint64_t	left = ((const PgtStore *) a)->addr;
	uint64_t	right = ((const PgtStore *) b)->addr;

	return (left > right) - (left < right);
}

/*
 * Walk from a store to where its probe goes, which is at the limit at most.
 *
 * Where nothing is emulated, the last instruction that can be stepped has to
 * do: the return, or the indirect call or jump.  A system call can wait, so
 * the walk ends before it.  It also ends before a load that a conditional
 * store belongs to, which a trap in between would let fail for ever.
 */
static void
place_probe(Search *search, int index, uint64_t limit)
{
	PgtPlacement *placement = &search->placements[index];
	uint64_t	addr = search->stores->items[index].addr;
	PgtInsn		insn;

	memset(placement, 0, sizeof(*placement));
	placement->next = -1;
	if (!pgt_decoder_at(search->decoder, addr, &insn))
		return;

	for (int i = 0; i < MAX_WALK; i++)
	{
		addr += insn.size;
		if (addr > limit ||
			!pgt_decoder_at(search->decoder, addr, &insn) ||
			insn.flow == PGT_FLOW_KERNEL || insn.exclusive)
			return;
		if (addr != limit)
			placement->next = pgt_placement_store(search->stores, addr);
		if (placement->next >= 0)
		{
			placement->probe = 0;
			return;
		}
		if (insn.probe != PGT_PROBE_REFUSED)
		{
			placement->probe = addr;
			placement->cheap = (insn.probe == PGT_PROBE_EMULATED);
		}
		if (placement->cheap || insn.flow != PGT_FLOW_NEXT)
			return;
	}
}

/*
 * A probe that starts a wait anew has to be reached through the stores only.
 * If a jump leads between the last store and the probe, the wait would be
 * split at every jump; then the store before gets a probe of its own, at the
 * latest on the last store itself, and the other probe needs to tell nothing
 * but what it sees.
 */
static void
separate_entered(Search *search)
{
	bool		any = false;

	for (int i = 0; i < search->stores->nitems; i++)
		any |= (search->placements[i].next >= 0);
	if (!any)
		return;

	pgt_scan_jumps(search->decoder, search->image, check_jump, search);
	for (int i = 0; i < search->stores->nitems; i++)
	{
		PgtPlacement *placement = &search->placements[i];

		if (placement->entered)
			place_probe(search, i, search->stores->items[i + 1].addr);
	}
}

/* Mark the superseded stores whose successor's probe this jump leads to. */
static void
check_jump(uint64_t addr, uint64_t target, void *arg)
{
	Search	   *search = arg;
	const PgtStore *stores = search->stores->items;
	int			low = 0;
	int			high = search->stores->nitems;

	/* The last store that lies before the target */
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (stores[middle].addr < target)
			low = middle + 1;
		else
			high = middle;
	}
	low--;

	/* ... supersedes the one before it, and its probe is not. */
	if (low < 1 || search->placements[low - 1].next != low ||
		search->placements[low - 1].entered ||
		target > search->placements[low].probe)
		return;
	if (search->nchecks++ < MAX_CHECKS &&
		!pgt_scan_is_start(search->decoder, search->image, addr))
		return;
	search->placements[low - 1].entered = true;
}

/* In order of address, so what went before a store is known by then. */
static void
note_ends(Search *search)
{
	const PgtStore *stores = search->stores->items;

	for (int i = 0; i < search->stores->nitems; i++)
	{
		const PgtPlacement *placement = &search->placements[i];

		if (placement->next >= 0 &&
			(placement->after_end || stores[i].value != PGT_VALUE_NONZERO))
			search->placements[placement->next].after_end = true;
	}
}
