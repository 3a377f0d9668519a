/*
 * clobbers.c
 *		Which registers a function leaves as they are.
 *
 * By the calling convention, a function may change certain registers.  But
 * where a compiler sees both caller and callee, as with static functions or
 * when linking with -flto, it keeps values in just those of them that this
 * callee doesn't touch (gcc's -fipa-ra, on from -O2).  So to tell whether the
 * pointer survives a call, the callee has to be looked at.
 *
 * Nearly every function changes the register in question within a few
 * instructions, or calls something that can't be looked at, for which the
 * convention holds.
 */
#include <string.h>

#include "bgworker/sites/code/clobbers.h"

/* What is longer isn't looked at to its end; the convention holds then. */
#define MAX_INSNS	512

/* A power of 2, larger than twice that. */
#define TABLE_SIZE	2048

typedef struct Body
{
	uint64_t	queue[MAX_INSNS];
	int			nqueued;
	int			ninsns;
	uint64_t	seen[TABLE_SIZE];	/* hashed; 0 is empty */
} Body;

static bool reach(Body *body, uint64_t addr);

uint32_t
pgt_callee_changes(PgtDecoder *decoder, uint64_t target, uint32_t wanted,
				   int *steps_left)
{
	uint32_t	all = pgt_decoder_registers(decoder)->lost_in_calls;
	uint32_t	changed = pgt_decoder_registers(decoder)->linked_in_calls;
	Body		body;

	wanted &= all & ~changed;
	if (wanted == 0 || target == 0)
		return all;
	memset(&body, 0, sizeof(body));
	(void) reach(&body, target);

	/* Functions that it calls count as parts of it. */
	while (body.nqueued > 0)
	{
		PgtInsn		insn;

		if ((*steps_left)-- <= 0 ||
			!pgt_decoder_at(decoder, body.queue[--body.nqueued], &insn) ||
			insn.flow == PGT_FLOW_INDIRECT || insn.flow == PGT_FLOW_KERNEL ||
			(insn.flow == PGT_FLOW_CALL && insn.target == 0))
			return all;
		changed |= insn.changed;
		if ((wanted & ~changed) == 0)
			return all;

		if (insn.target != 0 && !reach(&body, insn.target))
			return all;
		if (insn.flow != PGT_FLOW_JUMP && insn.flow != PGT_FLOW_END &&
			!reach(&body, insn.addr + insn.size))
			return all;
	}
	return changed & all;
}

/* Look at the instruction at addr if that isn't done; false if too many. */
static bool
reach(Body *body, uint64_t addr)
{
	uint64_t	at = addr * UINT64_C(0x9e3779b97f4a7c15) >> 40;

	for (;; at++)
	{
		uint64_t   *seen = &body->seen[at % TABLE_SIZE];

		if (*seen == addr)
			return true;
		if (*seen == 0)
		{
			*seen = addr;
			break;
		}
	}
	if (body->ninsns++ == MAX_INSNS)
		return false;
	body->queue[body->nqueued++] = addr;
	return true;
}
