/*
 * scan.h
 *		Search code, without decoding all of it, for instructions that have an
 *		address in them.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_CODE_SCAN_H
#define PGT_SITES_CODE_SCAN_H

#include "bgworker/sites/code/insn.h"
#include "bgworker/sites/elf/unwind_table.h"
#include "bgworker/sites/elf/variable.h"

/* The addresses to look for. */
typedef struct PgtTargets
{
	uint64_t	addrs[PGT_VARIABLE_MAX_SLOTS + 1];
	int			count;
} PgtTargets;

/*
 * Find the instructions that address one of the targets.  Each is handed to
 * found(), with the address in it, even where in the code it takes several
 * instructions to make it, and with a gap of NULL; or, if an instruction may
 * lead to such ones that can't be found, it with the reason.
 *
 * found() returns false to stop the search.  Then, and if there is more that
 * looks like a reference than can be, the result is false.
 */
typedef bool (*PgtFoundReference) (const PgtInsn *insn, const char *gap,
								   void *arg);

extern bool pgt_scan_references(PgtDecoder *decoder, const PgtElfImage *image,
								const PgtFunctions *functions,
								const PgtTargets *targets,
								PgtFoundReference found, void *arg);

/*
 * Find everything that might be a direct jump or branch, with its target.
 * Many are not: ask pgt_scan_is_start() about those of interest.
 */
typedef void (*PgtFoundJump) (uint64_t addr, uint64_t target, void *arg);

extern void pgt_scan_jumps(PgtDecoder *decoder, const PgtElfImage *image,
						   PgtFoundJump found, void *arg);

/* Does an instruction start at addr, going by the code before it? */
extern bool pgt_scan_is_start(PgtDecoder *decoder, const PgtElfImage *image,
							  uint64_t addr);

/* Is addr one of them? */
extern bool pgt_targets_have(const PgtTargets *targets, uint64_t addr);

#endif							/* PGT_SITES_CODE_SCAN_H */
