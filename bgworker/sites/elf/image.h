/*
 * image.h
 *		An ELF file in memory: what would be loaded of it, and which of that is
 *		code.
 *
 * Pure C: neither PostgreSQL nor libbpf.  The segments and the code have been
 * checked against the file, so users may follow them without further checks.
 */
#ifndef PGT_SITES_ELF_IMAGE_H
#define PGT_SITES_ELF_IMAGE_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PGT_ELF_MAX_SEGMENTS	64	/* linkers make 2 to 6 */
#define PGT_ELF_MAX_CODE		64

/* What is loaded together. */
typedef struct PgtSegment
{
	uint64_t	addr;			/* virtual, as linked */
	uint64_t	offset;
	uint64_t	size;			/* of what the file holds of it */
	uint32_t	flags;			/* PF_X and so on */
} PgtSegment;

/* A piece of executable code; the pieces don't overlap. */
typedef struct PgtCode
{
	uint64_t	addr;
	uint64_t	offset;
	uint64_t	size;
	const uint8_t *bytes;
} PgtCode;

typedef struct PgtElfImage
{
	uint8_t    *bytes;			/* the whole file */
	size_t		size;
	Elf		   *elf;			/* over bytes */
	uint16_t	machine;		/* EM_X86_64 and so on */
	bool		absolute;		/* linked to a fixed address */
	PgtSegment	segments[PGT_ELF_MAX_SEGMENTS];
	int			nsegments;
	PgtCode		code[PGT_ELF_MAX_CODE]; /* by address */
	int			ncode;
} PgtElfImage;

/*
 * Read a 64-bit program or shared library.  Returns 0 and *image, or a
 * negative errno and in errbuf why, as a sentence without its full stop.  fd
 * is neither moved nor closed.
 */
extern int	pgt_elf_image_read(int fd, PgtElfImage **image,
							   char *errbuf, size_t errlen);

/* The piece of code that addr lies in, or NULL. */
extern const PgtCode *pgt_elf_image_code(const PgtElfImage *image,
										 uint64_t addr);

/*
 * Where in the file addr is, and how many bytes of its segment follow from
 * there; false if the file doesn't hold it.
 */
extern bool pgt_elf_image_at(const PgtElfImage *image, uint64_t addr,
							 uint64_t *offset, uint64_t *size);

/* NULL is fine. */
extern void pgt_elf_image_free(PgtElfImage *image);

/* For the modules that read images: fill errbuf, return -error. */
extern int	pgt_elf_fail(char *errbuf, size_t errlen, int error,
						 const char *format,...)
			__attribute__((format(printf, 4, 5)));

#endif							/* PGT_SITES_ELF_IMAGE_H */
