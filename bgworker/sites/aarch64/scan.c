/*
 * scan.c
 *		Search AArch64 code, without decoding all of it, for instructions that
 *		have an address in them.
 *
 * No instruction has room for an address.  One, adrp, makes that of a page of
 * 4 kB, and another one adds the rest to it:
 *
 *		adrp	x19, page
 *		...
 *		ldr		x0, [x19, #rest]
 *
 * The two may be far apart, and several of the latter may share the former, as
 * may other variables in the same page.  So every adrp that leads near one of
 * the targets is followed to where its register is used, by the same walk that
 * then follows the pointer.  What completes a target's address is the
 * reference, and handed on as if the address were in it.
 */
#include <stdlib.h>
#include <string.h>

#include "bgworker/sites/code/arch.h"
#include "bgworker/sites/code/dataflow.h"

/*
 * How far before a target the bases lie from which instructions reach it: the
 * farthest that a load of 8 bytes reaches, and some more for the page.  A load
 * also reaches backwards a little.
 */
#define REACH			(32768 + 4096)
#define REACH_BACK		256

/*
 * Bases to follow, and steps of all their walks.  A server has some thousand
 * of them, most with walks of one step.
 */
#define MAX_BASES		(1 << 18)
#define MAX_STEPS		8000000

/* Additions to one base */
#define MAX_MADE		256

/* References, a server has 200. */
#define MAX_FOUND		8192

/* A register with a constant in it, behind an instruction. */
typedef struct Base
{
	uint64_t	addr;			/* of the instruction */
	uint64_t	value;
	int			reg;
} Base;

typedef struct Scan
{
	PgtDecoder *decoder;
	const PgtTargets *targets;
	PgtWalk    *walk;
	PgtFoundReference found;
	void	   *arg;

	/* What adrp made, and what was made of that by one addition */
	Base		bases[MAX_MADE];
	int			nbases;
	int			current;		/* the one that is being followed */
	int			nfollowed;
	bool		overflow;

	PgtInsn		references[MAX_FOUND];
	int			nreferences;
} Scan;

static bool scan_code(Scan *scan, const PgtCode *code);
static bool follow(Scan *scan, const PgtInsn *insn);
static void visit(const PgtInsn *insn, const PgtHeld *held, void *arg);
static bool uses(const PgtInsn *insn, const PgtHeld *kept, void *arg);
static bool resolve(const Scan *scan, const PgtInsn *insn,
					const PgtHeld *held, uint64_t *value);
static bool leads_to_target(const PgtInsn *insn, const PgtTargets *targets,
							PgtInsn *reference);
static bool is_near(const PgtTargets *targets, uint64_t value);
static void add_reference(Scan *scan, const PgtInsn *reference);
static void add_base(Scan *scan, uint64_t addr, int reg, uint64_t value);
static int	compare_references(const void *a, const void *b);

bool
pgt_aarch64_scan_references(PgtDecoder *decoder, const PgtElfImage *image,
							const PgtFunctions *functions,
							const PgtTargets *targets,
							PgtFoundReference found, void *arg)
{
	Scan	   *scan = calloc(1, sizeof(Scan));
	bool		all = false;

	if (scan == NULL)
		return false;
	scan->decoder = decoder;
	scan->targets = targets;
	scan->found = found;
	scan->arg = arg;
	scan->walk = pgt_walk_create(decoder, functions, MAX_STEPS);
	if (scan->walk != NULL)
	{
		all = true;
		for (int i = 0; i < image->ncode && all; i++)
			all = scan_code(scan, &image->code[i]);
	}

	qsort(scan->references, (size_t) scan->nreferences, sizeof(PgtInsn),
		  compare_references);
	for (int i = 0; i < scan->nreferences && all; i++)
		all = (i > 0 && scan->references[i].addr ==
			   scan->references[i - 1].addr) ||
			found(&scan->references[i], NULL, arg);
	pgt_walk_free(scan->walk);
	free(scan);
	return all;
}

/* Look for what makes a base, adr and adrp, and for literal loads. */
static bool
scan_code(Scan *scan, const PgtCode *code)
{
	for (uint64_t at = -code->addr & 3; at + 4 <= code->size; at += 4)
	{
		uint32_t	word;
		PgtInsn		insn;
		PgtInsn		reference;

		memcpy(&word, code->bytes + at, sizeof(word));
		if ((word & 0x1f000000) != 0x10000000 &&
			(word & 0x3f000000) != 0x18000000)
			continue;
		if (!pgt_decoder_at(scan->decoder, code->addr + at, &insn))
			continue;
		if (leads_to_target(&insn, scan->targets, &reference))
			add_reference(scan, &reference);
		if (insn.op == PGT_OP_ADDRESS && insn.dst != PGT_NO_REGISTER &&
			is_near(scan->targets, insn.constant) &&
			!follow(scan, &insn))
			return false;
		if (scan->overflow)
			return false;
	}
	return true;
}

/* Follow what one instruction makes, and the bases that are made of it. */
static bool
follow(Scan *scan, const PgtInsn *insn)
{
	const PgtWalker walker = {.visit = visit, .uses = uses, .arg = scan};
	const char *first_gap = NULL;

	scan->nbases = 0;
	add_base(scan, insn->addr, insn->dst, insn->constant);
	for (int i = 0; i < scan->nbases; i++)
	{
		PgtHeld		held = {0};
		const char *gap;

		if (scan->nfollowed++ == MAX_BASES)
			return false;
		held.stack_known = true;
		held.pointer = UINT32_C(1) << scan->bases[i].reg;
		scan->current = i;
		gap = pgt_walk_run(scan->walk, scan->bases[i].addr + 4, &held,
						   &walker);
		if (first_gap == NULL)
			first_gap = gap;
	}
	return first_gap == NULL || scan->found(insn, first_gap, scan->arg);
}

static void
visit(const PgtInsn *insn, const PgtHeld *held, void *arg)
{
	Scan	   *scan = arg;
	PgtInsn		resolved = *insn;
	PgtInsn		reference;
	uint64_t	value;

	if (!resolve(scan, insn, held, &value))
		return;
	if (insn->op == PGT_OP_ADDRESS)
	{
		resolved.constant = value;
		resolved.mem.size = 0;
	}
	else
	{
		resolved.mem.fixed = true;
		resolved.mem.addr = value;
	}
	resolved.mem.base = PGT_NO_REGISTER;
	if (leads_to_target(&resolved, scan->targets, &reference))
		add_reference(scan, &reference);

	/*
	 * A compiler may address several variables of one file by the address of
	 * the first.  Further additions are those of a loop through an array.
	 */
	if (insn->op == PGT_OP_ADDRESS && insn->mem.offset != 0 &&
		scan->current == 0)
		add_base(scan, insn->addr, insn->dst, value);
}

static bool
uses(const PgtInsn *insn, const PgtHeld *kept, void *arg)
{
	uint64_t	value;

	return pgt_held_by(kept, insn->src) != 0 ||
		pgt_held_by(kept, insn->src2) != 0 ||
		resolve(arg, insn, kept, &value);
}

/* Does the instruction make an address near a target of a base? */
static bool
resolve(const Scan *scan, const PgtInsn *insn, const PgtHeld *held,
		uint64_t *value)
{
	if (insn->mem.size == 0 || insn->mem.indexed ||
		pgt_held_by(held, insn->mem.base) == 0)
		return false;
	*value = scan->bases[scan->current].value +
		(uint64_t) insn->mem.offset;
	return is_near(scan->targets, *value);
}

/*
 * Does the instruction address a target, and what would it look like if it did
 * only that?  Of a pair, the target may be the second half.
 */
static bool
leads_to_target(const PgtInsn *insn, const PgtTargets *targets,
				PgtInsn *reference)
{
	*reference = *insn;
	if (!insn->mem.fixed)
		return insn->constant != 0 &&
			pgt_targets_have(targets, insn->constant);

	if (insn->mem.size == 16 && pgt_targets_have(targets, insn->mem.addr + 8))
	{
		reference->mem.addr += 8;
		reference->dst = insn->dst2;
		reference->src = insn->src2;
	}
	else if (insn->mem.size == 0 ||
			 !pgt_targets_have(targets, insn->mem.addr))
		return false;
	reference->dst2 = PGT_NO_REGISTER;
	reference->src2 = PGT_NO_REGISTER;
	return reference->dst != PGT_NO_REGISTER ||
		reference->op != PGT_OP_LOAD;
}

static bool
is_near(const PgtTargets *targets, uint64_t value)
{
	for (int i = 0; i < targets->count; i++)
	{
		if (targets->addrs[i] - value < REACH ||
			value - targets->addrs[i] <= REACH_BACK)
			return true;
	}
	return false;
}

static void
add_reference(Scan *scan, const PgtInsn *reference)
{
	/* A walk sees an instruction again when more is known. */
	for (int i = scan->nreferences - 1;
		 i >= 0 && i >= scan->nreferences - 16; i--)
	{
		if (scan->references[i].addr == reference->addr)
			return;
	}
	if (scan->nreferences == MAX_FOUND)
		scan->overflow = true;
	else
		scan->references[scan->nreferences++] = *reference;
}

static void
add_base(Scan *scan, uint64_t addr, int reg, uint64_t value)
{
	for (int i = 0; i < scan->nbases; i++)
	{
		if (scan->bases[i].addr == addr)
			return;
	}
	if (scan->nbases == MAX_MADE)
	{
		scan->overflow = true;
		return;
	}
	scan->bases[scan->nbases].addr = addr;
	scan->bases[scan->nbases].reg = reg;
	scan->bases[scan->nbases].value = value;
	scan->nbases++;
}

static int
compare_references(const void *a, const void *b)
{
	uint64_t	left = ((const PgtInsn *) a)->addr;
	uint64_t	right = ((const PgtInsn *) b)->addr;

	return (left > right) - (left < right);
}

void
pgt_aarch64_scan_jumps(const PgtElfImage *image, PgtFoundJump found, void *arg)
{
	for (int i = 0; i < image->ncode; i++)
	{
		const PgtCode *code = &image->code[i];

		for (uint64_t at = -code->addr & 3; at + 4 <= code->size; at += 4)
		{
			PgtInsn		insn;
			uint64_t	addr = code->addr + at;

			if (pgt_aarch64.decode(NULL, code->bytes + at, 4, addr, &insn) &&
				(insn.flow == PGT_FLOW_JUMP || insn.flow == PGT_FLOW_BRANCH))
				found(addr, insn.target, arg);
		}
	}
}

/* Every fourth byte is the start of one. */
bool
pgt_aarch64_scan_is_start(PgtDecoder *decoder, const PgtElfImage *image,
						  uint64_t addr)
{
	(void) decoder;
	return addr % 4 == 0 && pgt_elf_image_code(image, addr) != NULL;
}
