/*
 * placement.h
 *		Where the probe of each store goes.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_PLACEMENT_H
#define PGT_SITES_PLACEMENT_H

#include "bgworker/sites/code/stores.h"

/* Where a store's probe goes. */
typedef struct PgtPlacement
{
	uint64_t	probe;			/* 0 if there is none */
	bool		cheap;			/* the kernel emulates the instruction there */
	bool		after_end;		/* a store that may end a wait went before */
	int			next;			/* store that comes before the probe, or -1 */
	bool		entered;		/* a jump leads between next and its probe */
} PgtPlacement;

/*
 * Place the probes: one placement for each store, to be freed by the caller.
 * Puts the stores into order of address, which pgt_placement_store() relies on.
 * NULL if memory ran out.
 */
extern PgtPlacement *pgt_placements_find(PgtDecoder *decoder,
										 const PgtElfImage *image,
										 PgtStores *stores);

/* The number of the store at addr, or -1. */
extern int	pgt_placement_store(const PgtStores *stores, uint64_t addr);

#endif							/* PGT_SITES_PLACEMENT_H */
