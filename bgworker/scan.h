/*
 * scan.h
 *		Search code, without decoding all of it, for instructions that have an
 *		address in them.
 */
#ifndef PGT_SCAN_H
#define PGT_SCAN_H

#include "bgworker/insn.h"

/*
 * Find the instructions that address one of the targets, in order of address.
 * Each is handed to found(), which returns false to stop the search.  Then,
 * and if there is more that looks like one than can be, the result is false.
 */
typedef bool (*PgtFoundReference) (const PgtInsn *insn, void *arg);

extern bool pgt_scan_references(PgtDecoder *decoder, const PgtElfImage *image,
								const uint64_t *targets, int ntargets,
								PgtFoundReference found, void *arg);

/*
 * Find everything that might be a direct jump or branch, with its target.
 * Many are not: ask pgt_scan_is_start() about those of interest.
 */
typedef void (*PgtFoundJump) (uint64_t addr, uint64_t target, void *arg);

extern void pgt_scan_jumps(const PgtElfImage *image, PgtFoundJump found,
						   void *arg);

/* Does an instruction start at addr, going by the code before it? */
extern bool pgt_scan_is_start(PgtDecoder *decoder, const PgtElfImage *image,
							  uint64_t addr);

#endif							/* PGT_SCAN_H */
