/*
 * unwind_table.h
 *		Where the functions of an ELF file start.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_ELF_UNWIND_TABLE_H
#define PGT_SITES_ELF_UNWIND_TABLE_H

#include "bgworker/sites/elf/image.h"

typedef struct PgtFunctions
{
	uint64_t	base;			/* what its addresses are relative to */
	const uint8_t *table;		/* into the image */
	uint64_t	count;			/* 0 if the file doesn't tell */
} PgtFunctions;

/* Look for the table; the image has to outlive it. */
extern void pgt_elf_functions_find(const PgtElfImage *image,
								   PgtFunctions *functions);

/* Is addr known to be the start of a function, or of its cold part? */
extern bool pgt_elf_functions_start(const PgtFunctions *functions,
									uint64_t addr);

/*
 * Where the function that has addr in it starts and ends; false if unknown.
 * The last function ends at UINT64_MAX.
 */
extern bool pgt_elf_functions_bounds(const PgtFunctions *functions,
									 uint64_t addr,
									 uint64_t *start, uint64_t *end);

#endif							/* PGT_SITES_ELF_UNWIND_TABLE_H */
