/*
 * follow.c
 *		Follow a pointer from where it is loaded to every store through it.
 *
 * Third step of sites.c, run once for every reference to the variable.  Most
 * trails are three instructions long: load the pointer, store through it, and
 * the register is overwritten.  But compilers also load early and store in
 * several branches or in a loop, keep the variable's address in a register
 * throughout a function, or spill either to the stack.  So this is a small
 * data-flow analysis: for each instruction reached, what may hold the pointer
 * or the address of the variable before it; an instruction is looked at again
 * when more is known to reach it, until nothing changes.
 *
 * "May" is the safe side: a probe too many costs a little, a store missed
 * loses waits.  Where a trail leaves what can be followed, the reference is
 * reported with a reason.
 */
#include <stdlib.h>
#include <string.h>

#include "bgworker/follow.h"
#include "bgworker/held.h"

/*
 * Instructions that one trail may cover, steps of all trails together, and
 * stores.  All are far above what a server's code has, and bound the time
 * for a file that was made to take long.
 */
#define MAX_PLACES		8192
#define MAX_STEPS		400000
#define MAX_STORES		4096

/* Indirect jumps on one trail that are looked into. */
#define MAX_JUMPS		8

#define TABLE_SIZE		(2 * MAX_PLACES)	/* a power of 2 */

/* An instruction that the trail has reached. */
typedef struct Place
{
	uint64_t	addr;
	uint32_t	trail;			/* places of earlier trails count as empty */
	bool		queued;
	PgtHeld		held;			/* before the instruction */
} Place;

/* An indirect jump across which registers keep what they hold. */
typedef struct Jump
{
	uint64_t	addr;
	PgtHeld		kept;
} Jump;

struct PgtFollower
{
	PgtDecoder *decoder;
	const PgtVariable *variable;
	const PgtFunctions *functions;
	const PgtRegisters *registers;
	int			steps_left;

	/* The trail that is being followed */
	uint32_t	trail;
	PgtStores  *stores;
	PgtTrail   *result;
	bool		writes_pointer;
	const char *loose_end;		/* a gap if nothing else explains it */
	bool		out_of_memory;
	Jump		jumps[MAX_JUMPS];
	int			njumps;
	int			nplaces;
	int			nqueued;
	Place	   *queue[MAX_PLACES];
	Place		table[TABLE_SIZE];	/* hashed by address */
};

static void start(PgtFollower *follower, const PgtInsn *reference);
static void run_queue(PgtFollower *follower);
static void step(PgtFollower *follower, const PgtInsn *insn,
				 const PgtHeld *before);
static void arrive(PgtFollower *follower, uint64_t addr, const PgtHeld *held);
static Place *find_place(PgtFollower *follower, uint64_t addr);
static void note_access(PgtFollower *follower, const PgtInsn *insn,
						const PgtHeld *held);
static void note_store(PgtFollower *follower, const PgtInsn *insn);
static bool add_store(PgtStores *stores, const PgtInsn *insn);
static void note_departure(PgtFollower *follower, const PgtInsn *insn,
						   const PgtHeld *held);
static void note_jump(PgtFollower *follower, const PgtInsn *insn,
					  const PgtHeld *held);
static void cross_jump(PgtFollower *follower, const Jump *jump);
static bool uses(const PgtInsn *insn, uint32_t regs);
static void note_gap(PgtFollower *follower, const char *reason);
static void note_loose_end(PgtFollower *follower, const char *reason);

PgtFollower *
pgt_follower_create(PgtDecoder *decoder, const PgtVariable *variable,
					const PgtFunctions *functions)
{
	PgtFollower *follower = calloc(1, sizeof(PgtFollower));

	if (follower == NULL)
		return NULL;
	follower->decoder = decoder;
	follower->variable = variable;
	follower->functions = functions;
	follower->registers = pgt_decoder_registers(decoder);
	follower->steps_left = MAX_STEPS;
	return follower;
}

void
pgt_follower_free(PgtFollower *follower)
{
	free(follower);
}

bool
pgt_follower_run(PgtFollower *follower, const PgtInsn *reference,
				 PgtStores *stores, PgtTrail *trail)
{
	trail->first_store = 0;
	trail->gap = NULL;
	follower->trail++;
	follower->stores = stores;
	follower->result = trail;
	follower->writes_pointer = false;
	follower->loose_end = NULL;
	follower->out_of_memory = false;
	follower->njumps = 0;
	follower->nplaces = 0;
	follower->nqueued = 0;

	start(follower, reference);
	do
	{
		run_queue(follower);
		for (int i = 0; i < follower->njumps; i++)
			cross_jump(follower, &follower->jumps[i]);
	} while (follower->nqueued > 0 && follower->steps_left > 0);

	if (follower->steps_left <= 0)
		note_gap(follower, "too much code to follow");
	if (trail->first_store == 0 && !follower->writes_pointer)
		note_gap(follower, follower->loose_end);
	return !follower->out_of_memory;
}

static void
run_queue(PgtFollower *follower)
{
	while (follower->nqueued > 0 && follower->steps_left-- > 0)
	{
		Place	   *place = follower->queue[--follower->nqueued];
		PgtHeld		held = place->held;
		PgtInsn		insn;

		place->queued = false;
		if (pgt_decoder_at(follower->decoder, place->addr, &insn))
			step(follower, &insn, &held);
		else
			note_loose_end(follower, "code that cannot be decoded");
	}
}

/* Take up the trail behind the reference. */
static void
start(PgtFollower *follower, const PgtInsn *reference)
{
	uint64_t	variable = follower->variable->addr;
	bool		direct = variable != 0 &&
		pgt_insn_addresses(reference, variable);
	PgtHeld		held;

	memset(&held, 0, sizeof(held));
	held.stack_known = true;

	switch (reference->op)
	{
		case PGT_OP_ADDRESS:
			if (!direct)
				note_gap(follower, "the address of a pointer to it is taken");
			held.address = UINT32_C(1) << reference->dst;
			break;
		case PGT_OP_LOAD:
		case PGT_OP_CHOOSE:
			if (direct)
				held.pointer = UINT32_C(1) << reference->dst;
			else
				held.address = UINT32_C(1) << reference->dst;
			break;
		case PGT_OP_COMPARE:
			return;
		default:
			if (!reference->mem.fixed || !reference->mem.written)
				note_gap(follower, "an instruction that cannot be followed");
			return;
	}
	arrive(follower, reference->addr + reference->size, &held);
}

static void
step(PgtFollower *follower, const PgtInsn *insn, const PgtHeld *before)
{
	uint64_t	behind = insn->addr + insn->size;
	PgtHeld		after = *before;

	note_access(follower, insn, before);
	note_departure(follower, insn, before);
	if (!pgt_held_apply(&after, insn, follower->registers))
		note_gap(follower, "it is kept in memory off the stack");
	if (after.full)
		note_gap(follower, "too many places on the stack hold it");
	if (!pgt_held_any(&after))
		return;

	if (insn->flow == PGT_FLOW_JUMP || insn->flow == PGT_FLOW_BRANCH)
		arrive(follower, insn->target, &after);
	if (insn->flow == PGT_FLOW_JUMP || insn->flow == PGT_FLOW_INDIRECT ||
		insn->flow == PGT_FLOW_END)
		return;

	/* Behind a call that doesn't return, another function may begin. */
	if (!pgt_elf_functions_start(follower->functions, behind))
		arrive(follower, behind, &after);
}

/* Tell the instruction at addr what is held; queue it if that is news. */
static void
arrive(PgtFollower *follower, uint64_t addr, const PgtHeld *held)
{
	Place	   *place = find_place(follower, addr);

	if (place->trail == follower->trail)
	{
		if (!pgt_held_merge(&place->held, held))
			return;
	}
	else if (follower->nplaces == MAX_PLACES)
	{
		note_gap(follower, "too much code to follow");
		return;
	}
	else
	{
		follower->nplaces++;
		place->trail = follower->trail;
		place->addr = addr;
		place->queued = false;
		place->held = *held;
	}

	/* A place is in the queue at most once, so there is room. */
	if (!place->queued)
	{
		place->queued = true;
		follower->queue[follower->nqueued++] = place;
	}
}

/* The place of addr, or the empty one where it belongs. */
static Place *
find_place(PgtFollower *follower, uint64_t addr)
{
	uint64_t	hash = addr * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t	at = hash >> 40;

	for (;; at++)
	{
		Place	   *place = &follower->table[at % TABLE_SIZE];

		if (place->trail != follower->trail || place->addr == addr)
			return place;
	}
}

/* Accesses to the word, by the pointer, and to the pointer, by its address. */
static void
note_access(PgtFollower *follower, const PgtInsn *insn, const PgtHeld *held)
{
	const PgtMemory *mem = &insn->mem;
	uint8_t		base = pgt_held_by(held, mem->base);

	if (mem->size == 0)
		return;
	if ((base & PGT_HOLDS_POINTER) != 0 && mem->written)
	{
		if (mem->size == 4 && mem->offset == 0 && !mem->indexed)
			note_store(follower, insn);
		else
			note_loose_end(follower, "a store that is not of one word");
	}
	if ((base & PGT_HOLDS_ADDRESS) != 0)
	{
		if (mem->written)
			follower->writes_pointer = true;
		else if (insn->op == PGT_OP_OTHER || insn->op == PGT_OP_PUSH)
			note_loose_end(follower, "a load that cannot be followed");
	}
}

static void
note_store(PgtFollower *follower, const PgtInsn *insn)
{
	PgtStores  *stores = follower->stores;
	PgtTrail   *result = follower->result;

	if (result->first_store == 0 || insn->addr < result->first_store)
		result->first_store = insn->addr;

	/* Another trail, or another path of this one, may have got here. */
	for (int i = stores->nitems - 1; i >= 0; i--)
	{
		if (stores->items[i].addr == insn->addr)
			return;
	}
	if (stores->nitems >= MAX_STORES)
		note_gap(follower, "too many stores");
	else if (!add_store(stores, insn))
		follower->out_of_memory = true;
}

static bool
add_store(PgtStores *stores, const PgtInsn *insn)
{
	if (stores->nitems == stores->allocated)
	{
		int			count = 256 + 2 * stores->allocated;
		PgtStore   *items = realloc(stores->items,
									(size_t) count * sizeof(PgtStore));

		if (items == NULL)
			return false;
		stores->items = items;
		stores->allocated = count;
	}
	stores->items[stores->nitems].addr = insn->addr;
	stores->items[stores->nitems].value = insn->mem.value;
	stores->nitems++;
	return true;
}

/*
 * What is held may go where it isn't followed.  A register that no call
 * preserves mostly holds a leftover, not an argument, so that is a loose end
 * only.  The same at an indirect jump, but there, a register that calls
 * preserve may well be used on the other side.
 */
static void
note_departure(PgtFollower *follower, const PgtInsn *insn,
			   const PgtHeld *held)
{
	const PgtRegisters *registers = follower->registers;

	if (insn->op == PGT_OP_OTHER && (insn->used & held->pointer) != 0)
		note_loose_end(follower, "it is computed with");
	if (insn->flow == PGT_FLOW_CALL &&
		(registers->arguments & held->pointer) != 0)
		note_loose_end(follower, "it may be handed to a function");
	if (insn->flow == PGT_FLOW_INDIRECT)
	{
		note_jump(follower, insn, held);
		note_loose_end(follower, "it is held at an indirect jump");
	}
}

static void
note_jump(PgtFollower *follower, const PgtInsn *insn, const PgtHeld *held)
{
	uint32_t	kept = ~follower->registers->lost_in_calls;
	Jump	   *jump;

	if (((held->pointer | held->address) & kept) == 0 && held->nslots == 0)
		return;
	for (int i = 0; i < follower->njumps; i++)
	{
		if (follower->jumps[i].addr == insn->addr)
			return;
	}
	if (held->nslots > 0 || follower->njumps == MAX_JUMPS)
	{
		note_gap(follower, "it is held across an indirect jump");
		return;
	}
	jump = &follower->jumps[follower->njumps++];
	jump->addr = insn->addr;
	memset(&jump->kept, 0, sizeof(jump->kept));
	jump->kept.pointer = held->pointer & kept;
	jump->kept.address = held->address & kept;
}

/*
 * A switch jumps to places that are in a table.  Rather than find the table,
 * take up the trail wherever in the same function the registers in question
 * are used and the trail hasn't been.
 */
static void
cross_jump(PgtFollower *follower, const Jump *jump)
{
	uint64_t	at;
	uint64_t	end;

	if (!pgt_elf_functions_bounds(follower->functions, jump->addr, &at, &end))
	{
		note_gap(follower, "it is held across an indirect jump");
		return;
	}
	while (at < end && follower->steps_left-- > 0)
	{
		PgtInsn		insn;

		if (!pgt_decoder_at(follower->decoder, at, &insn))
		{
			/* Of the last function, the end isn't known. */
			if (end != UINT64_MAX)
				note_gap(follower, "it is held across an indirect jump");
			break;
		}
		if (uses(&insn, jump->kept.pointer | jump->kept.address) &&
			find_place(follower, at)->trail != follower->trail)
			arrive(follower, at, &jump->kept);
		at += insn.size;
	}
}

/* Does it access what a register points to, or copy a register? */
static bool
uses(const PgtInsn *insn, uint32_t regs)
{
	const PgtMemory *mem = &insn->mem;

	if (mem->size > 0 && mem->base != PGT_NO_REGISTER && mem->offset == 0 &&
		(regs >> mem->base & 1) != 0)
		return true;
	return insn->op != PGT_OP_PUSH && insn->src != PGT_NO_REGISTER &&
		(regs >> insn->src & 1) != 0;
}

static void
note_gap(PgtFollower *follower, const char *reason)
{
	if (follower->result->gap == NULL)
		follower->result->gap = reason;
}

static void
note_loose_end(PgtFollower *follower, const char *reason)
{
	if (follower->loose_end == NULL)
		follower->loose_end = reason;
}
