/*
 * image.c
 *		An ELF file in memory: what would be loaded of it, and which of that is
 *		code.
 *
 * First step of sites.c.  The caller is a process whose crash takes the whole
 * server down, and the file is whatever the path led to, so nothing in it is
 * believed.  It is read, not mapped: a mapped file that shrinks means SIGBUS.
 * libelf decodes the structures and keeps inside the image; the addresses and
 * sizes that they contain are checked here.
 *
 * The program header, which the kernel goes by, decides.  The section table,
 * which may be missing, serves only to tell code from the constant data that
 * some linkers put into the same segment.
 */
#include <errno.h>
#include <gelf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bgworker/sites/elf/image.h"

/* Far above any server, even one with debug information. */
#define MAX_FILE_SIZE	(UINT64_C(512) << 20)

/* The text of a server has 6 MB; this bounds the time of a search. */
#define MAX_CODE_SIZE	(UINT64_C(64) << 20)

static int	read_file(PgtElfImage *image, int fd, char *errbuf, size_t errlen);
static int	read_header(PgtElfImage *image, char *errbuf, size_t errlen);
static int	read_segments(PgtElfImage *image, char *errbuf, size_t errlen);
static int	read_code(PgtElfImage *image, char *errbuf, size_t errlen);
static bool code_from_sections(PgtElfImage *image);
static bool add_code(PgtElfImage *image, uint64_t addr, uint64_t size);
static int	compare_code(const void *a, const void *b);
static const PgtSegment *segment_at(const PgtElfImage *image, uint64_t addr);

int
pgt_elf_image_read(int fd, PgtElfImage **image, char *errbuf, size_t errlen)
{
	PgtElfImage *new_image;
	int			rc;

	*image = NULL;
	new_image = calloc(1, sizeof(PgtElfImage));
	if (new_image == NULL)
		return pgt_elf_fail(errbuf, errlen, ENOMEM, "Out of memory");

	rc = read_file(new_image, fd, errbuf, errlen);
	if (rc == 0)
		rc = read_header(new_image, errbuf, errlen);
	if (rc == 0)
		rc = read_segments(new_image, errbuf, errlen);
	if (rc == 0)
		rc = read_code(new_image, errbuf, errlen);
	if (rc != 0)
	{
		pgt_elf_image_free(new_image);
		return rc;
	}

	*image = new_image;
	return 0;
}

const PgtCode *
pgt_elf_image_code(const PgtElfImage *image, uint64_t addr)
{
	for (int i = 0; i < image->ncode; i++)
	{
		const PgtCode *code = &image->code[i];

		if (addr >= code->addr && addr - code->addr < code->size)
			return code;
	}
	return NULL;
}

bool
pgt_elf_image_at(const PgtElfImage *image, uint64_t addr, uint64_t *offset,
				 uint64_t *size)
{
	const PgtSegment *segment = segment_at(image, addr);

	if (segment == NULL)
		return false;
	*offset = segment->offset + (addr - segment->addr);
	*size = segment->size - (addr - segment->addr);
	return true;
}

void
pgt_elf_image_free(PgtElfImage *image)
{
	if (image == NULL)
		return;
	elf_end(image->elf);
	free(image->bytes);
	free(image);
}

int
pgt_elf_fail(char *errbuf, size_t errlen, int error, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	(void) vsnprintf(errbuf, errlen, format, args);
	va_end(args);
	return -error;
}

static int
read_file(PgtElfImage *image, int fd, char *errbuf, size_t errlen)
{
	struct stat st;
	size_t		wanted;

	if (fstat(fd, &st) != 0)
		return pgt_elf_fail(errbuf, errlen, errno,
							"The file cannot be read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return pgt_elf_fail(errbuf, errlen, EINVAL,
							"It is not a regular file");
	if ((uint64_t) st.st_size > MAX_FILE_SIZE)
		return pgt_elf_fail(errbuf, errlen, EFBIG,
							"The file is larger than %u MB",
							(unsigned) (MAX_FILE_SIZE >> 20));

	wanted = (size_t) st.st_size;
	image->bytes = malloc(wanted + 1);	/* 0 bytes might give NULL */
	if (image->bytes == NULL)
		return pgt_elf_fail(errbuf, errlen, ENOMEM, "Out of memory");

	/* The file may shrink meanwhile: what counts is what comes. */
	while (image->size < wanted)
	{
		ssize_t		got = pread(fd, image->bytes + image->size,
								wanted - image->size, (off_t) image->size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return pgt_elf_fail(errbuf, errlen, errno,
								"The file cannot be read: %s",
								strerror(errno));
		if (got == 0)
			break;
		image->size += (size_t) got;
	}
	return 0;
}

static int
read_header(PgtElfImage *image, char *errbuf, size_t errlen)
{
	GElf_Ehdr	ehdr;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return pgt_elf_fail(errbuf, errlen, ENOSYS, "libelf is too old");
	image->elf = elf_memory((char *) image->bytes, image->size);
	if (image->elf == NULL || elf_kind(image->elf) != ELF_K_ELF ||
		gelf_getehdr(image->elf, &ehdr) == NULL)
		return pgt_elf_fail(errbuf, errlen, ENOEXEC, "It is not an ELF file");
	if (ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
		ehdr.e_ident[EI_DATA] != ELFDATA2LSB)
		return pgt_elf_fail(errbuf, errlen, ENOTSUP,
							"It is not a 64-bit little-endian ELF file");
	if (ehdr.e_type != ET_EXEC && ehdr.e_type != ET_DYN)
		return pgt_elf_fail(errbuf, errlen, ENOEXEC,
							"It is neither a program nor a shared library");

	image->machine = ehdr.e_machine;
	image->absolute = (ehdr.e_type == ET_EXEC);
	return 0;
}

/*
 * Segments that reach beyond the file are cut to what is there: a truncated
 * file then fails for what is missing in it.
 */
static int
read_segments(PgtElfImage *image, char *errbuf, size_t errlen)
{
	uint64_t	total = 0;
	size_t		count;

	if (elf_getphdrnum(image->elf, &count) != 0)
		count = 0;
	for (size_t i = 0; i < count; i++)
	{
		PgtSegment *segment = &image->segments[image->nsegments];
		GElf_Phdr	phdr;

		if (gelf_getphdr(image->elf, (int) i, &phdr) == NULL)
			break;
		if (phdr.p_type != PT_LOAD || phdr.p_offset >= image->size ||
			phdr.p_filesz == 0)
			continue;

		segment->addr = phdr.p_vaddr;
		segment->offset = phdr.p_offset;
		segment->size = phdr.p_filesz;
		segment->flags = phdr.p_flags;
		if (segment->size > image->size - segment->offset)
			segment->size = image->size - segment->offset;

		/*
		 * Neighbours share a page of the file at most.  Segments that show
		 * the same bytes many times over would multiply the time.
		 */
		total += segment->size;
		if (image->nsegments == PGT_ELF_MAX_SEGMENTS - 1 ||
			total / 2 > image->size ||
			segment->addr > UINT64_MAX / 2)
			return pgt_elf_fail(errbuf, errlen, ENOEXEC,
								"Its program header makes no sense");
		image->nsegments++;
	}
	if (image->nsegments == 0)
		return pgt_elf_fail(errbuf, errlen, ENOEXEC,
							"It has no program header");
	return 0;
}

static int
read_code(PgtElfImage *image, char *errbuf, size_t errlen)
{
	uint64_t	total = 0;

	if (!code_from_sections(image))
	{
		image->ncode = 0;
		for (int i = 0; i < image->nsegments; i++)
		{
			const PgtSegment *segment = &image->segments[i];

			if ((segment->flags & PF_X) != 0)
				(void) add_code(image, segment->addr, segment->size);
		}
	}
	if (image->ncode == 0)
		return pgt_elf_fail(errbuf, errlen, ENOEXEC, "It holds no code");

	qsort(image->code, (size_t) image->ncode, sizeof(PgtCode), compare_code);
	for (int i = 0; i < image->ncode; i++)
	{
		const PgtCode *code = &image->code[i];

		if (i > 0 && code->addr - code[-1].addr < code[-1].size)
			return pgt_elf_fail(errbuf, errlen, ENOEXEC,
								"Its pieces of code overlap");
		total += code->size;
	}
	if (total > MAX_CODE_SIZE)
		return pgt_elf_fail(errbuf, errlen, EFBIG,
							"It holds more than %u MB of code",
							(unsigned) (MAX_CODE_SIZE >> 20));
	return 0;
}

/*
 * False if there is no section table, or one that contradicts what would be
 * loaded.
 */
static bool
code_from_sections(PgtElfImage *image)
{
	Elf_Scn    *scn = NULL;

	while ((scn = elf_nextscn(image->elf, scn)) != NULL)
	{
		GElf_Shdr	shdr;
		uint64_t	offset;
		uint64_t	size;

		if (gelf_getshdr(scn, &shdr) == NULL)
			return false;
		if (shdr.sh_type != SHT_PROGBITS || shdr.sh_size == 0 ||
			(shdr.sh_flags & SHF_EXECINSTR) == 0 ||
			(shdr.sh_flags & SHF_ALLOC) == 0)
			continue;

		if (!pgt_elf_image_at(image, shdr.sh_addr, &offset, &size) ||
			offset != shdr.sh_offset ||
			!add_code(image, shdr.sh_addr, shdr.sh_size))
			return false;
	}
	return image->ncode > 0;
}

static bool
add_code(PgtElfImage *image, uint64_t addr, uint64_t size)
{
	const PgtSegment *segment = segment_at(image, addr);
	PgtCode    *code;

	if (segment == NULL || (segment->flags & PF_X) == 0 ||
		size > segment->size - (addr - segment->addr) ||
		image->ncode == PGT_ELF_MAX_CODE)
		return false;

	code = &image->code[image->ncode++];
	code->addr = addr;
	code->offset = segment->offset + (addr - segment->addr);
	code->size = size;
	code->bytes = image->bytes + code->offset;
	return true;
}

static int
compare_code(const void *a, const void *b)
{
	uint64_t	left = ((const PgtCode *) a)->addr;
	uint64_t	right = ((const PgtCode *) b)->addr;

	return (left > right) - (left < right);
}

static const PgtSegment *
segment_at(const PgtElfImage *image, uint64_t addr)
{
	for (int i = 0; i < image->nsegments; i++)
	{
		const PgtSegment *segment = &image->segments[i];

		if (addr >= segment->addr && addr - segment->addr < segment->size)
			return segment;
	}
	return NULL;
}
