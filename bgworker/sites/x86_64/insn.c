/*
 * insn.c
 *		One x86-64 instruction, reduced to what following a pointer through
 *		code and placing a probe need to know.
 *
 * libcapstone decodes; what is added here is the meaning: which of the few
 * ways to hand a pointer on an instruction is.  scan.c finds where to start,
 * and code/stores.c and placement.c go on from there, so that only a fraction
 * of the code is ever decoded: all of a server's would take half a second.
 */
#include <capstone/capstone.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "bgworker/sites/code/arch.h"

/* libcapstone 4 has ud1 by another name */
#if CS_API_MAJOR < 5
#define X86_INS_UD1		X86_INS_UD2B
#endif

/* No instruction is longer. */
#define MAX_INSN_SIZE	15

/* Registers are numbered as their encoding does. */
#define RSP				4
#define RBP				5

/* rax, rcx, rdx, rsi, rdi, r8 to r11 */
#define LOST_IN_CALLS	0x0fc7

/* rdi, rsi, rdx, rcx, r8, r9 */
#define ARGUMENTS		0x03c6

typedef struct Decoder
{
	csh			full;			/* with operands */
	csh			lengths;		/* without */
	cs_insn    *full_insn;
	cs_insn    *lengths_insn;
} Decoder;

static void *open_decoder(void);
static void close_decoder(void *state);
static bool decode(void *state, const uint8_t *bytes, size_t size,
				   uint64_t addr, PgtInsn *insn);
static int	decode_size(void *state, const uint8_t *bytes, size_t size,
						uint64_t addr);
static bool disassemble(csh handle, const uint8_t *bytes, size_t size,
						uint64_t addr, cs_insn *insn);
static void translate(csh handle, const cs_insn *in, PgtInsn *insn);
static void describe_flow(csh handle, const cs_insn *in, PgtInsn *insn);
static void describe_operands(const cs_insn *in, PgtInsn *insn);
static void describe_memory(const cs_insn *in, const cs_x86_op *operand,
							PgtMemory *mem);
static void describe_operation(const cs_insn *in, PgtInsn *insn);
static void describe_transfer(const cs_insn *in, PgtInsn *insn);
static bool is_register(const cs_x86_op *operand);
static int	register_number(unsigned reg);
static uint32_t register_bit(unsigned reg);

const PgtMachine pgt_x86 = {
	.id = EM_X86_64,
	.registers = {
		.stack = RSP,
		.frame = RBP,
		.lost_in_calls = LOST_IN_CALLS,
		.arguments = ARGUMENTS,
	},
	.open = open_decoder,
	.close = close_decoder,
	.decode = decode,
	.decode_size = decode_size,
	.scan_references = pgt_x86_scan_references,
	.scan_jumps = pgt_x86_scan_jumps,
	.scan_is_start = pgt_x86_scan_is_start,
};

static void *
open_decoder(void)
{
	Decoder    *decoder = calloc(1, sizeof(Decoder));

	if (decoder == NULL)
		return NULL;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->full) == CS_ERR_OK &&
		cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->lengths) == CS_ERR_OK &&
		cs_option(decoder->full, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK)
	{
		decoder->full_insn = cs_malloc(decoder->full);
		decoder->lengths_insn = cs_malloc(decoder->lengths);
	}
	if (decoder->full_insn == NULL || decoder->lengths_insn == NULL)
	{
		close_decoder(decoder);
		return NULL;
	}
	return decoder;
}

static void
close_decoder(void *state)
{
	Decoder    *decoder = state;

	if (decoder->full_insn != NULL)
		cs_free(decoder->full_insn, 1);
	if (decoder->lengths_insn != NULL)
		cs_free(decoder->lengths_insn, 1);
	if (decoder->full != 0)
		(void) cs_close(&decoder->full);
	if (decoder->lengths != 0)
		(void) cs_close(&decoder->lengths);
	free(decoder);
}

static bool
decode(void *state, const uint8_t *bytes, size_t size, uint64_t addr,
	   PgtInsn *insn)
{
	Decoder    *decoder = state;

	if (!disassemble(decoder->full, bytes, size, addr, decoder->full_insn))
		return false;
	translate(decoder->full, decoder->full_insn, insn);
	return true;
}

static int
decode_size(void *state, const uint8_t *bytes, size_t size, uint64_t addr)
{
	Decoder    *decoder = state;

	if (!disassemble(decoder->lengths, bytes, size, addr,
					 decoder->lengths_insn))
		return 0;
	return decoder->lengths_insn->size;
}

static bool
disassemble(csh handle, const uint8_t *bytes, size_t size, uint64_t addr,
			cs_insn *insn)
{
	if (size > MAX_INSN_SIZE)
		size = MAX_INSN_SIZE;
	return cs_disasm_iter(handle, &bytes, &size, &addr, insn);
}

static void
translate(csh handle, const cs_insn *in, PgtInsn *insn)
{
	cs_regs		read;
	cs_regs		written;
	uint8_t		nread;
	uint8_t		nwritten;

	memset(insn, 0, sizeof(*insn));
	insn->addr = in->address;
	insn->size = (uint8_t) in->size;
	insn->dst = PGT_NO_REGISTER;
	insn->dst2 = PGT_NO_REGISTER;
	insn->src = PGT_NO_REGISTER;
	insn->src2 = PGT_NO_REGISTER;
	insn->mem.base = PGT_NO_REGISTER;
	insn->probe = pgt_x86_probe_cost(in->bytes, in->size);

	if (cs_regs_access(handle, in, read, &nread, written,
					   &nwritten) == CS_ERR_OK)
	{
		for (int i = 0; i < nwritten; i++)
			insn->changed |= register_bit(written[i]);
	}
	describe_flow(handle, in, insn);
	describe_operands(in, insn);
	describe_operation(in, insn);
}

static void
describe_flow(csh handle, const cs_insn *in, PgtInsn *insn)
{
	const cs_x86 *x86 = &in->detail->x86;
	bool		direct = x86->op_count > 0 &&
		x86->operands[0].type == X86_OP_IMM;

	insn->flow = PGT_FLOW_NEXT;
	switch (in->id)
	{
		case X86_INS_CALL:
		case X86_INS_LCALL:
			insn->flow = PGT_FLOW_CALL;
			break;
		case X86_INS_JMP:
		case X86_INS_LJMP:
			insn->flow = direct ? PGT_FLOW_JUMP : PGT_FLOW_INDIRECT;
			break;
		case X86_INS_SYSCALL:
		case X86_INS_SYSENTER:
		case X86_INS_INT:
			insn->flow = PGT_FLOW_KERNEL;
			break;
		case X86_INS_RET:
		case X86_INS_RETF:
		case X86_INS_RETFQ:
		case X86_INS_IRET:
		case X86_INS_IRETD:
		case X86_INS_IRETQ:
		case X86_INS_UD0:
		case X86_INS_UD1:
		case X86_INS_UD2:
		case X86_INS_HLT:
		case X86_INS_INT1:
		case X86_INS_INT3:
			insn->flow = PGT_FLOW_END;
			break;
		default:
			if (direct && cs_insn_group(handle, in, CS_GRP_JUMP))
				insn->flow = PGT_FLOW_BRANCH;
			break;
	}
	if (direct && insn->flow != PGT_FLOW_NEXT &&
		insn->flow != PGT_FLOW_KERNEL && insn->flow != PGT_FLOW_END)
		insn->target = (uint64_t) x86->operands[0].imm;
}

static void
describe_operands(const cs_insn *in, PgtInsn *insn)
{
	const cs_x86 *x86 = &in->detail->x86;

	/* Its operand is an address that is never accessed. */
	if (in->id == X86_INS_NOP)
		return;

	for (int i = 0; i < x86->op_count; i++)
	{
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type == X86_OP_MEM)
		{
			/* String instructions have two; what is written counts. */
			if (insn->mem.size == 0 || (operand->access & CS_AC_WRITE) != 0)
				describe_memory(in, operand, &insn->mem);
		}
		else if (operand->type == X86_OP_IMM && insn->flow == PGT_FLOW_NEXT)
			insn->constant = (uint64_t) operand->imm;
		else if (is_register(operand) && (operand->access & CS_AC_READ) != 0)
			insn->used |= register_bit(operand->reg);
	}
}

static void
describe_memory(const cs_insn *in, const cs_x86_op *operand, PgtMemory *mem)
{
	const cs_x86 *x86 = &in->detail->x86;
	const x86_op_mem *from = &operand->mem;
	const cs_x86_op *source = &x86->operands[1];

	memset(mem, 0, sizeof(*mem));
	mem->size = operand->size;
	mem->read = (operand->access & CS_AC_READ) != 0;
	mem->written = (operand->access & CS_AC_WRITE) != 0;
	mem->base = register_number(from->base);
	mem->indexed = (from->index != X86_REG_INVALID &&
					from->index != X86_REG_RIZ);
	mem->offset = from->disp;

	/* What is relative to fs or gs is somewhere else altogether. */
	if (from->segment == X86_REG_FS || from->segment == X86_REG_GS)
		mem->base = PGT_NO_REGISTER;
	else if (from->base == X86_REG_RIP)
	{
		mem->fixed = true;
		mem->addr = in->address + in->size + (uint64_t) from->disp;
	}
	else if (from->base == X86_REG_INVALID && !mem->indexed)
	{
		mem->fixed = true;
		mem->addr = (uint64_t) from->disp;
	}

	if (mem->written && x86->op_count == 2 && source->type == X86_OP_IMM)
	{
		if (in->id == X86_INS_MOV)
			mem->value = source->imm == 0 ?
				PGT_VALUE_ZERO : PGT_VALUE_NONZERO;
		else if (in->id == X86_INS_AND && source->imm == 0)
			mem->value = PGT_VALUE_ZERO;
	}
}

static void
describe_operation(const cs_insn *in, PgtInsn *insn)
{
	const cs_x86 *x86 = &in->detail->x86;
	const cs_x86_op *first = &x86->operands[0];
	const cs_x86_op *second = &x86->operands[1];
	bool		narrow = x86->prefix[2] == X86_PREFIX_OPSIZE;

	switch (in->id)
	{
		case X86_INS_CMP:
		case X86_INS_TEST:
			insn->op = PGT_OP_COMPARE;
			break;
		case X86_INS_PUSHFQ:
		case X86_INS_PUSH:
			if (narrow)
				break;
			insn->op = PGT_OP_PUSH;
			if (x86->op_count == 1 && is_register(first))
				insn->src = register_number(first->reg);
			break;
		case X86_INS_POPFQ:
		case X86_INS_POP:
			if (narrow)
				break;
			insn->op = PGT_OP_POP;
			if (x86->op_count == 1 && is_register(first))
				insn->dst = register_number(first->reg);
			break;
		case X86_INS_ADD:
		case X86_INS_SUB:
			if (is_register(first) && register_number(first->reg) == RSP &&
				second->type == X86_OP_IMM)
			{
				insn->op = PGT_OP_MOVE_STACK;
				insn->amount = in->id == X86_INS_ADD ?
					second->imm : -second->imm;
			}
			break;
		case X86_INS_MOVQ:
		case X86_INS_VMOVQ:
		case X86_INS_PINSRQ:
			if (is_register(second))
			{
				insn->op = PGT_OP_HIDE;
				insn->src = register_number(second->reg);
			}
			break;
		case X86_INS_LEA:
			insn->mem.read = false;
			insn->mem.written = false;
			if (!is_register(first) || first->size != 8)
				break;
			insn->op = PGT_OP_ADDRESS;
			insn->dst = register_number(first->reg);
			if (insn->dst == RSP && insn->mem.base == RSP &&
				!insn->mem.indexed)
			{
				insn->op = PGT_OP_MOVE_STACK;
				insn->amount = insn->mem.offset;
			}
			break;
		default:
			if (x86->op_count == 2)
				describe_transfer(in, insn);
			break;
	}
}

/* Moves between two places, of which registers have 64 bits. */
static void
describe_transfer(const cs_insn *in, PgtInsn *insn)
{
	const cs_x86 *x86 = &in->detail->x86;
	const cs_x86_op *first = &x86->operands[0];
	const cs_x86_op *second = &x86->operands[1];
	bool		move = in->id == X86_INS_MOV || in->id == X86_INS_MOVABS;
	bool		swap = in->id == X86_INS_XCHG;
	bool		choose = x86->opcode[0] == 0x0f &&
		(x86->opcode[1] & 0xf0) == 0x40;

	/* In a program at a fixed address, addresses often have 32 bits. */
	if (move && is_register(first) && second->type == X86_OP_IMM &&
		first->size >= 4)
	{
		insn->op = PGT_OP_ADDRESS;
		insn->dst = register_number(first->reg);
		return;
	}

	if ((!move && !swap && !choose) || first->size != 8 || second->size != 8)
		return;
	if (is_register(first) && is_register(second))
	{
		insn->op = move ? PGT_OP_COPY : swap ? PGT_OP_SWAP : PGT_OP_CHOOSE;
		insn->dst = register_number(first->reg);
		insn->src = register_number(second->reg);
	}
	else if (is_register(first) && second->type == X86_OP_MEM && !swap)
	{
		insn->op = move ? PGT_OP_LOAD : PGT_OP_CHOOSE;
		insn->dst = register_number(first->reg);
	}
	else if (first->type == X86_OP_MEM && is_register(second) && !choose)
	{
		insn->op = PGT_OP_SAVE;
		insn->src = register_number(second->reg);
	}
	if (choose)
		insn->src2 = insn->dst;
}

static bool
is_register(const cs_x86_op *operand)
{
	return operand->type == X86_OP_REG &&
		register_number(operand->reg) != PGT_NO_REGISTER;
}

/* The general register that this one is, or is a part of. */
static int
register_number(unsigned reg)
{
#define PARTS(number, r64, r32, r16, r8) \
	[X86_REG_##r64] = (number) + 1, [X86_REG_##r32] = (number) + 1, \
	[X86_REG_##r16] = (number) + 1, [X86_REG_##r8] = (number) + 1
#define NUMBERED(n) PARTS(n, R##n, R##n##D, R##n##W, R##n##B)
	static const uint8_t numbers[X86_REG_ENDING] = {
		PARTS(0, RAX, EAX, AX, AL), [X86_REG_AH] = 1,
		PARTS(1, RCX, ECX, CX, CL), [X86_REG_CH] = 2,
		PARTS(2, RDX, EDX, DX, DL), [X86_REG_DH] = 3,
		PARTS(3, RBX, EBX, BX, BL), [X86_REG_BH] = 4,
		PARTS(4, RSP, ESP, SP, SPL), PARTS(5, RBP, EBP, BP, BPL),
		PARTS(6, RSI, ESI, SI, SIL), PARTS(7, RDI, EDI, DI, DIL),
		NUMBERED(8), NUMBERED(9), NUMBERED(10), NUMBERED(11),
		NUMBERED(12), NUMBERED(13), NUMBERED(14), NUMBERED(15)
	};
#undef NUMBERED
#undef PARTS

	if (reg >= X86_REG_ENDING || numbers[reg] == 0)
		return PGT_NO_REGISTER;
	return numbers[reg] - 1;
}

static uint32_t
register_bit(unsigned reg)
{
	int			number = register_number(reg);

	return number == PGT_NO_REGISTER ? 0 : UINT32_C(1) << number;
}
