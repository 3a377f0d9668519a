/*
 * scan.c
 *		Search x86-64 code, without decoding all of it, for instructions that
 *		have an address in them.
 *
 * Decoding all of a server's code would take half a second.  Instead, bytes
 * are looked for that would be the address in question at their place, which
 * takes a few milliseconds, and only around those is anything decoded.
 *
 * Where in the code instructions start can only be told by decoding from some
 * place before.  A decoder that starts inside an instruction falls into step
 * after a few more, so several starts are tried and what most of them say is
 * taken.
 */
#include <string.h>

#include "bgworker/sites/code/arch.h"
#include "bgworker/sites/code/decoder.h"

/* No instruction is longer. */
#define MAX_INSN_SIZE	15

/*
 * How often bytes may look like the address, so that a file in which they do
 * everywhere doesn't take forever.  In a server they hardly ever do by chance.
 */
#define MAX_CANDIDATES	8192

/* How many starts are tried, one byte apart, and how far before. */
#define STARTS			8
#define DISTANCE		96

static bool is_among(const uint64_t *recent, uint64_t addr);
static bool locate(PgtDecoder *decoder, const PgtCode *code, uint64_t field,
				   uint64_t target, PgtInsn *insn);
static void vote(PgtDecoder *decoder, const PgtCode *code, uint64_t at,
				 uint8_t *votes);
static bool is_jump(const uint8_t *bytes, uint64_t size, int64_t *distance);

/*
 * An address is in the code as four bytes: the distance from the end of the
 * instruction, which is where these bytes end or up to four bytes of another
 * operand later; or, where code has a fixed place, the address itself.
 */
bool
pgt_x86_scan_references(PgtDecoder *decoder, const PgtElfImage *image,
						const PgtFunctions *functions,
						const PgtTargets *targets,
						PgtFoundReference found, void *arg)
{
	int			ncandidates = 0;

	(void) functions;
	for (int i = 0; i < image->ncode; i++)
	{
		const PgtCode *code = &image->code[i];
		uint64_t	recent[MAX_INSN_SIZE];
		unsigned	nfound = 0;

		memset(recent, 0xff, sizeof(recent));
		for (uint64_t field = 0; field + 4 <= code->size; field++)
		{
			uint64_t	end = code->addr + field + 4;
			int32_t		bytes;

			memcpy(&bytes, code->bytes + field, sizeof(bytes));
			for (int j = 0; j < targets->count; j++)
			{
				uint64_t	target = targets->addrs[j];
				uint64_t	distance = target - end - (uint64_t) bytes;
				PgtInsn		insn;

				if (distance > 4 &&
					(!image->absolute || target != (uint64_t) bytes))
					continue;
				if (ncandidates++ == MAX_CANDIDATES)
					return false;
				if (!locate(decoder, code, field, target, &insn) ||
					is_among(recent, insn.addr))
					continue;
				recent[nfound++ % MAX_INSN_SIZE] = insn.addr;
				if (!found(&insn, NULL, arg))
					return false;
			}
		}
	}
	return true;
}

/*
 * Was it found before?  More than one of an instruction's bytes may look like
 * the address, and then one of an instruction that overlaps with it in
 * between.
 */
static bool
is_among(const uint64_t *recent, uint64_t addr)
{
	for (int i = 0; i < MAX_INSN_SIZE; i++)
	{
		if (recent[i] == addr)
			return true;
	}
	return false;
}

/*
 * Decode the instruction that has the field in it and means the target.
 *
 * A start that got no vote is better than none: what stands before may be
 * data, which puts every vote wrong.  Then the longest instruction is right,
 * since a shorter one is the same without its prefix.
 */
static bool
locate(PgtDecoder *decoder, const PgtCode *code, uint64_t field,
	   uint64_t target, PgtInsn *insn)
{
	uint8_t		votes[MAX_INSN_SIZE + 1] = {0};
	uint64_t	best = 0;

	vote(decoder, code, field, votes);
	for (uint64_t before = MAX_INSN_SIZE; before > 0; before--)
	{
		if (before <= field &&
			(best == 0 || votes[before] > votes[best]) &&
			pgt_decoder_at(decoder, code->addr + field - before, insn) &&
			insn->size >= before + 4 &&
			pgt_insn_addresses(insn, target))
			best = before;
	}
	return best > 0 &&
		pgt_decoder_at(decoder, code->addr + field - best, insn);
}

/*
 * Count, by their distance, where the instruction starts that has the byte
 * before at in it.  What can't be decoded is skipped byte by byte.
 */
static void
vote(PgtDecoder *decoder, const PgtCode *code, uint64_t at, uint8_t *votes)
{
	for (uint64_t i = 0; i < STARTS; i++)
	{
		uint64_t	back = DISTANCE + i;
		uint64_t	start = at > back ? at - back : 0;

		while (start < at)
		{
			int			size = pgt_decoder_size(decoder, code->addr + start);
			uint64_t	next = start + (uint64_t) (size > 0 ? size : 1);

			if (next >= at)
				break;
			start = next;
		}
		if (at - start <= MAX_INSN_SIZE)
			votes[at - start]++;
	}
}

bool
pgt_x86_scan_is_start(PgtDecoder *decoder, const PgtElfImage *image,
					  uint64_t addr)
{
	const PgtCode *code = pgt_elf_image_code(image, addr);
	uint8_t		votes[MAX_INSN_SIZE + 1] = {0};

	if (code == NULL)
		return false;

	/* The instruction with this address's first byte in it starts here. */
	vote(decoder, code, addr - code->addr + 1, votes);
	return votes[1] > STARTS / 2;
}

void
pgt_x86_scan_jumps(const PgtElfImage *image, PgtFoundJump found, void *arg)
{
	for (int i = 0; i < image->ncode; i++)
	{
		const PgtCode *code = &image->code[i];

		for (uint64_t at = 0; at < code->size; at++)
		{
			int64_t		distance;

			if (is_jump(code->bytes + at, code->size - at, &distance))
				found(code->addr + at,
					  code->addr + at + (uint64_t) distance, arg);
		}
	}
}

/* Might a jump be here, and how far does it go, from its first byte? */
static bool
is_jump(const uint8_t *bytes, uint64_t size, int64_t *distance)
{
	uint8_t		opcode = bytes[0];
	uint64_t	at = 1;
	int32_t		field;

	/* jmp, jcc, loop and jrcxz over a short distance */
	if (opcode == 0xeb || (opcode & 0xf0) == 0x70 || (opcode & 0xfc) == 0xe0)
	{
		if (size < 2)
			return false;
		*distance = 2 + (int8_t) bytes[1];
		return true;
	}

	/* jmp, jcc */
	if (opcode == 0x0f && size > 1 && (bytes[1] & 0xf0) == 0x80)
		at = 2;
	else if (opcode != 0xe9)
		return false;
	if (size < at + sizeof(field))
		return false;
	memcpy(&field, bytes + at, sizeof(field));
	*distance = (int64_t) (at + sizeof(field)) + field;
	return true;
}
