/*
 * dataflow.c
 *		Walk through code with what registers and stack slots may hold.
 *
 * A small data-flow analysis, which stores.c runs for every reference to the
 * variable, and aarch64/scan.c for every register that is half of its address:
 * for each instruction reached, what may be held before it; an instruction is
 * looked at again when more is known to reach it, until nothing changes.
 *
 * "May" is the safe side: a probe too many costs a little, a store missed
 * loses waits.  Where what is held leaves what can be walked, the caller is
 * told.
 */
#include <stdlib.h>
#include <string.h>

#include "bgworker/sites/code/clobbers.h"
#include "bgworker/sites/code/dataflow.h"

/*
 * Instructions that one walk may cover: far above what a server's code needs,
 * it bounds the time for a file that was made to take long.
 */
#define MAX_PLACES		8192

/* Indirect jumps of one walk that are looked into. */
#define MAX_JUMPS		8

#define TABLE_SIZE		(2 * MAX_PLACES)	/* a power of 2 */

/* An instruction that the walk has reached. */
typedef struct Place
{
	uint64_t	addr;
	uint32_t	number;			/* places of earlier walks count as empty */
	bool		queued;
	PgtHeld		held;			/* before the instruction */
} Place;

/* An indirect jump across which registers keep what they hold. */
typedef struct Jump
{
	uint64_t	addr;
	PgtHeld		kept;
} Jump;

struct PgtWalk
{
	PgtDecoder *decoder;
	const PgtFunctions *functions;
	const PgtRegisters *registers;
	int			steps_left;

	/* The walk that is being made */
	uint32_t	number;
	const PgtWalker *walker;
	const char *gap;
	bool		undecoded;
	Jump		jumps[MAX_JUMPS];
	int			njumps;
	int			nplaces;
	int			nqueued;
	Place	   *queue[MAX_PLACES];
	Place		table[TABLE_SIZE];	/* hashed by address */
};

static void run_queue(PgtWalk *walk);
static void step(PgtWalk *walk, PgtInsn *insn, const PgtHeld *before);
static void arrive(PgtWalk *walk, uint64_t addr, const PgtHeld *held);
static Place *find_place(PgtWalk *walk, uint64_t addr);
static void note_jump(PgtWalk *walk, const PgtInsn *insn,
					  const PgtHeld *held);
static void cross_jump(PgtWalk *walk, const Jump *jump);
static void note_gap(PgtWalk *walk, const char *reason);

PgtWalk *
pgt_walk_create(PgtDecoder *decoder, const PgtFunctions *functions,
				int max_steps)
{
	PgtWalk    *walk = calloc(1, sizeof(PgtWalk));

	if (walk == NULL)
		return NULL;
	walk->decoder = decoder;
	walk->functions = functions;
	walk->registers = pgt_decoder_registers(decoder);
	walk->steps_left = max_steps;
	return walk;
}

void
pgt_walk_free(PgtWalk *walk)
{
	free(walk);
}

const char *
pgt_walk_run(PgtWalk *walk, uint64_t addr, const PgtHeld *held,
			 const PgtWalker *walker)
{
	walk->number++;
	walk->walker = walker;
	walk->gap = NULL;
	walk->undecoded = false;
	walk->njumps = 0;
	walk->nplaces = 0;
	walk->nqueued = 0;

	arrive(walk, addr, held);
	do
	{
		run_queue(walk);
		for (int i = 0; i < walk->njumps; i++)
			cross_jump(walk, &walk->jumps[i]);
	} while (walk->nqueued > 0 && walk->steps_left > 0);

	if (walk->steps_left <= 0)
		note_gap(walk, "too much code to follow");
	return walk->gap;
}

bool
pgt_walk_undecoded(const PgtWalk *walk)
{
	return walk->undecoded;
}

static void
run_queue(PgtWalk *walk)
{
	while (walk->nqueued > 0 && walk->steps_left-- > 0)
	{
		Place	   *place = walk->queue[--walk->nqueued];
		PgtHeld		held = place->held;
		PgtInsn		insn;

		place->queued = false;
		if (pgt_decoder_at(walk->decoder, place->addr, &insn))
			step(walk, &insn, &held);
		else
			walk->undecoded = true;
	}
}

static void
step(PgtWalk *walk, PgtInsn *insn, const PgtHeld *before)
{
	uint64_t	behind = insn->addr + insn->size;
	PgtHeld		after = *before;

	walk->walker->visit(insn, before, walk->walker->arg);
	if (insn->flow == PGT_FLOW_INDIRECT)
		note_jump(walk, insn, before);
	if (insn->flow == PGT_FLOW_CALL)
		insn->changed =
			pgt_callee_changes(walk->decoder, insn->target,
							   before->pointer | before->address,
							   &walk->steps_left);

	if (!pgt_held_apply(&after, insn, walk->registers) &&
		walk->walker->private)
		note_gap(walk, "it is kept in memory off the stack");
	if (after.full)
		note_gap(walk, "too many places on the stack hold it");
	if (!pgt_held_any(&after))
		return;

	if (insn->flow == PGT_FLOW_JUMP || insn->flow == PGT_FLOW_BRANCH)
		arrive(walk, insn->target, &after);
	if (insn->flow == PGT_FLOW_JUMP || insn->flow == PGT_FLOW_INDIRECT ||
		insn->flow == PGT_FLOW_END)
		return;

	/* Behind a call that doesn't return, another function may begin. */
	if (!pgt_elf_functions_start(walk->functions, behind))
		arrive(walk, behind, &after);
}

/* Tell the instruction at addr what is held; queue it if that is news. */
static void
arrive(PgtWalk *walk, uint64_t addr, const PgtHeld *held)
{
	Place	   *place = find_place(walk, addr);

	if (place->number == walk->number)
	{
		if (!pgt_held_merge(&place->held, held))
			return;
	}
	else if (walk->nplaces == MAX_PLACES)
	{
		note_gap(walk, "too much code to follow");
		return;
	}
	else
	{
		walk->nplaces++;
		place->number = walk->number;
		place->addr = addr;
		place->queued = false;
		place->held = *held;
	}

	/* A place is in the queue at most once, so there is room. */
	if (!place->queued)
	{
		place->queued = true;
		walk->queue[walk->nqueued++] = place;
	}
}

/* The place of addr, or the empty one where it belongs. */
static Place *
find_place(PgtWalk *walk, uint64_t addr)
{
	uint64_t	hash = addr * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t	at = hash >> 40;

	for (;; at++)
	{
		Place	   *place = &walk->table[at % TABLE_SIZE];

		if (place->number != walk->number || place->addr == addr)
			return place;
	}
}

/* Registers that calls preserve may well be used on the other side. */
static void
note_jump(PgtWalk *walk, const PgtInsn *insn, const PgtHeld *held)
{
	uint32_t	kept = ~walk->registers->lost_in_calls;
	Jump	   *jump;

	if (((held->pointer | held->address) & kept) == 0 && held->nslots == 0)
		return;
	for (int i = 0; i < walk->njumps; i++)
	{
		if (walk->jumps[i].addr == insn->addr)
			return;
	}
	if (held->nslots > 0 || walk->njumps == MAX_JUMPS)
	{
		note_gap(walk, "it is held across an indirect jump");
		return;
	}
	jump = &walk->jumps[walk->njumps++];
	jump->addr = insn->addr;
	memset(&jump->kept, 0, sizeof(jump->kept));
	jump->kept.pointer = held->pointer & kept;
	jump->kept.address = held->address & kept;
}

/*
 * A switch jumps to places that are in a table.  Rather than find the table,
 * take up the walk wherever in the same function the registers in question
 * are used and the walk hasn't been.
 */
static void
cross_jump(PgtWalk *walk, const Jump *jump)
{
	uint64_t	at;
	uint64_t	end;

	if (!pgt_elf_functions_bounds(walk->functions, jump->addr, &at, &end))
	{
		note_gap(walk, "it is held across an indirect jump");
		return;
	}
	while (at < end && walk->steps_left-- > 0)
	{
		PgtInsn		insn;

		if (!pgt_decoder_at(walk->decoder, at, &insn))
		{
			/* Of the last function, the end isn't known. */
			if (end != UINT64_MAX)
				note_gap(walk, "it is held across an indirect jump");
			break;
		}
		if (walk->walker->uses(&insn, &jump->kept, walk->walker->arg) &&
			find_place(walk, at)->number != walk->number)
			arrive(walk, at, &jump->kept);
		at += insn.size;
	}
}

static void
note_gap(PgtWalk *walk, const char *reason)
{
	if (walk->gap == NULL)
		walk->gap = reason;
}
