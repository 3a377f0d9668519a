/*
 * elf_builder.h
 *		Small ELF files, as a linker would write them, for tests of
 *		bgworker/sites/.
 *
 * A file has all that code for the wait event's pointer needs: a program
 * header, the dynamic symbols, relocations, a table of functions, sections,
 * and code from the caller.  Everything has its fixed place, so tests can
 * break single fields, and code can be assembled for it:
 *
 *		ld -Ttext 0x800 --defsym my_wait_event_info=0x10600 \
 *			--defsym slot=0x10608 --oformat binary
 */
#ifndef PGT_UNIT_ELF_BUILDER_H
#define PGT_UNIT_ELF_BUILDER_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Where things are in the file; of the data, the address is another. */
#define ELF_PHDRS		0x040
#define ELF_DYNAMIC		0x160
#define ELF_SYMBOLS		0x220
#define ELF_STRINGS		0x300
#define ELF_HASH		0x400
#define ELF_RELA		0x480
#define ELF_FUNCTIONS	0x540
#define ELF_VARIABLE	0x600
#define ELF_SLOT		0x608
#define ELF_STUB_SLOTS	0x610
#define ELF_DATA_END	0x640
#define ELF_SECTIONS	0x640
#define ELF_CODE		0x800

#define ELF_DATA_ADDR	0x10000 /* from the data's offset to its address */
#define ELF_MAX_CODE	0x2000
#define ELF_MAX_SIZE	(ELF_CODE + ELF_MAX_CODE)

/* How code gets at the variable */
typedef enum ElfVariable
{
	ELF_DEFINED,				/* it is in this file */
	ELF_RELATIVE,				/* the same, and a slot with its address by a
								 * relative relocation */
	ELF_INITIALIZED,			/* and the slot holds the address already */
	ELF_IMPORTED				/* another file's, by a slot only */
} ElfVariable;

typedef struct ElfSpec
{
	uint16_t	machine;		/* EM_X86_64 or EM_AARCH64 */
	ElfVariable variable;
	bool		absolute;		/* ET_EXEC */
	bool		sysv_hash;		/* else GNU's */
	bool		sections;		/* there is a section table */
	int			nfunctions;		/* that the unwind table knows, 8 at most */
	const uint32_t *functions;	/* their distances from the code's start */
	const uint8_t *code;
	size_t		size;			/* of the code; what is too much is cut off */
} ElfSpec;

/* Symbols beside the variable: two that are called, and a function's start */
#define ELF_SYMBOL_VARIABLE	1
#define ELF_SYMBOL_READ		2
#define ELF_SYMBOL_ERRNO	3
#define ELF_SYMBOL_ENTRY	4	/* at the code's start */
#define ELF_SYMBOL_PROOF	5	/* there, too */
#define ELF_NSYMBOLS		6

static const char elf_strings[] =
"\0my_wait_event_info\0pread\0__errno_location\0LockBufferForCleanup\0"
"pgstat_get_wait_event_type";

static inline void
elf_put_phdr(uint8_t *file, int i, uint32_t type, uint32_t flags,
			 uint64_t offset, uint64_t size, uint64_t addr)
{
	Elf64_Phdr	phdr = {
		.p_type = type,
		.p_flags = flags,
		.p_offset = offset,
		.p_vaddr = addr + offset,
		.p_paddr = addr + offset,
		.p_filesz = size,
		.p_memsz = size,
		.p_align = 1,
	};

	memcpy(file + ELF_PHDRS + sizeof(phdr) * (size_t) i, &phdr, sizeof(phdr));
}

static inline void
elf_put_headers(const ElfSpec *spec, uint8_t *file, size_t size)
{
	Elf64_Ehdr	ehdr = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
		ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = spec->absolute ? ET_EXEC : ET_DYN,
		.e_machine = spec->machine,
		.e_version = EV_CURRENT,
		.e_phoff = ELF_PHDRS,
		.e_shoff = spec->sections ? ELF_SECTIONS : 0,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 5,
		.e_shentsize = spec->sections ? sizeof(Elf64_Shdr) : 0,
		.e_shnum = spec->sections ? 2 : 0,
	};
	Elf64_Shdr	text = {
		.sh_type = SHT_PROGBITS,
		.sh_flags = SHF_ALLOC | SHF_EXECINSTR,
		.sh_addr = ELF_CODE,
		.sh_offset = ELF_CODE,
		.sh_size = size - ELF_CODE,
		.sh_addralign = 16,
	};

	memcpy(file, &ehdr, sizeof(ehdr));
	elf_put_phdr(file, 0, PT_LOAD, PF_R, 0, ELF_VARIABLE, 0);
	elf_put_phdr(file, 1, PT_LOAD, PF_R | PF_X, ELF_CODE, size - ELF_CODE, 0);
	elf_put_phdr(file, 2, PT_LOAD, PF_R | PF_W, ELF_VARIABLE,
				 ELF_DATA_END - ELF_VARIABLE, ELF_DATA_ADDR);
	elf_put_phdr(file, 3, PT_DYNAMIC, PF_R, ELF_DYNAMIC,
				 ELF_SYMBOLS - ELF_DYNAMIC, 0);
	elf_put_phdr(file, 4, PT_GNU_EH_FRAME, PF_R, ELF_FUNCTIONS,
				 12 + 8 * (uint64_t) spec->nfunctions, 0);
	if (spec->sections)
		memcpy(file + ELF_SECTIONS + sizeof(text), &text, sizeof(text));
}

/*
 * GNU's hash table: one bucket, the first symbol in it, a filter of one word that
 * lets all pass, its shift; the bucket; and a chain.  Symbols of other files
 * stand before the first.
 */
static inline void
elf_put_gnu_hash(uint8_t *file, const Elf64_Sym *symbols, uint32_t first)
{
	uint32_t	hash[6 + 1 + ELF_NSYMBOLS] = {1, first, 1, 0,
		UINT32_MAX, UINT32_MAX, first};

	for (uint32_t i = first; i < ELF_NSYMBOLS; i++)
	{
		const char *name = elf_strings + symbols[i].st_name;
		uint32_t	value = 5381;

		while (*name != '\0')
			value = value * 33 + (uint8_t) *name++;
		/* the lowest bit marks the end */
		hash[7 + i - first] = (value & ~1U) | (i == ELF_NSYMBOLS - 1);
	}
	memcpy(file + ELF_HASH, hash, sizeof(hash));
}

static inline void
elf_put_symbols(const ElfSpec *spec, uint8_t *file)
{
	bool		own = spec->variable != ELF_IMPORTED;
	Elf64_Sym	symbols[ELF_NSYMBOLS] = {0};
	const char *name = elf_strings + 1;

	for (int i = 1; i < ELF_NSYMBOLS; i++)
	{
		symbols[i].st_name = (uint32_t) (name - elf_strings);
		name += strlen(name) + 1;
		if (i >= ELF_SYMBOL_ENTRY)
		{
			symbols[i].st_shndx = 1;
			symbols[i].st_value = ELF_CODE;
		}
	}
	if (own)
	{
		symbols[ELF_SYMBOL_VARIABLE].st_shndx = 2;
		symbols[ELF_SYMBOL_VARIABLE].st_value = ELF_VARIABLE + ELF_DATA_ADDR;
	}
	memcpy(file + ELF_SYMBOLS, symbols, sizeof(symbols));
	memcpy(file + ELF_STRINGS, elf_strings, sizeof(elf_strings));

	if (spec->sysv_hash)
	{
		/* one bucket, and as many links as symbols */
		uint32_t	hash[] = {1, ELF_NSYMBOLS};

		memcpy(file + ELF_HASH, hash, sizeof(hash));
	}
	else
		elf_put_gnu_hash(file, symbols, own ? 1 : ELF_SYMBOL_ENTRY);
}

static inline void
elf_put_dynamic(const ElfSpec *spec, uint8_t *file)
{
	bool		arm = spec->machine == EM_AARCH64;
	uint32_t	relative = arm ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE;
	uint32_t	data = arm ? R_AARCH64_GLOB_DAT : R_X86_64_GLOB_DAT;
	uint32_t	jump = arm ? R_AARCH64_JUMP_SLOT : R_X86_64_JUMP_SLOT;
	uint64_t	variable = ELF_VARIABLE + ELF_DATA_ADDR;
	Elf64_Rela	rela[3] = {
		{.r_offset = ELF_SLOT + ELF_DATA_ADDR},
		{ELF_STUB_SLOTS + ELF_DATA_ADDR, ELF64_R_INFO(ELF_SYMBOL_READ, jump), 0},
		{ELF_STUB_SLOTS + 8 + ELF_DATA_ADDR,
		ELF64_R_INFO(ELF_SYMBOL_ERRNO, jump), 0},
	};
	Elf64_Dyn	dynamic[] = {
		{DT_SYMTAB, {ELF_SYMBOLS}},
		{DT_STRTAB, {ELF_STRINGS}},
		{DT_STRSZ, {sizeof(elf_strings)}},
		{DT_RELA, {ELF_RELA}},
		{DT_RELASZ, {sizeof(Elf64_Rela)}},
		{DT_JMPREL, {ELF_RELA + sizeof(Elf64_Rela)}},
		{DT_PLTRELSZ, {2 * sizeof(Elf64_Rela)}},
		{spec->sysv_hash ? DT_HASH : DT_GNU_HASH, {ELF_HASH}},
		{DT_NULL, {0}},
	};

	if (spec->variable == ELF_IMPORTED)
		rela[0].r_info = ELF64_R_INFO(ELF_SYMBOL_VARIABLE, data);
	else if (spec->variable == ELF_RELATIVE)
	{
		rela[0].r_info = ELF64_R_INFO(0, relative);
		rela[0].r_addend = (int64_t) variable;
	}
	else
		memset(&rela[0], 0, sizeof(rela[0]));
	memcpy(file + ELF_RELA, rela, sizeof(rela));
	memcpy(file + ELF_DYNAMIC, dynamic, sizeof(dynamic));
	if (spec->variable == ELF_INITIALIZED)
		memcpy(file + ELF_SLOT, &variable, sizeof(variable));
}

static inline void
elf_put_functions(const ElfSpec *spec, uint8_t *file)
{
	static const uint8_t header[4] = {1, 0x1b, 0x03, 0x3b};
	uint8_t    *to = file + ELF_FUNCTIONS;
	uint32_t	count = (uint32_t) spec->nfunctions;

	memcpy(to, header, sizeof(header));
	memcpy(to + 8, &count, sizeof(count));
	for (int i = 0; i < spec->nfunctions; i++)
	{
		uint32_t	start = ELF_CODE + spec->functions[i] - ELF_FUNCTIONS;

		memcpy(to + 12 + 8 * i, &start, sizeof(start));
	}
}

/* Build a file of ELF_MAX_SIZE bytes at most; returns its size. */
static inline size_t
elf_build(const ElfSpec *spec, uint8_t *file)
{
	size_t		code = spec->size < ELF_MAX_CODE ? spec->size : ELF_MAX_CODE;

	memset(file, 0, ELF_CODE);
	if (code > 0)
		memcpy(file + ELF_CODE, spec->code, code);
	elf_put_headers(spec, file, ELF_CODE + code);
	elf_put_symbols(spec, file);
	elf_put_dynamic(spec, file);
	elf_put_functions(spec, file);
	return ELF_CODE + code;
}

#endif							/* PGT_UNIT_ELF_BUILDER_H */
