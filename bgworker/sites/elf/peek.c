/*
 * peek.c
 *		What the dynamic table of an ELF file says, without reading the file.
 *
 * A process that loads a library waits until it is known whether that reports
 * waits, and nearly none does: it would have to import, or define, one symbol.
 * A library may have a hundred MB, but the few kB that tell lie at places that
 * its headers name.  Defined symbols are found by GNU's hash table; imported
 * ones aren't in it, but stand before all others.
 *
 * As in image.c, nothing in the file is believed.  Whatever is unusual is left
 * to the analysis of the whole file.
 */
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bgworker/sites/elf/peek.h"

#define MAX_SEGMENTS	64
#define MAX_DYNAMIC		1024	/* entries of the dynamic table */
#define MAX_IMPORTS		65536
#define MAX_CHAIN		1024	/* symbols in a bucket of the hash table */
#define MAX_NAME		256
#define MAX_DIRECTORIES	4096	/* bytes of a list */

/* Names are read at once if they are this many bytes, else one by one. */
#define MAX_STRINGS		65536

typedef struct Peek
{
	int			fd;
	Elf64_Phdr	loads[MAX_SEGMENTS];
	int			nloads;
	Elf64_Dyn	dynamic[MAX_DYNAMIC];
	int			ndynamic;
	uint64_t	symbols;		/* places in the file */
	uint64_t	strings;
	uint64_t	hash;			/* GNU's */
	uint64_t	nstrings;		/* bytes */
} Peek;

/* The head of GNU's hash table */
typedef struct HashHead
{
	uint32_t	nbuckets;
	uint32_t	first;			/* symbol in the table */
	uint32_t	nbloom;			/* words of 8 bytes */
	uint32_t	shift;
} HashHead;

static bool
read_at(int fd, uint64_t offset, void *to, size_t size)
{
	size_t		done = 0;

	if (offset > INT64_MAX - size)
		return false;
	while (done < size)
	{
		ssize_t		got = pread(fd, (char *) to + done, size - done,
								(off_t) (offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		done += (size_t) got;
	}
	return true;
}

static bool
read_headers(Peek *peek, Elf64_Phdr *dynamic)
{
	Elf64_Ehdr	ehdr;

	if (!read_at(peek->fd, 0, &ehdr, sizeof(ehdr)) ||
		memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0 ||
		ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
		ehdr.e_ident[EI_DATA] != ELFDATA2LSB ||
		ehdr.e_phentsize != sizeof(Elf64_Phdr) ||
		ehdr.e_phnum > MAX_SEGMENTS)
		return false;
	for (int i = 0; i < ehdr.e_phnum; i++)
	{
		Elf64_Phdr *phdr = &peek->loads[peek->nloads];

		if (!read_at(peek->fd, ehdr.e_phoff + (uint64_t) i * sizeof(*phdr),
					 phdr, sizeof(*phdr)))
			return false;
		if (phdr->p_type == PT_DYNAMIC)
			*dynamic = *phdr;
		else if (phdr->p_type == PT_LOAD)
			peek->nloads++;
	}
	return true;
}

/* Where in the file an address is; 0 is nowhere. */
static uint64_t
place_of(const Peek *peek, uint64_t addr)
{
	for (int i = 0; i < peek->nloads; i++)
	{
		const Elf64_Phdr *load = &peek->loads[i];

		if (addr >= load->p_vaddr && addr - load->p_vaddr < load->p_filesz)
			return load->p_offset + (addr - load->p_vaddr);
	}
	return 0;
}

static bool
read_dynamic(Peek *peek)
{
	Elf64_Phdr	header = {0};
	uint64_t	count;

	if (!read_headers(peek, &header))
		return false;
	count = header.p_filesz / sizeof(Elf64_Dyn);
	if (count == 0 || count > MAX_DYNAMIC ||
		!read_at(peek->fd, header.p_offset, peek->dynamic,
				 count * sizeof(Elf64_Dyn)))
		return false;
	while (peek->ndynamic < (int) count &&
		   peek->dynamic[peek->ndynamic].d_tag != DT_NULL)
	{
		const Elf64_Dyn *entry = &peek->dynamic[peek->ndynamic++];

		if (entry->d_tag == DT_SYMTAB)
			peek->symbols = place_of(peek, entry->d_un.d_ptr);
		else if (entry->d_tag == DT_STRTAB)
			peek->strings = place_of(peek, entry->d_un.d_ptr);
		else if (entry->d_tag == DT_STRSZ)
			peek->nstrings = entry->d_un.d_val;
		else if (entry->d_tag == DT_GNU_HASH)
			peek->hash = place_of(peek, entry->d_un.d_ptr);
	}
	return peek->strings != 0;
}

static bool
open_peek(Peek *peek, int fd)
{
	peek->fd = fd;
	peek->nloads = peek->ndynamic = 0;
	peek->symbols = peek->strings = peek->hash = peek->nstrings = 0;
	return read_dynamic(peek);
}

/* ----------
 * Symbols
 * ----------
 */

/* all: the file's strings, or NULL if they aren't read */
static bool
has_name(const Peek *peek, const char *all, const Elf64_Sym *symbol,
		 const char *name)
{
	size_t		size = strlen(name) + 1;
	char		found[MAX_NAME];

	if (symbol->st_name >= peek->nstrings ||
		size > peek->nstrings - symbol->st_name || size > sizeof(found))
		return false;
	if (all != NULL)
		return memcmp(all + symbol->st_name, name, size) == 0;
	return read_at(peek->fd, peek->strings + symbol->st_name, found, size) &&
		memcmp(found, name, size) == 0;
}

/* The names of functions, which are most of them, needn't be looked at. */
static bool
lacks_import(const Peek *peek, uint32_t count, const char *name)
{
	size_t		size = count * sizeof(Elf64_Sym);
	Elf64_Sym  *symbols = malloc(size + 1);
	char	   *all = NULL;
	bool		lacks = symbols != NULL &&
		read_at(peek->fd, peek->symbols, symbols, size);

	if (lacks && peek->nstrings <= MAX_STRINGS)
	{
		all = malloc(peek->nstrings + 1);
		lacks = all != NULL &&
			read_at(peek->fd, peek->strings, all, peek->nstrings);
	}
	for (uint32_t i = 0; lacks && i < count; i++)
	{
		if (ELF64_ST_TYPE(symbols[i].st_info) != STT_FUNC &&
			has_name(peek, all, &symbols[i], name))
			lacks = false;
	}
	free(all);
	free(symbols);
	return lacks;
}

static uint32_t
hash_of(const char *name)
{
	uint32_t	hash = 5381;

	for (; *name != '\0'; name++)
		hash = hash * 33 + (uint8_t) *name;
	return hash;
}

/* The symbols of one bucket follow one another, as do their hash values. */
static bool
bucket_lacks(const Peek *peek, const HashHead *head, uint64_t chains,
			 uint32_t bucket, const char *name)
{
	uint32_t	wanted = hash_of(name) | 1;

	for (uint32_t i = 0; i < MAX_CHAIN; i++)
	{
		uint64_t	number = (uint64_t) bucket + i;
		Elf64_Sym	symbol;
		uint32_t	hash;

		if (!read_at(peek->fd, chains + (number - head->first) * sizeof(hash),
					 &hash, sizeof(hash)))
			return false;
		if ((hash | 1) == wanted &&
			(!read_at(peek->fd, peek->symbols + number * sizeof(symbol),
					  &symbol, sizeof(symbol)) ||
			 has_name(peek, NULL, &symbol, name)))
			return false;
		if ((hash & 1) != 0)
			return true;
	}
	return false;
}

static bool
lacks_definition(const Peek *peek, const HashHead *head, const char *name)
{
	uint64_t	bloom = peek->hash + sizeof(*head);
	uint64_t	buckets = bloom + (uint64_t) head->nbloom * 8;
	uint32_t	hash = hash_of(name);
	uint64_t	word;
	uint32_t	bucket;

	if (head->nbuckets == 0 || head->nbloom == 0 || head->shift > 31 ||
		!read_at(peek->fd, bloom + (uint64_t) (hash / 64 % head->nbloom) * 8,
				 &word, sizeof(word)))
		return false;
	if (((word >> (hash % 64)) & (word >> ((hash >> head->shift) % 64)) & 1) == 0)
		return true;
	if (!read_at(peek->fd, buckets +
				 (uint64_t) (hash % head->nbuckets) * sizeof(bucket),
				 &bucket, sizeof(bucket)))
		return false;
	return bucket == 0 ||
		(bucket >= head->first &&
		 bucket_lacks(peek, head, buckets +
					  (uint64_t) head->nbuckets * sizeof(bucket),
					  bucket, name));
}

bool
pgt_elf_peek_lacks(int fd, const char *name)
{
	HashHead	head;
	Peek		peek;

	return open_peek(&peek, fd) && peek.symbols != 0 && peek.hash != 0 &&
		read_at(fd, peek.hash, &head, sizeof(head)) &&
		head.first <= MAX_IMPORTS &&
		lacks_import(&peek, head.first, name) &&
		lacks_definition(&peek, &head, name);
}

/* ----------
 * Libraries
 * ----------
 */

void
pgt_elf_peek_needed(int fd,
					void (*take) (void *arg, const char *name,
								  bool directory),
					void *arg)
{
	Peek		peek;

	if (!open_peek(&peek, fd))
		return;
	for (int i = 0; i < peek.ndynamic; i++)
	{
		const Elf64_Dyn *entry = &peek.dynamic[i];
		bool		directory = entry->d_tag == DT_RUNPATH ||
			entry->d_tag == DT_RPATH;
		char		name[MAX_DIRECTORIES];
		size_t		size = directory ? sizeof(name) : MAX_NAME;

		if ((!directory && entry->d_tag != DT_NEEDED) ||
			entry->d_un.d_val >= peek.nstrings)
			continue;
		if (size > peek.nstrings - entry->d_un.d_val)
			size = peek.nstrings - entry->d_un.d_val;
		if (read_at(fd, peek.strings + entry->d_un.d_val, name, size) &&
			memchr(name, '\0', size) != NULL)
			take(arg, name, directory);
	}
}
