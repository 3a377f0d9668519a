/*
 * insn.h
 *		One machine instruction, reduced to what following a pointer through
 *		code and placing a probe need to know.
 *
 * This is where an architecture ends: what knows one is in the folder of its
 * name, which implements arch.h, and in one function of sites/elf/variable.c
 * that knows relocations.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_CODE_INSN_H
#define PGT_SITES_CODE_INSN_H

#include <stdbool.h>
#include <stdint.h>

#include "bgworker/sites/elf/image.h"

#define PGT_NO_REGISTER	(-1)

/* Where execution goes on. */
typedef enum PgtFlow
{
	PGT_FLOW_NEXT,				/* the instruction behind */
	PGT_FLOW_JUMP,				/* target */
	PGT_FLOW_BRANCH,			/* either of both */
	PGT_FLOW_CALL,				/* a function, then the instruction behind */
	PGT_FLOW_KERNEL,			/* the kernel, then the instruction behind */
	PGT_FLOW_INDIRECT,			/* a jump whose target isn't in the code */
	PGT_FLOW_END				/* ret, or a trap */
} PgtFlow;

/* What a uprobe on it costs. */
typedef enum PgtProbeCost
{
	PGT_PROBE_REFUSED,			/* the kernel refuses it, or might */
	PGT_PROBE_STEPPED,			/* the kernel single-steps it: slow */
	PGT_PROBE_EMULATED			/* the kernel emulates it: fast */
} PgtProbeCost;

/* What it does with a 64-bit value that might be the pointer. */
typedef enum PgtOperation
{
	PGT_OP_OTHER,				/* none of these */
	PGT_OP_COMPARE,				/* looks at it */
	PGT_OP_COPY,				/* dst = src */
	PGT_OP_CHOOSE,				/* dst = src or mem, or src2 */
	PGT_OP_SWAP,				/* dst = src and src = dst */
	PGT_OP_HIDE,				/* src goes where it isn't followed */
	PGT_OP_ADDRESS,				/* dst = address of mem, or constant */
	PGT_OP_LOAD,				/* dst = mem, dst2 = the 64 bits behind it */
	PGT_OP_SAVE,				/* mem = src, the 64 bits behind it = src2 */
	PGT_OP_PUSH,				/* src, or something else, onto the stack */
	PGT_OP_POP,					/* dst, or something else, off the stack */
	PGT_OP_MOVE_STACK			/* only the amount */
} PgtOperation;

/* What a write to memory writes. */
typedef enum PgtValue
{
	PGT_VALUE_ANY,				/* not known before it runs */
	PGT_VALUE_ZERO,
	PGT_VALUE_NONZERO
} PgtValue;

typedef struct PgtMemory
{
	uint8_t		size;			/* of the access in bytes, 0 if none */
	bool		read;
	bool		written;
	bool		fixed;			/* at addr; else relative to base */
	bool		indexed;		/* plus another register */
	int			base;
	int64_t		offset;
	uint64_t	addr;
	PgtValue	value;
} PgtMemory;

typedef struct PgtInsn
{
	uint64_t	addr;
	uint8_t		size;
	PgtFlow		flow;
	uint64_t	target;			/* of a direct jump, branch or call, else 0 */
	PgtProbeCost probe;
	bool		exclusive;		/* starts a sequence that a trap would break */
	PgtOperation op;
	int			dst;
	int			dst2;
	int			src;
	int			src2;
	int64_t		amount;			/* what else it adds to the stack pointer */
	PgtMemory	mem;
	uint64_t	constant;		/* its immediate operand, 0 if none */
	uint32_t	used;			/* registers whose value is an operand */
	uint32_t	changed;		/* registers with another value after it, of a
								 * call without what the callee changes */
} PgtInsn;

/* Registers are numbered from 0; sets of them are bit masks. */
typedef struct PgtRegisters
{
	int			stack;			/* the stack pointer */
	int			frame;			/* what unoptimized code addresses locals by */
	uint32_t	lost_in_calls;	/* what a callee may change */
	uint32_t	linked_in_calls;	/* what the call itself changes of these */
	uint32_t	arguments;		/* what a callee may be given */
} PgtRegisters;

/* What decodes them: decoder.h */
typedef struct PgtDecoder PgtDecoder;

/* Does the instruction hold this address, as a place or as a value? */
static inline bool
pgt_insn_addresses(const PgtInsn *insn, uint64_t addr)
{
	return (insn->mem.fixed && insn->mem.size > 0 && insn->mem.addr == addr) ||
		(insn->constant == addr && addr != 0);
}

#endif							/* PGT_SITES_CODE_INSN_H */
