/*
 * variable.c
 *		Where code has to go for a global variable of an ELF file.
 *
 * Second step of sites.c.  A program's own code mostly addresses the variable
 * directly.  Code that was compiled for a shared library first loads its
 * address from a slot, usually in the global offset table; what ends up in a
 * slot is written in the relocations or in the slot itself.
 */
#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <string.h>

#include "bgworker/sites/elf/dynamic.h"
#include "bgworker/sites/elf/variable.h"

static uint64_t find_symbol(const PgtDynamic *dynamic, const char *name);
static bool is_variable(const PgtDynamic *dynamic, const char *name,
						const GElf_Sym *symbol);
static void find_relocated(const PgtDynamic *dynamic, const char *name,
						   PgtVariable *variable);
static bool is_relocated_to(const PgtDynamic *dynamic, const char *name,
							uint64_t addr, const GElf_Rela *rela);
static void find_initialized(const PgtElfImage *image, PgtVariable *variable);
static void add_slot(PgtVariable *variable, uint64_t addr);

int
pgt_elf_variable_find(const PgtElfImage *image, const char *name,
					  PgtVariable *variable, char *errbuf, size_t errlen)
{
	PgtDynamic	dynamic;

	memset(variable, 0, sizeof(*variable));
	if (!pgt_elf_dynamic_read(image, &dynamic))
		return pgt_elf_fail(errbuf, errlen, ENOEXEC,
							"It has no readable dynamic symbols");

	variable->addr = find_symbol(&dynamic, name);
	find_relocated(&dynamic, name, variable);
	find_initialized(image, variable);
	if (variable->addr == 0 && variable->nslots == 0)
		return pgt_elf_fail(errbuf, errlen, ENODATA,
							"It has no dynamic symbol \"%s\"", name);
	return 0;
}

static uint64_t
find_symbol(const PgtDynamic *dynamic, const char *name)
{
	uint64_t	count = pgt_elf_dynamic_count(dynamic);
	GElf_Sym	symbol;

	for (uint64_t i = 1; i < count; i++)
	{
		if (gelf_getsym(dynamic->symbols, (int) i, &symbol) == NULL)
			break;
		if (symbol.st_shndx != SHN_UNDEF &&
			is_variable(dynamic, name, &symbol))
			return symbol.st_value;
	}
	return 0;
}

static bool
is_variable(const PgtDynamic *dynamic, const char *name,
			const GElf_Sym *symbol)
{
	const char *found = pgt_elf_dynamic_name(dynamic, symbol);

	return found != NULL && strcmp(found, name) == 0;
}

/* Slots that the loader fills. */
static void
find_relocated(const PgtDynamic *dynamic, const char *name,
			   PgtVariable *variable)
{
	Elf_Data   *table = pgt_elf_dynamic_table(dynamic, dynamic->rela,
											  dynamic->relasz);
	GElf_Rela	rela;

	if (table == NULL)
		return;
	for (int i = 0; gelf_getrela(table, i, &rela) != NULL; i++)
	{
		if (is_relocated_to(dynamic, name, variable->addr, &rela))
			add_slot(variable, rela.r_offset);
	}
}

/*
 * By the symbol's name, or, where the linker knew that no other file can take
 * the symbol's place, relative to the file's own address.
 */
static bool
is_relocated_to(const PgtDynamic *dynamic, const char *name, uint64_t addr,
				const GElf_Rela *rela)
{
	GElf_Sym	symbol;

	switch (dynamic->image->machine)
	{
		case EM_X86_64:
			if (GELF_R_TYPE(rela->r_info) == R_X86_64_RELATIVE)
				return addr != 0 && (uint64_t) rela->r_addend == addr;
			if (GELF_R_TYPE(rela->r_info) != R_X86_64_GLOB_DAT &&
				GELF_R_TYPE(rela->r_info) != R_X86_64_64)
				return false;
			break;
		case EM_AARCH64:
			if (GELF_R_TYPE(rela->r_info) == R_AARCH64_RELATIVE)
				return addr != 0 && (uint64_t) rela->r_addend == addr;
			if (GELF_R_TYPE(rela->r_info) != R_AARCH64_GLOB_DAT &&
				GELF_R_TYPE(rela->r_info) != R_AARCH64_ABS64)
				return false;
			break;
		default:
			return false;
	}
	return rela->r_addend == 0 && GELF_R_SYM(rela->r_info) <= INT32_MAX &&
		gelf_getsym(dynamic->symbols, (int) GELF_R_SYM(rela->r_info),
					&symbol) != NULL &&
		is_variable(dynamic, name, &symbol);
}

/*
 * Slots that hold the address in the file already: in a program that is
 * linked to a fixed address, or with packed relative relocations.
 */
static void
find_initialized(const PgtElfImage *image, PgtVariable *variable)
{
	if (variable->addr == 0)
		return;
	for (int i = 0; i < image->nsegments; i++)
	{
		const PgtSegment *segment = &image->segments[i];

		if ((segment->flags & PF_W) == 0)
			continue;
		for (uint64_t at = -segment->addr & 7;
			 at + sizeof(uint64_t) <= segment->size;
			 at += sizeof(uint64_t))
		{
			uint64_t	word;

			memcpy(&word, image->bytes + segment->offset + at, sizeof(word));
			if (word == variable->addr)
				add_slot(variable, segment->addr + at);
		}
	}
}

static void
add_slot(PgtVariable *variable, uint64_t addr)
{
	for (int i = 0; i < variable->nslots; i++)
	{
		if (variable->slots[i] == addr)
			return;
	}
	if (addr != 0 && variable->nslots < PGT_VARIABLE_MAX_SLOTS)
		variable->slots[variable->nslots++] = addr;
}
