/*
 * unwind_table.c
 *		Where the functions of an ELF file start.
 *
 * Stripped files have no symbols for most functions, but they do have a sorted
 * table of them for the unwinding of the stack.  sites/code/dataflow.c needs
 * to know: a call that doesn't return, such as the end of ereport(ERROR), may
 * be the last instruction of a function, and what stands behind it is another
 * one.
 */
#include <elf.h>
#include <gelf.h>
#include <string.h>

#include "bgworker/sites/elf/unwind_table.h"

/*
 * The header in the form that all linkers write: version 1, any pointer, a
 * count of 4 bytes, and a table of pairs of 4 bytes relative to the header.
 */
#define HEADER_SIZE		12
#define ENTRY_SIZE		8
#define VERSION			1
#define UDATA4			0x03
#define DATAREL_SDATA4	0x3b

static uint64_t function_at(const PgtFunctions *functions, uint64_t index);

void
pgt_elf_functions_find(const PgtElfImage *image, PgtFunctions *functions)
{
	size_t		nheaders;

	memset(functions, 0, sizeof(*functions));
	if (elf_getphdrnum(image->elf, &nheaders) != 0)
		return;
	for (size_t i = 0; i < nheaders; i++)
	{
		const uint8_t *header;
		uint32_t	count;
		GElf_Phdr	phdr;

		if (gelf_getphdr(image->elf, (int) i, &phdr) == NULL)
			return;
		if (phdr.p_type != PT_GNU_EH_FRAME || phdr.p_filesz < HEADER_SIZE ||
			phdr.p_offset > image->size ||
			phdr.p_filesz > image->size - phdr.p_offset)
			continue;

		/* Right behind the pointer, whose 4 bytes its encoding states. */
		header = image->bytes + phdr.p_offset;
		if (header[0] != VERSION || (header[1] & 0x0f) != 0x0b ||
			header[2] != UDATA4 || header[3] != DATAREL_SDATA4)
			continue;
		memcpy(&count, header + 8, sizeof(count));
		if (count > (phdr.p_filesz - HEADER_SIZE) / ENTRY_SIZE)
			continue;

		functions->base = phdr.p_vaddr;
		functions->table = header + HEADER_SIZE;
		functions->count = count;
		return;
	}
}

bool
pgt_elf_functions_start(const PgtFunctions *functions, uint64_t addr)
{
	uint64_t	start;
	uint64_t	end;

	return pgt_elf_functions_bounds(functions, addr, &start, &end) &&
		start == addr;
}

bool
pgt_elf_functions_bounds(const PgtFunctions *functions, uint64_t addr,
						 uint64_t *start, uint64_t *end)
{
	uint64_t	low = 0;
	uint64_t	high = functions->count;

	/* The first one that starts behind addr */
	while (low < high)
	{
		uint64_t	middle = low + (high - low) / 2;

		if (function_at(functions, middle) <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	*start = function_at(functions, low - 1);
	*end = low < functions->count ?
		function_at(functions, low) : UINT64_MAX;
	return *start <= addr;
}

static uint64_t
function_at(const PgtFunctions *functions, uint64_t index)
{
	int32_t		relative;

	memcpy(&relative, functions->table + index * ENTRY_SIZE,
		   sizeof(relative));
	return functions->base + (uint64_t) (int64_t) relative;
}
