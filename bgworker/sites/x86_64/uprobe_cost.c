/*
 * uprobe_cost.c
 *		What Linux does with a uprobe on an x86-64 instruction.
 *
 * Part of what insn.c tells of an instruction; sites/placement.c chooses by it
 * where the probes go.  A probe is a breakpoint, so the instruction under it
 * has to run somewhere else.  The few that arch/x86/kernel/uprobes.c emulates
 * cost a trap, 0.4 us; others run single-stepped out of line, 14 us in a
 * virtual machine; some are refused, and one refused probe fails the link with
 * all the others.
 *
 * This is the narrowest reading from Linux 6.6 to 6.18.  Left out on purpose,
 * as versions differ or are wrong: nop with an operand size prefix (refused
 * by the older ones) or a REX prefix (41 90 is xchg, yet emulated as nop), and
 * everything VEX-encoded, whose opcode bytes the kernel takes for those of
 * plain instructions.
 *
 * Nor is there a probe on a nop of more bytes (0f 1f).  Newer kernels replace
 * one of 5 bytes under a probe by a call, which pushes its return address to
 * where a function that calls nothing may keep variables below the stack
 * pointer.
 */
#include "bgworker/sites/code/arch.h"

/*
 * Opcodes that are fit for single-stepping, one bit each: what compilers emit
 * in plain code, as far as every version accepts it.  Rows of zeros are
 * prefixes, opcodes that are looked at one by one, and whatever nobody needs.
 */
static const uint16_t steppable[16] = {
	0x3f3f, 0x3f3f, 0x3f3f, 0x3f3f, 0x0000, 0xffff, 0x0f08, 0x0000,
	0x2ffb, 0x03fe, 0xfff0, 0xffff, 0x02cf, 0xff0f, 0x0000, 0xf3c0
};

/* The same for opcodes that begin with 0f; without 0f 1f. */
static const uint16_t steppable_0f[16] = {
	0x2000, 0x7fff, 0xff00, 0x0000, 0xffff, 0xffff, 0xffff, 0xf0ff,
	0x0000, 0xffff, 0xb838, 0xfdcb, 0xff77, 0xffff, 0xffff, 0x7fff
};

static bool is_listed(const uint16_t *table, uint8_t opcode);

PgtProbeCost
pgt_x86_probe_cost(const uint8_t *bytes, int size)
{
	bool		operand_size = false;
	uint8_t		rex = 0;
	uint8_t		opcode;
	int			at = 0;
	bool		branch;

	for (; at < size; at++)
	{
		uint8_t		prefix = bytes[at];

		/* lock, es, cs, ss, ds */
		if (prefix == 0xf0 || prefix == 0x26 || prefix == 0x2e ||
			prefix == 0x36 || prefix == 0x3e)
			return PGT_PROBE_REFUSED;
		if (prefix == 0x66)
			operand_size = true;
		else if (prefix != 0xf2 && prefix != 0xf3 && prefix != 0x64 &&
				 prefix != 0x65 && prefix != 0x67)
			break;
	}
	if (at < size && (bytes[at] & 0xf0) == 0x40)
		rex = bytes[at++];
	if (at >= size)
		return PGT_PROBE_REFUSED;
	opcode = bytes[at++];

	/* push of a register, which has no prefix but rex.b */
	if ((opcode & 0xf8) == 0x50 && (size == 1 || (size == 2 && rex == 0x41)))
		return PGT_PROBE_EMULATED;

	/* call, jmp, jcc, nop */
	branch = opcode == 0xe8 || opcode == 0xe9 || opcode == 0xeb ||
		(opcode & 0xf0) == 0x70 ||
		(opcode == 0x0f && at < size && (bytes[at] & 0xf0) == 0x80);
	if (branch || (opcode == 0x90 && rex == 0))
		return operand_size ? PGT_PROBE_REFUSED : PGT_PROBE_EMULATED;

	if (opcode != 0x0f)
		return is_listed(steppable, opcode) ?
			PGT_PROBE_STEPPED : PGT_PROBE_REFUSED;
	return at < size && is_listed(steppable_0f, bytes[at]) ?
		PGT_PROBE_STEPPED : PGT_PROBE_REFUSED;
}

static bool
is_listed(const uint16_t *table, uint8_t opcode)
{
	return ((table[opcode >> 4] >> (opcode & 15)) & 1) != 0;
}
