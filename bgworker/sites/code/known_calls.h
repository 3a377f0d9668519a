/*
 * known_calls.h
 *		Functions whose arguments say what a wait is for.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_CODE_KNOWN_CALLS_H
#define PGT_SITES_CODE_KNOWN_CALLS_H

#include "bgworker/sites/code/stores.h"

#define PGT_MAX_CALLEES		128

/*
 * A function of the server that does nothing but answer and that no wait calls:
 * by a call of it uprobes are put to the test.
 */
#define PGT_PROOF_FUNCTION	"pgstat_get_wait_event_type"

/* Among flags of sites: it is PGT_PROOF_FUNCTION, which has no site */
#define PGT_CALLEE_PROOF	0x80

/* Where calls of a known function go to. */
typedef struct PgtCallee
{
	uint64_t	addr;			/* the function, or what holds its address */
	uint8_t		file_call;		/* enum pgt_file_call if flags is 0 */
	uint8_t		flags;			/* PGT_SITE_RELATION, PGT_SITE_ENTRY,
								 * PGT_CALLEE_PROOF or 0: its start is of
								 * interest, not calls of it */
	bool		slot;			/* addr holds the address */
} PgtCallee;

typedef struct PgtCallees
{
	PgtCallee	items[PGT_MAX_CALLEES];
	int			nitems;
} PgtCallees;

/* A call of a known function. */
typedef struct PgtFileCall
{
	uint64_t	addr;			/* of the call */
	uint8_t		file_call;		/* enum pgt_file_call */
} PgtFileCall;

/* Find the known functions among the image's dynamic symbols. */
extern void pgt_callees_find(const PgtElfImage *image, PgtCallees *callees);

/*
 * The calls of known functions that the code from addr on comes to, before
 * it stores to the wait event, calls something else or has gone too far.
 * Returns their number.
 */
#define PGT_MAX_REACHED		4

extern int	pgt_callees_reached(const PgtCallees *callees,
								PgtDecoder *decoder, const PgtStores *stores,
								uint64_t addr, PgtFileCall *reached);

/*
 * Where to probe a function so that its arguments are still where it was
 * given them; false if it can't be said.
 */
extern bool pgt_callees_entry(PgtDecoder *decoder, uint64_t addr,
							  uint64_t *probe, bool *cheap);

/*
 * Where a function that does little else hands on to the next one what it has
 * made of its arguments: its first call or jump, if the code is straight up to
 * there and a probe on it is cheap.
 */
extern bool pgt_callees_handover(PgtDecoder *decoder, uint64_t addr,
								 uint64_t *probe);

#endif							/* PGT_SITES_CODE_KNOWN_CALLS_H */
