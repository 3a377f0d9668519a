/*
 * insn.c
 *		One AArch64 instruction, reduced to what following a pointer through
 *		code and placing a probe need to know.
 *
 * All instructions have 32 bits and are sorted into groups by a few of them,
 * with the same fields at the same places, so this decodes them itself: what a
 * library adds is names.  Instructions newer than this file fall into one of
 * the groups and are right in what counts, the registers that they change.
 *
 * The names of the functions and the order are those of the chapter "A64
 * instruction set encoding" in the architecture's manual.  Its largest group,
 * loads and stores, is in load_store.c.
 */
#include <elf.h>
#include <string.h>

#include "bgworker/sites/aarch64/fields.h"
#include "bgworker/sites/aarch64/load_store.h"
#include "bgworker/sites/code/arch.h"

/* x0 to x18 and the link register */
#define LOST_IN_CALLS	0x4007ffff

/* x0 to x7 */
#define ARGUMENTS		0x000000ff

static bool decode(void *state, const uint8_t *bytes, size_t size,
				   uint64_t addr, PgtInsn *insn);
static int	decode_size(void *state, const uint8_t *bytes, size_t size,
						uint64_t addr);
static void describe_immediate(uint32_t word, PgtInsn *insn);
static void describe_add(uint32_t word, PgtInsn *insn);
static bool describe_branch(uint32_t word, PgtInsn *insn);
static bool describe_system(uint32_t word, PgtInsn *insn);
static void describe_register(uint32_t word, PgtInsn *insn);
static void describe_vector(uint32_t word, PgtInsn *insn);

const PgtMachine pgt_aarch64 = {
	.id = EM_AARCH64,
	.registers = {
		.stack = SP,
		.frame = FP,
		.lost_in_calls = LOST_IN_CALLS,
		.linked_in_calls = UINT32_C(1) << LR,
		.arguments = ARGUMENTS,
	},
	.decode = decode,
	.decode_size = decode_size,
	.scan_references = pgt_aarch64_scan_references,
	.scan_jumps = pgt_aarch64_scan_jumps,
	.scan_is_start = pgt_aarch64_scan_is_start,
};

static bool
decode(void *state, const uint8_t *bytes, size_t size, uint64_t addr,
	   PgtInsn *insn)
{
	uint32_t	word;

	if (decode_size(state, bytes, size, addr) == 0)
		return false;
	memcpy(&word, bytes, sizeof(word));

	memset(insn, 0, sizeof(*insn));
	insn->addr = addr;
	insn->size = sizeof(word);
	insn->dst = PGT_NO_REGISTER;
	insn->dst2 = PGT_NO_REGISTER;
	insn->src = PGT_NO_REGISTER;
	insn->src2 = PGT_NO_REGISTER;
	insn->mem.base = PGT_NO_REGISTER;
	insn->probe = pgt_aarch64_probe_cost(word);

	switch (bits(word, 25, 4))
	{
		case 8:
		case 9:
			describe_immediate(word, insn);
			return true;
		case 10:
		case 11:
			return describe_branch(word, insn);
		case 4:
		case 6:
		case 12:
		case 14:
			pgt_aarch64_describe_load_store(word, insn);
			return true;
		case 5:
		case 13:
			describe_register(word, insn);
			return true;
		case 7:
		case 15:
			describe_vector(word, insn);
			return true;
		case 2:
			/* SVE, which hardly ever changes a general register */
			return true;
		default:
			/* udf, and what isn't assigned; SME */
			insn->flow = PGT_FLOW_END;
			return bits(word, 16, 16) == 0;
	}
}

static int
decode_size(void *state, const uint8_t *bytes, size_t size, uint64_t addr)
{
	(void) state;
	(void) bytes;
	return size >= sizeof(uint32_t) && addr % sizeof(uint32_t) == 0 ?
		(int) sizeof(uint32_t) : 0;
}

/* Data processing with an immediate operand */
static void
describe_immediate(uint32_t word, PgtInsn *insn)
{
	uint32_t	group = bits(word, 23, 3);

	/* adr, adrp */
	if (group < 2)
	{
		int64_t		distance = signed_bits(word, 5, 19) * 4 +
			(int64_t) bits(word, 29, 2);

		insn->op = PGT_OP_ADDRESS;
		insn->dst = general(word, RD);
		insn->changed = general_bit(word, RD);
		insn->constant = insn->addr + (uint64_t) distance;
		if (bits(word, 31, 1) != 0)
			insn->constant = (insn->addr & ~UINT64_C(0xfff)) +
				(uint64_t) distance * 4096;
	}
	else if (group == 2)
		describe_add(word, insn);
	else if (group == 4)
	{
		/* and, orr, eor; ands, alias tst, if nothing but flags change */
		bool		flags = bits(word, 29, 2) == 3;

		insn->used = general_bit(word, RN);
		if (flags && general(word, RD) == PGT_NO_REGISTER)
			insn->op = PGT_OP_COMPARE;
		insn->changed = flags ? general_bit(word, RD) :
			register_bit((int) bits(word, RD, 5));
	}
	else
	{
		/* movz, movn and movk have no source; bit fields, extr, addg do. */
		insn->changed = general_bit(word, RD);
		if (group != 5)
			insn->used = general_bit(word, RN);
		if (group == 7)
			insn->used |= general_bit(word, RM);
	}
}

/* add, sub, with adds and subs, aliases cmn and cmp */
static void
describe_add(uint32_t word, PgtInsn *insn)
{
	int64_t		amount = (int64_t) bits(word, 10, 12);
	int			dst = (int) bits(word, RD, 5);
	int			src = (int) bits(word, RN, 5);

	if (bits(word, 22, 1) != 0)
		amount <<= 12;
	if (bits(word, 30, 1) != 0)
		amount = -amount;

	if (bits(word, 29, 1) != 0)
	{
		insn->op = dst == SP ? PGT_OP_COMPARE : PGT_OP_OTHER;
		insn->used = register_bit(src);
		insn->changed = general_bit(word, RD);
		return;
	}
	insn->changed = register_bit(dst);
	if (bits(word, 31, 1) == 0)
		insn->used = register_bit(src);
	else if (dst == SP && src == SP)
	{
		insn->op = PGT_OP_MOVE_STACK;
		insn->amount = amount;
	}
	else
	{
		insn->op = PGT_OP_ADDRESS;
		insn->dst = dst;
		insn->mem.base = src;
		insn->mem.offset = amount;
		insn->mem.size = 8;
	}
}

/* Branches, exceptions and system instructions; false if not known */
static bool
describe_branch(uint32_t word, PgtInsn *insn)
{
	int64_t		distance = 0;

	if ((word & 0x7c000000) == 0x14000000)
	{
		/* b, bl */
		insn->flow = bits(word, 31, 1) ? PGT_FLOW_CALL : PGT_FLOW_JUMP;
		distance = signed_bits(word, 0, 26);
	}
	else if ((word & 0xfe000000) == 0x54000000 ||
			 (word & 0x7e000000) == 0x34000000)
	{
		/* b.cond, cbz, cbnz */
		insn->flow = PGT_FLOW_BRANCH;
		distance = signed_bits(word, 5, 19);
	}
	else if ((word & 0x7e000000) == 0x36000000)
	{
		/* tbz, tbnz */
		insn->flow = PGT_FLOW_BRANCH;
		distance = signed_bits(word, 5, 14);
	}
	else
		return describe_system(word, insn);

	insn->target = insn->addr + (uint64_t) (distance * 4);
	if (insn->flow == PGT_FLOW_CALL)
		insn->changed = register_bit(LR);
	return true;
}

static bool
describe_system(uint32_t word, PgtInsn *insn)
{
	if (bits(word, 24, 8) == 0xd4)
	{
		/* svc; brk and others that trap */
		insn->flow = (word & 0xffe0001f) == 0xd4000001 ?
			PGT_FLOW_KERNEL : PGT_FLOW_END;
		return true;
	}
	if (bits(word, 22, 10) == 0x354)
	{
		/* mrs and sysl have a result; msr, hints and barriers have not. */
		if (bits(word, 21, 1) != 0)
			insn->changed = general_bit(word, RD);
		return true;
	}
	if (bits(word, 25, 7) != 0x6b)
		return false;

	/* With and without authentication, which bit 24 is for */
	switch (bits(word, 21, 3))
	{
		case 0:
			insn->flow = PGT_FLOW_INDIRECT;
			return true;
		case 1:
			insn->flow = PGT_FLOW_CALL;
			insn->changed = register_bit(LR);
			return true;
		default:
			insn->flow = PGT_FLOW_END;
			return true;
	}
}

/* Data processing with registers */
static void
describe_register(uint32_t word, PgtInsn *insn)
{
	bool		wide = bits(word, 31, 1) != 0;
	uint32_t	group = bits(word, 21, 4);
	bool		flags = bits(word, 29, 1) != 0;

	insn->used = general_bit(word, RN) | general_bit(word, RM);
	insn->changed = general_bit(word, RD);

	if (bits(word, 28, 1) == 0 && group < 8)
	{
		/* orr of zero and an unshifted register is mov; ands is tst. */
		if (wide && bits(word, 29, 2) == 1 && bits(word, 10, 6) == 0 &&
			group == 0 && general(word, RN) == PGT_NO_REGISTER)
		{
			insn->op = PGT_OP_COPY;
			insn->dst = general(word, RD);
			insn->src = general(word, RM);
		}
		else if (bits(word, 29, 2) == 3 && insn->changed == 0)
			insn->op = PGT_OP_COMPARE;
	}
	else if (bits(word, 28, 1) == 0)
	{
		/* add, sub, also with an extended register, then of the stack too */
		if (flags && insn->changed == 0)
			insn->op = PGT_OP_COMPARE;
		else if (!flags && bits(word, 21, 1) != 0)
			insn->changed = register_bit((int) bits(word, RD, 5));
	}
	else if (group == 2)
	{
		/* ccmp, ccmn, which may have a number for their second register */
		insn->op = PGT_OP_COMPARE;
		insn->changed = 0;
	}
	else if (group == 0 && bits(word, 10, 6) != 0)
		insn->changed = 0;		/* rmif, setf */
	else if (group == 4 && wide && bits(word, 29, 2) == 0 &&
			 bits(word, 10, 2) == 0)
	{
		/* csel */
		insn->op = PGT_OP_CHOOSE;
		insn->dst = general(word, RD);
		insn->src = general(word, RN);
		insn->src2 = general(word, RM);
	}
	else if (group == 6 && bits(word, 30, 1) != 0)
		insn->used = general_bit(word, RN);
	else if (group >= 8)
		insn->used |= general_bit(word, RA);
}

/* Floating point and vectors: what has to do with general registers */
static void
describe_vector(uint32_t word, PgtInsn *insn)
{
	bool		converts = (word & 0x5f20fc00) == 0x1e200000;
	bool		converts_fixed = (word & 0x5f200000) == 0x1e000000;
	uint32_t	opcode = bits(word, 16, 3);

	if (converts && opcode == 7)
	{
		/* fmov from a general register */
		insn->op = PGT_OP_HIDE;
		insn->src = general(word, RN);
	}
	else if ((word & 0xffe0fc00) == 0x4e001c00 ||
			 (word & 0xbfe0fc00) == 0x0e000c00)
	{
		/* ins and dup from a general register */
		insn->op = PGT_OP_HIDE;
		insn->src = general(word, RN);
	}
	else if ((converts && opcode != 2 && opcode != 3) ||
			 (converts_fixed && opcode < 2) ||
			 (word & 0xbfe0ec00) == 0x0e002c00)
		/* fcvt, fmov, umov, smov to a general register */
		insn->changed = general_bit(word, RD);
}
