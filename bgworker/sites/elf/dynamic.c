/*
 * dynamic.c
 *		The dynamic symbols and relocations of an ELF file.
 *
 * They are taken from where the dynamic loader takes them, the dynamic table,
 * since the section table may be missing or wrong.
 */
#include <elf.h>
#include <gelf.h>
#include <string.h>

#include "bgworker/sites/elf/dynamic.h"

/* Longer names are nobody's; this bounds the time. */
#define MAX_NAME		256

static bool read_dynamic(PgtDynamic *dynamic);
static void note_dynamic(PgtDynamic *dynamic, const GElf_Dyn *entry);
static bool read_symbols(PgtDynamic *dynamic);
static uint64_t count_gnu_hash(const PgtDynamic *dynamic);
static bool read_word(const PgtDynamic *dynamic, uint64_t addr,
					  uint32_t *value);

bool
pgt_elf_dynamic_read(const PgtElfImage *image, PgtDynamic *dynamic)
{
	memset(dynamic, 0, sizeof(*dynamic));
	dynamic->image = image;
	return read_dynamic(dynamic) && read_symbols(dynamic);
}

const char *
pgt_elf_dynamic_name(const PgtDynamic *dynamic, const GElf_Sym *symbol)
{
	uint64_t	offset;
	uint64_t	size;
	const char *name;

	if (symbol->st_name >= dynamic->strsz ||
		!pgt_elf_image_at(dynamic->image, dynamic->strtab + symbol->st_name,
						  &offset, &size))
		return NULL;
	if (size > dynamic->strsz - symbol->st_name)
		size = dynamic->strsz - symbol->st_name;
	if (size > MAX_NAME)
		size = MAX_NAME;
	name = (const char *) dynamic->image->bytes + offset;
	return memchr(name, '\0', size) != NULL ? name : NULL;
}

Elf_Data *
pgt_elf_dynamic_table(const PgtDynamic *dynamic, uint64_t addr, uint64_t len)
{
	uint64_t	offset;
	uint64_t	size;

	if (len == 0 || !pgt_elf_image_at(dynamic->image, addr, &offset, &size) ||
		len > size)
		return NULL;
	return elf_getdata_rawchunk(dynamic->image->elf, (int64_t) offset, len,
								ELF_T_RELA);
}

static bool
read_dynamic(PgtDynamic *dynamic)
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
note_dynamic(PgtDynamic *dynamic, const GElf_Dyn *entry)
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
		case DT_JMPREL:
			dynamic->jmprel = entry->d_un.d_ptr;
			break;
		case DT_PLTRELSZ:
			dynamic->jmprelsz = entry->d_un.d_val;
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
read_symbols(PgtDynamic *dynamic)
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

/*
 * The loader has no use for the number of symbols, so it isn't stated as
 * such.  Each of the two kinds of hash table, of which there is at least one,
 * implies it.
 */
uint64_t
pgt_elf_dynamic_count(const PgtDynamic *dynamic)
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
count_gnu_hash(const PgtDynamic *dynamic)
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
read_word(const PgtDynamic *dynamic, uint64_t addr, uint32_t *value)
{
	uint64_t	offset;
	uint64_t	size;

	if (!pgt_elf_image_at(dynamic->image, addr, &offset, &size) ||
		size < sizeof(*value))
		return false;
	memcpy(value, dynamic->image->bytes + offset, sizeof(*value));
	return true;
}
