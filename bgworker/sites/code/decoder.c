/*
 * decoder.c
 *		Instructions of an image's code, one at a time, and the search for some.
 *
 * What all architectures have in common: which one it is, and where an
 * instruction's bytes are.  The rest is in the folders x86_64 and aarch64.
 */
#include <stdlib.h>

#include "bgworker/sites/code/arch.h"
#include "bgworker/sites/code/decoder.h"
#include "bgworker/sites/code/scan.h"

struct PgtDecoder
{
	const PgtElfImage *image;
	const PgtMachine *machine;
	void	   *state;
};

static const PgtMachine *const machines[] = {&pgt_x86, &pgt_aarch64};

static const uint8_t *bytes_at(const PgtDecoder *decoder, uint64_t addr,
							   size_t *size);

PgtDecoder *
pgt_decoder_create(const PgtElfImage *image, bool *supported)
{
	const PgtMachine *machine = NULL;
	PgtDecoder *decoder;

	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
	{
		if (machines[i]->id == image->machine)
			machine = machines[i];
	}
	*supported = (machine != NULL);
	if (!*supported)
		return NULL;

	decoder = calloc(1, sizeof(PgtDecoder));
	if (decoder == NULL)
		return NULL;
	decoder->image = image;
	decoder->machine = machine;
	if (machine->open != NULL)
	{
		decoder->state = machine->open();
		if (decoder->state == NULL)
		{
			free(decoder);
			return NULL;
		}
	}
	return decoder;
}

void
pgt_decoder_free(PgtDecoder *decoder)
{
	if (decoder == NULL)
		return;
	if (decoder->state != NULL)
		decoder->machine->close(decoder->state);
	free(decoder);
}

const PgtRegisters *
pgt_decoder_registers(const PgtDecoder *decoder)
{
	return &decoder->machine->registers;
}

bool
pgt_decoder_at(PgtDecoder *decoder, uint64_t addr, PgtInsn *insn)
{
	size_t		size;
	const uint8_t *bytes = bytes_at(decoder, addr, &size);

	return bytes != NULL &&
		decoder->machine->decode(decoder->state, bytes, size, addr, insn);
}

int
pgt_decoder_size(PgtDecoder *decoder, uint64_t addr)
{
	size_t		size;
	const uint8_t *bytes = bytes_at(decoder, addr, &size);

	if (bytes == NULL)
		return 0;
	return decoder->machine->decode_size(decoder->state, bytes, size, addr);
}

static const uint8_t *
bytes_at(const PgtDecoder *decoder, uint64_t addr, size_t *size)
{
	const PgtCode *code = pgt_elf_image_code(decoder->image, addr);

	if (code == NULL)
		return NULL;
	*size = (size_t) (code->size - (addr - code->addr));
	return code->bytes + (addr - code->addr);
}

bool
pgt_targets_have(const PgtTargets *targets, uint64_t addr)
{
	for (int i = 0; i < targets->count; i++)
	{
		if (targets->addrs[i] == addr)
			return true;
	}
	return false;
}

bool
pgt_scan_references(PgtDecoder *decoder, const PgtElfImage *image,
					const PgtFunctions *functions, const PgtTargets *targets,
					PgtFoundReference found, void *arg)
{
	return decoder->machine->scan_references(decoder, image, functions,
											 targets, found, arg);
}

void
pgt_scan_jumps(PgtDecoder *decoder, const PgtElfImage *image,
			   PgtFoundJump found, void *arg)
{
	decoder->machine->scan_jumps(image, found, arg);
}

bool
pgt_scan_is_start(PgtDecoder *decoder, const PgtElfImage *image, uint64_t addr)
{
	return decoder->machine->scan_is_start(decoder, image, addr);
}
