/*
 * elf_variable.c
 *		Where code has to go for a global variable of an ELF file.
 *
 * Second step of sites.c.  A program's own code mostly addresses the variable
 * directly.  Code that was compiled for a shared library first loads its
 * address from a slot, usually in the global offset table; what ends up in a
 * slot is written in the relocations or in the slot itself.
 *
 * Symbols and relocations are taken from where the dynamic loader takes them,
 * the dynamic table, since the section table may be missing or wrong.
 */
#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <string.h>

#include "bgworker/elf_variable.h"

/* Entries of the dynamic table, and what they lead to. */
typedef struct Dynamic
{
	const PgtElfImage *image;
	const char *name;			/* of the variable */
	uint64_t	symtab;
	uint64_t	strtab;
	uint64_t	strsz;
	uint64_t	rela;
	uint64_t	relasz;
	uint64_t	hash;
	uint64_t	gnu_hash;
	Elf_Data   *symbols;		/* from the first one to the segment's end */
} Dynamic;

static bool read_dynamic(Dynamic *dynamic);
static void note_dynamic(Dynamic *dynamic, const GElf_Dyn *entry);
static bool read_symbols(Dynamic *dynamic);
static uint64_t find_symbol(const Dynamic *dynamic);
static uint64_t count_symbols(const Dynamic *dynamic);
static uint64_t count_gnu_hash(const Dynamic *dynamic);
static bool is_variable(const Dynamic *dynamic, const GElf_Sym *symbol);
static void find_relocated(const Dynamic *dynamic, PgtVariable *variable);
static bool is_relocated_to(const Dynamic *dynamic, uint64_t addr,
							const GElf_Rela *rela);
static void find_initialized(const PgtElfImage *image, PgtVariable *variable);
static void add_slot(PgtVariable *variable, uint64_t addr);
static bool read_word(const Dynamic *dynamic, uint64_t addr, uint32_t *value);

int
pgt_elf_variable_find(const PgtElfImage *image, const char *name,
					  PgtVariable *variable, char *errbuf, size_t errlen)
{
	Dynamic		dynamic;

	memset(variable, 0, sizeof(*variable));
	memset(&dynamic, 0, sizeof(dynamic));
	dynamic.image = image;
	dynamic.name = name;

	if (!read_dynamic(&dynamic) || !read_symbols(&dynamic))
		return pgt_elf_fail(errbuf, errlen, ENOEXEC,
							"It has no readable dynamic symbols");

	variable->addr = find_symbol(&dynamic);
	find_relocated(&dynamic, variable);
	find_initialized(image, variable);
	if (variable->addr == 0 && variable->nslots == 0)
		return pgt_elf_fail(errbuf, errlen, ENODATA,
							"It has no dynamic symbol \"%s\"", name);
	return 0;
}

static bool
read_dynamic(Dynamic *dynamic)
{
	const PgtElfImage *image = dynamic->image;
	Elf_Data   *table = NULL;
	GElf_Phdr	phdr;
	GElf_Dyn	entry;
	size_t		count;

	if (elf_getphdrnum(image->elf, &count) != 0)
		return false;
	for (size_t i = 0; i < count && table == NULL; i++)
	{
		if (gelf_getphdr(image->elf, (int) i, &phdr) == NULL)
			return false;
		if (phdr.p_type == PT_DYNAMIC && phdr.p_filesz > 0 &&
			phdr.p_offset <= image->size &&
			phdr.p_filesz <= image->size - phdr.p_offset)
			table = elf_getdata_rawchunk(image->elf, (int64_t) phdr.p_offset,
										 phdr.p_filesz, ELF_T_DYN);
	}
	if (table == NULL)
		return false;

	for (int i = 0; gelf_getdyn(table, i, &entry) != NULL; i++)
	{
		if (entry.d_tag == DT_NULL)
			break;
		note_dynamic(dynamic, &entry);
	}
	return true;
}

static void
note_dynamic(Dynamic *dynamic, const GElf_Dyn *entry)
{
	switch (entry->d_tag)
	{
		case DT_SYMTAB:
			dynamic->symtab = entry->d_un.d_ptr;
			break;
		case DT_STRTAB:
			dynamic->strtab = entry->d_un.d_ptr;
			break;
		case DT_STRSZ:
			dynamic->strsz = entry->d_un.d_val;
			break;
		case DT_RELA:
			dynamic->rela = entry->d_un.d_ptr;
			break;
		case DT_RELASZ:
			dynamic->relasz = entry->d_un.d_val;
			break;
		case DT_HASH:
			dynamic->hash = entry->d_un.d_ptr;
			break;
		case DT_GNU_HASH:
			dynamic->gnu_hash = entry->d_un.d_ptr;
			break;
		default:
			break;
	}
}

static bool
read_symbols(Dynamic *dynamic)
{
	const PgtElfImage *image = dynamic->image;
	uint64_t	offset;
	uint64_t	size;

	if (!pgt_elf_image_at(image, dynamic->strtab, &offset, &size) ||
		dynamic->strsz > size ||
		!pgt_elf_image_at(image, dynamic->symtab, &offset, &size))
		return false;
	dynamic->symbols = elf_getdata_rawchunk(image->elf, (int64_t) offset,
											size, ELF_T_SYM);
	return dynamic->symbols != NULL;
}

static uint64_t
find_symbol(const Dynamic *dynamic)
{
	uint64_t	count = count_symbols(dynamic);
	GElf_Sym	symbol;

	for (uint64_t i = 1; i < count; i++)
	{
		if (gelf_getsym(dynamic->symbols, (int) i, &symbol) == NULL)
			break;
		if (symbol.st_shndx != SHN_UNDEF && is_variable(dynamic, &symbol))
			return symbol.st_value;
	}
	return 0;
}

/*
 * The loader has no use for the number of symbols, so it isn't stated as
 * such.  Each of the two kinds of hash table, of which there is at least one,
 * implies it.
 */
static uint64_t
count_symbols(const Dynamic *dynamic)
{
	uint64_t	limit = dynamic->symbols->d_size / sizeof(Elf64_Sym);
	uint64_t	count;
	uint32_t	nchains;

	if (dynamic->hash != 0 && read_word(dynamic, dynamic->hash + 4, &nchains))
		count = nchains;
	else
		count = count_gnu_hash(dynamic);
	return count < limit ? count : limit;
}

/*
 * The last symbol is at the end of the chain that starts last; the lowest bit
 * of a chain's word marks the chain's end.
 */
static uint64_t
count_gnu_hash(const Dynamic *dynamic)
{
	uint64_t	table = dynamic->gnu_hash;
	uint64_t	buckets;
	uint64_t	chains;
	uint64_t	last = 0;
	uint32_t	nbuckets;
	uint32_t	first_symbol;
	uint32_t	bloom_size;
	uint32_t	word;

	if (table == 0 ||
		!read_word(dynamic, table, &nbuckets) ||
		!read_word(dynamic, table + 4, &first_symbol) ||
		!read_word(dynamic, table + 8, &bloom_size))
		return 0;
	buckets = table + 16 + (uint64_t) bloom_size * 8;
	chains = buckets + (uint64_t) nbuckets * 4;

	for (uint32_t i = 0; i < nbuckets; i++)
	{
		if (!read_word(dynamic, buckets + (uint64_t) i * 4, &word))
			return 0;
		if (word > last)
			last = word;
	}
	if (last < first_symbol)
		return first_symbol;
	while (read_word(dynamic, chains + (last - first_symbol) * 4, &word))
	{
		last++;
		if ((word & 1) != 0)
			break;
	}
	return last;
}

static bool
is_variable(const Dynamic *dynamic, const GElf_Sym *symbol)
{
	size_t		len = strlen(dynamic->name) + 1;
	uint64_t	offset;
	uint64_t	size;

	return symbol->st_name < dynamic->strsz &&
		pgt_elf_image_at(dynamic->image, dynamic->strtab + symbol->st_name,
						 &offset, &size) &&
		len <= dynamic->strsz - symbol->st_name &&
		len <= size &&
		memcmp(dynamic->image->bytes + offset, dynamic->name, len) == 0;
}

/* Slots that the loader fills. */
static void
find_relocated(const Dynamic *dynamic, PgtVariable *variable)
{
	const PgtElfImage *image = dynamic->image;
	Elf_Data   *table;
	GElf_Rela	rela;
	uint64_t	offset;
	uint64_t	size;

	if (dynamic->relasz == 0 ||
		!pgt_elf_image_at(image, dynamic->rela, &offset, &size) ||
		dynamic->relasz > size)
		return;
	table = elf_getdata_rawchunk(image->elf, (int64_t) offset,
								 dynamic->relasz, ELF_T_RELA);
	if (table == NULL)
		return;

	for (int i = 0; gelf_getrela(table, i, &rela) != NULL; i++)
	{
		if (is_relocated_to(dynamic, variable->addr, &rela))
			add_slot(variable, rela.r_offset);
	}
}

/*
 * By the symbol's name, or, where the linker knew that no other file can take
 * the symbol's place, relative to the file's own address.
 */
static bool
is_relocated_to(const Dynamic *dynamic, uint64_t addr, const GElf_Rela *rela)
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
		is_variable(dynamic, &symbol);
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

static bool
read_word(const Dynamic *dynamic, uint64_t addr, uint32_t *value)
{
	uint64_t	offset;
	uint64_t	size;

	if (!pgt_elf_image_at(dynamic->image, addr, &offset, &size) ||
		size < sizeof(*value))
		return false;
	memcpy(value, dynamic->image->bytes + offset, sizeof(*value));
	return true;
}
