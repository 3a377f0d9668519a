/*
 * stores.c
 *		Follow a pointer from where it is loaded to every store through it.
 *
 * Third step of sites.c, run once for every reference to the variable.  Most
 * trails are three instructions long: load the pointer, store through it, and
 * the register is overwritten.  But compilers also load early and store in
 * several branches or in a loop, keep the variable's address in a register
 * throughout a function, or spill either to the stack.  dataflow.c finds what
 * may hold the pointer or the variable's address, and here is looked at what
 * the instructions do with it.
 *
 * Where a trail leaves what can be followed, the reference is reported with a
 * reason.
 */
#include <stdlib.h>
#include <string.h>

#include "bgworker/sites/code/dataflow.h"
#include "bgworker/sites/code/stores.h"

/*
 * Steps of all trails together, and stores.  Both are far above what a
 * server's code has, and bound the time for a file that was made to take long.
 */
#define MAX_STEPS		400000
#define MAX_STORES		4096

struct PgtFollower
{
	const PgtVariable *variable;
	const PgtRegisters *registers;
	PgtWalk    *walk;

	/* The trail that is being followed */
	PgtStores  *stores;
	PgtTrail   *result;
	bool		writes_pointer;
	const char *loose_end;		/* a gap if nothing else explains it */
	bool		out_of_memory;
};

static bool start(PgtFollower *follower, const PgtInsn *reference,
				  PgtHeld *held);
static void visit(const PgtInsn *insn, const PgtHeld *held, void *arg);
static void note_access(PgtFollower *follower, const PgtInsn *insn,
						const PgtHeld *held);
static void note_store(PgtFollower *follower, const PgtInsn *insn);
static bool add_store(PgtStores *stores, const PgtInsn *insn);
static void note_departure(PgtFollower *follower, const PgtInsn *insn,
						   const PgtHeld *held);
static bool uses(const PgtInsn *insn, const PgtHeld *kept, void *arg);
static void note_gap(PgtFollower *follower, const char *reason);
static void note_loose_end(PgtFollower *follower, const char *reason);

PgtFollower *
pgt_follower_create(PgtDecoder *decoder, const PgtVariable *variable,
					const PgtFunctions *functions)
{
	PgtFollower *follower = calloc(1, sizeof(PgtFollower));

	if (follower == NULL)
		return NULL;
	follower->variable = variable;
	follower->registers = pgt_decoder_registers(decoder);
	follower->walk = pgt_walk_create(decoder, functions, MAX_STEPS);
	if (follower->walk == NULL)
	{
		free(follower);
		return NULL;
	}
	return follower;
}

void
pgt_follower_free(PgtFollower *follower)
{
	if (follower == NULL)
		return;
	pgt_walk_free(follower->walk);
	free(follower);
}

bool
pgt_follower_run(PgtFollower *follower, const PgtInsn *reference,
				 PgtStores *stores, PgtTrail *trail)
{
	const PgtWalker walker = {
		.visit = visit,
		.uses = uses,
		.private = true,
		.arg = follower,
	};
	PgtHeld		held;

	trail->first_store = 0;
	trail->gap = NULL;
	follower->stores = stores;
	follower->result = trail;
	follower->writes_pointer = false;
	follower->loose_end = NULL;
	follower->out_of_memory = false;

	if (!start(follower, reference, &held))
		return true;
	note_gap(follower,
			 pgt_walk_run(follower->walk, reference->addr + reference->size,
						  &held, &walker));
	if (pgt_walk_undecoded(follower->walk))
		note_loose_end(follower, "code that cannot be decoded");
	if (trail->first_store == 0 && !follower->writes_pointer)
		note_gap(follower, follower->loose_end);
	return !follower->out_of_memory;
}

/* What is held behind the reference; false if there is nothing to follow. */
static bool
start(PgtFollower *follower, const PgtInsn *reference, PgtHeld *held)
{
	uint64_t	variable = follower->variable->addr;
	bool		direct = variable != 0 &&
		pgt_insn_addresses(reference, variable);

	memset(held, 0, sizeof(*held));
	held->stack_known = true;

	switch (reference->op)
	{
		case PGT_OP_ADDRESS:
			if (!direct)
				note_gap(follower, "the address of a pointer to it is taken");
			held->address = UINT32_C(1) << reference->dst;
			break;
		case PGT_OP_LOAD:
		case PGT_OP_CHOOSE:
			if (direct)
				held->pointer = UINT32_C(1) << reference->dst;
			else
				held->address = UINT32_C(1) << reference->dst;
			break;
		case PGT_OP_COMPARE:
			return false;
		default:
			if (!reference->mem.fixed || !reference->mem.written)
				note_gap(follower, "an instruction that cannot be followed");
			return false;
	}
	return true;
}

static void
visit(const PgtInsn *insn, const PgtHeld *held, void *arg)
{
	PgtFollower *follower = arg;

	note_access(follower, insn, held);
	note_departure(follower, insn, held);
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
 * only.  The same at an indirect jump.
 */
static void
note_departure(PgtFollower *follower, const PgtInsn *insn,
			   const PgtHeld *held)
{
	const PgtRegisters *registers = follower->registers;

	if (insn->op == PGT_OP_OTHER && (insn->used & held->pointer) != 0)
		note_loose_end(follower, "it is computed with");
	if (insn->op == PGT_OP_HIDE &&
		(pgt_held_by(held, insn->src) & PGT_HOLDS_POINTER) != 0)
		note_gap(follower, "it is kept in a vector register");
	if (insn->flow == PGT_FLOW_CALL &&
		(registers->arguments & held->pointer) != 0)
		note_loose_end(follower, "it may be handed to a function");
	if (insn->flow == PGT_FLOW_INDIRECT)
		note_loose_end(follower, "it is held at an indirect jump");
}

/* Does it access what a register points to, or copy a register? */
static bool
uses(const PgtInsn *insn, const PgtHeld *kept, void *arg)
{
	const PgtMemory *mem = &insn->mem;

	(void) arg;
	if (mem->size > 0 && mem->offset == 0 && pgt_held_by(kept, mem->base) != 0)
		return true;
	return insn->op != PGT_OP_PUSH &&
		(pgt_held_by(kept, insn->src) != 0 ||
		 pgt_held_by(kept, insn->src2) != 0);
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
