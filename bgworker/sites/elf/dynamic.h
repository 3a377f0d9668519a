/*
 * dynamic.h
 *		The dynamic symbols and relocations of an ELF file.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_ELF_DYNAMIC_H
#define PGT_SITES_ELF_DYNAMIC_H

#include <gelf.h>

#include "bgworker/sites/elf/image.h"

/* Entries of the dynamic table, and what they lead to. */
typedef struct PgtDynamic
{
	const PgtElfImage *image;
	uint64_t	symtab;
	uint64_t	strtab;
	uint64_t	strsz;
	uint64_t	rela;
	uint64_t	relasz;
	uint64_t	jmprel;			/* relocations of calls */
	uint64_t	jmprelsz;
	uint64_t	hash;
	uint64_t	gnu_hash;
	Elf_Data   *symbols;		/* from the first one to the segment's end */
} PgtDynamic;

/* False if it has no readable dynamic symbols.  The image must outlive it. */
extern bool pgt_elf_dynamic_read(const PgtElfImage *image,
								 PgtDynamic *dynamic);

/* How many symbols there are, the empty one at 0 included. */
extern uint64_t pgt_elf_dynamic_count(const PgtDynamic *dynamic);

/* A symbol's name, or NULL; lives as long as the image. */
extern const char *pgt_elf_dynamic_name(const PgtDynamic *dynamic,
										const GElf_Sym *symbol);

/* A table of relocations, or NULL. */
extern Elf_Data *pgt_elf_dynamic_table(const PgtDynamic *dynamic,
									   uint64_t addr, uint64_t len);

#endif							/* PGT_SITES_ELF_DYNAMIC_H */
