/*
 * variable.h
 *		Where code has to go for a global variable of an ELF file.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_ELF_VARIABLE_H
#define PGT_SITES_ELF_VARIABLE_H

#include "bgworker/sites/elf/image.h"

#define PGT_VARIABLE_MAX_SLOTS	16

typedef struct PgtVariable
{
	uint64_t	addr;			/* 0 where another file defines it */
	uint64_t	slots[PGT_VARIABLE_MAX_SLOTS];	/* hold its address */
	int			nslots;
} PgtVariable;

/*
 * Find a variable by its name among the dynamic symbols, which stripping
 * leaves in place.  Returns 0 with an address or at least one slot, or a
 * negative errno and in errbuf why, as a sentence without its full stop.
 */
extern int	pgt_elf_variable_find(const PgtElfImage *image, const char *name,
								  PgtVariable *variable,
								  char *errbuf, size_t errlen);

#endif							/* PGT_SITES_ELF_VARIABLE_H */
