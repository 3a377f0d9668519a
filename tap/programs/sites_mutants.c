/*
 * sites_mutants.c
 *		What bgworker/sites/ makes of one file that is broken in many ways.
 *
 *		sites_mutants FILE SEED CODE WAY [ARGUMENT...]
 *
 * CODE is how many bytes of its code are left, 0 for all: there is no section
 * table then, and the time goes to what is broken instead of to a search in a
 * server's 6 MB.  The ways:
 *
 *		as_is						nothing is broken
 *		machine NUMBER				it is for another machine
 *		cut COUNT					it ends early: at some places, and by chance
 *		flip COUNT BYTES AREA		up to BYTES bytes are others, in the first
 *									AREA, 0 for anywhere
 *		fields						sizes, addresses and counts in its headers
 *									are made huge or overlapping
 *
 * Has the sanitizers in it, which end it.  Prints a line for each mutant whose
 * end is wrong or that takes too long, and last how many there were.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bgworker/sites/sites.h"
#include "tap/programs/fail.h"

/* CPU seconds that one mutant may take, with the sanitizers */
#define MAX_SECONDS	10

static uint8_t *original;
static uint8_t *mutant;
static size_t size;
static uint64_t random_state;
static int	nmutants = 0;
static int	mutant_fd;

/* The same numbers for a seed on every machine */
static uint64_t
random_below(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % limit;
}

static void
read_original(const char *path)
{
	int			fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		fail("%s: %s", path, strerror(errno));
	size = (size_t) st.st_size;
	original = malloc(size);
	mutant = malloc(size);
	if (size < sizeof(Elf64_Ehdr) || original == NULL || mutant == NULL ||
		pread(fd, original, size, 0) != (ssize_t) size)
		fail("%s cannot be read", path);
	close(fd);
}

/* Leave only some of its code. */
static void
cut_code(uint64_t code)
{
	Elf64_Ehdr *ehdr = (Elf64_Ehdr *) original;

	ehdr->e_shoff = 0;
	ehdr->e_shnum = 0;
	ehdr->e_shstrndx = 0;
	for (int i = 0; i < ehdr->e_phnum; i++)
	{
		Elf64_Phdr	phdr;
		uint8_t    *at = original + ehdr->e_phoff + sizeof(phdr) * (size_t) i;

		memcpy(&phdr, at, sizeof(phdr));
		if (phdr.p_type == PT_LOAD && (phdr.p_flags & PF_X) != 0 &&
			phdr.p_filesz > code)
			phdr.p_filesz = code;
		memcpy(at, &phdr, sizeof(phdr));
	}
}

/* Search the first len bytes of the mutant, and forget it. */
static void
try(size_t len)
{
	clock_t		begin = clock();
	char		errbuf[256] = "";
	PgtSites   *sites;
	int			rc;

	nmutants++;
	if (pwrite(mutant_fd, mutant, len, 0) != (ssize_t) len ||
		ftruncate(mutant_fd, (off_t) len) != 0)
		fail("a mutant cannot be written: %s", strerror(errno));
	rc = pgt_sites_find_fd(mutant_fd, &sites, errbuf, sizeof(errbuf));
	if (rc == 0 && sites->nsites + sites->nsuperseded > sites->nstores)
		printf("mutant %d: more sites than stores\n", nmutants);
	if (rc > 0 || (rc < 0 && (errbuf[0] == '\0' || sites != NULL)))
		printf("mutant %d: returns %d \"%s\"\n", nmutants, rc, errbuf);
	if (clock() - begin > MAX_SECONDS * CLOCKS_PER_SEC)
		printf("mutant %d: takes too long\n", nmutants);
	pgt_sites_free(sites);
	memcpy(mutant, original, size);
}

static void
cut(int count)
{
	static const size_t lengths[] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 63, 64, 65,
		119, 120, 400, 4095, 4096
	};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		try(lengths[i] < size ? lengths[i] : size);
	for (int i = 0; i < count; i++)
		try((size_t) random_below(size));
}

static void
flip(int count, uint64_t bytes, uint64_t area)
{
	static const uint8_t special[] = {0, 0xff, 0x7f, 0x80};

	if (area == 0 || area > size)
		area = size;
	for (int i = 0; i < count; i++)
	{
		uint64_t	n = 1 + random_below(bytes);

		for (uint64_t j = 0; j < n; j++)
		{
			uint64_t	which = random_below(5);

			mutant[random_below(area)] = which < 4 ? special[which] :
				(uint8_t) random_below(256);
		}
		try(size);
	}
}

static void
break_field(uint64_t at, size_t len)
{
	static const uint64_t values[] = {
		0, 1, 0xffff, 0x7fffffff, UINT64_MAX, UINT64_C(1) << 63,
		(UINT64_C(1) << 63) - 1
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		if (at + len > size)
			return;
		/* a third of them, since there are many fields */
		if ((at + i) % 3 != 0)
			continue;
		memcpy(mutant + at, &values[i], len);
		try(size);
	}
}

static void
break_fields(void)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *) original;

	break_field(offsetof(Elf64_Ehdr, e_phoff), 8);
	break_field(offsetof(Elf64_Ehdr, e_shoff), 8);
	break_field(offsetof(Elf64_Ehdr, e_phnum), 2);
	break_field(offsetof(Elf64_Ehdr, e_shnum), 2);
	break_field(offsetof(Elf64_Ehdr, e_shstrndx), 2);
	for (uint64_t i = 0; i < ehdr->e_phnum; i++)
	{
		uint64_t	at = ehdr->e_phoff + sizeof(Elf64_Phdr) * i;

		break_field(at + offsetof(Elf64_Phdr, p_offset), 8);
		break_field(at + offsetof(Elf64_Phdr, p_vaddr), 8);
		break_field(at + offsetof(Elf64_Phdr, p_filesz), 8);
		break_field(at + offsetof(Elf64_Phdr, p_memsz), 8);
	}
	for (uint64_t i = 0; i < ehdr->e_shnum; i++)
	{
		uint64_t	at = ehdr->e_shoff + sizeof(Elf64_Shdr) * i;

		break_field(at + offsetof(Elf64_Shdr, sh_addr), 8);
		break_field(at + offsetof(Elf64_Shdr, sh_offset), 8);
		break_field(at + offsetof(Elf64_Shdr, sh_size), 8);
	}
}

static uint64_t
number(char **argv, int argc, int i)
{
	if (i >= argc)
		fail("an argument is missing");
	return strtoull(argv[i], NULL, 0);
}

int
main(int argc, char **argv)
{
	const char *way;

	random_state = number(argv, argc, 2);
	read_original(argv[1]);
	if (number(argv, argc, 3) != 0)
		cut_code(number(argv, argc, 3));
	memcpy(mutant, original, size);
	mutant_fd = memfd_create("mutant", MFD_CLOEXEC);

	way = argc > 4 ? argv[4] : "";
	if (strcmp(way, "as_is") == 0)
		try(size);
	else if (strcmp(way, "machine") == 0)
	{
		uint16_t	machine = (uint16_t) number(argv, argc, 5);

		memcpy(mutant + offsetof(Elf64_Ehdr, e_machine), &machine, 2);
		try(size);
	}
	else if (strcmp(way, "cut") == 0)
		cut((int) number(argv, argc, 5));
	else if (strcmp(way, "flip") == 0)
		flip((int) number(argv, argc, 5), number(argv, argc, 6),
			 number(argv, argc, 7));
	else if (strcmp(way, "fields") == 0)
		break_fields();
	else
		fail("'%s' is no way to break a file", way);
	printf("%d mutants\n", nmutants);
	free(original);
	free(mutant);
	return 0;
}
