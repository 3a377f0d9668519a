/*
 * dataflow_state.c
 *		Which registers and stack slots may hold the followed pointer at one
 *		point of the code.
 *
 * The state of dataflow.c's analysis and the effect of one instruction on it.
 * Slots are told apart by their offset, and writes through other registers are
 * taken not to touch them: they are a compiler's spill slots, whose address
 * nobody has.
 */
#include "bgworker/sites/code/dataflow_state.h"

#define WORD	8				/* what push and pop move */

static void hold(PgtHeld *held, int reg, uint8_t holds);
static uint8_t source(const PgtHeld *held, const PgtInsn *insn,
					  const PgtRegisters *registers);
static uint8_t second_source(const PgtHeld *held, const PgtInsn *insn,
							 const PgtRegisters *registers);
static void lose_changed(PgtHeld *held, const PgtInsn *insn,
						 const PgtRegisters *registers);
static bool save(PgtHeld *held, const PgtMemory *mem, uint8_t holds,
				 const PgtRegisters *registers);
static void push(PgtHeld *held, uint8_t holds);
static void move_stack(PgtHeld *held, int64_t amount);
static void lose_stack(PgtHeld *held);
static bool slot_of(const PgtHeld *held, const PgtMemory *mem,
					const PgtRegisters *registers, PgtSlot *slot);
static PgtSlot *find_slot(PgtHeld *held, const PgtSlot *slot);
static uint8_t slot_holds(const PgtHeld *held, const PgtSlot *slot);
static bool set_slot(PgtHeld *held, const PgtSlot *slot);
static void drop_slots(PgtHeld *held, bool by_frame, int64_t below);

bool
pgt_held_any(const PgtHeld *held)
{
	return (held->pointer | held->address) != 0 || held->nslots > 0;
}

uint8_t
pgt_held_by(const PgtHeld *held, int reg)
{
	uint8_t		holds = 0;

	if (reg == PGT_NO_REGISTER)
		return 0;
	if ((held->pointer >> reg & 1) != 0)
		holds |= PGT_HOLDS_POINTER;
	if ((held->address >> reg & 1) != 0)
		holds |= PGT_HOLDS_ADDRESS;
	return holds;
}

static void
hold(PgtHeld *held, int reg, uint8_t holds)
{
	uint32_t	bit;

	if (reg == PGT_NO_REGISTER)
		return;
	bit = UINT32_C(1) << reg;
	held->pointer &= ~bit;
	held->address &= ~bit;
	if ((holds & PGT_HOLDS_POINTER) != 0)
		held->pointer |= bit;
	if ((holds & PGT_HOLDS_ADDRESS) != 0)
		held->address |= bit;
}

/*
 * Everything here only grows, or, for the stack pointer, only gets lost, so
 * the analysis comes to an end.
 */
bool
pgt_held_merge(PgtHeld *held, const PgtHeld *other)
{
	bool		news = (other->pointer & ~held->pointer) != 0 ||
		(other->address & ~held->address) != 0 ||
		(other->full && !held->full);

	held->pointer |= other->pointer;
	held->address |= other->address;
	held->full |= other->full;

	if (held->stack_known &&
		(!other->stack_known || other->stack != held->stack))
	{
		lose_stack(held);
		news = true;
	}
	for (int i = 0; i < other->nslots; i++)
	{
		PgtSlot		slot = other->slots[i];
		uint8_t		old = slot_holds(held, &slot);

		if ((slot.by_frame || held->stack_known) && (slot.holds & ~old) != 0)
		{
			slot.holds |= old;
			news |= set_slot(held, &slot);
		}
	}
	return news;
}

bool
pgt_held_apply(PgtHeld *held, const PgtInsn *insn,
			   const PgtRegisters *registers)
{
	uint8_t		holds = source(held, insn, registers);
	uint8_t		second = second_source(held, insn, registers);
	uint8_t		old = pgt_held_by(held, insn->dst);
	bool		kept = true;

	if (insn->mem.written)
		kept = save(held, &insn->mem, insn->op == PGT_OP_SAVE ? holds : 0,
					registers);
	if (insn->mem.written && insn->mem.size == 2 * WORD)
	{
		PgtMemory	mem = insn->mem;

		mem.offset += WORD;
		kept &= save(held, &mem, insn->op == PGT_OP_SAVE ? second : 0,
					 registers);
	}
	lose_changed(held, insn, registers);

	switch (insn->op)
	{
		case PGT_OP_COPY:
		case PGT_OP_ADDRESS:
			hold(held, insn->dst, holds);
			break;
		case PGT_OP_LOAD:
			hold(held, insn->dst, holds);
			hold(held, insn->dst2, second);
			break;
		case PGT_OP_CHOOSE:
			hold(held, insn->dst, holds | second);
			break;
		case PGT_OP_SWAP:
			hold(held, insn->dst, holds);
			hold(held, insn->src, old);
			break;
		case PGT_OP_PUSH:
			push(held, holds);
			break;
		case PGT_OP_POP:
			move_stack(held, WORD);
			hold(held, insn->dst, holds);
			break;
		default:
			break;
	}
	if (insn->amount != 0)
		move_stack(held, insn->amount);
	return kept;
}

/* What the value that an instruction copies may be. */
static uint8_t
source(const PgtHeld *held, const PgtInsn *insn,
	   const PgtRegisters *registers)
{
	const PgtMemory *mem = &insn->mem;
	bool		plain = !mem->indexed && mem->offset == 0;
	PgtSlot		slot = {0};

	if (insn->src != PGT_NO_REGISTER)
		return pgt_held_by(held, insn->src);

	switch (insn->op)
	{
		case PGT_OP_ADDRESS:
			return plain ? pgt_held_by(held, mem->base) : 0;
		case PGT_OP_LOAD:
		case PGT_OP_CHOOSE:
			if (plain &&
				(pgt_held_by(held, mem->base) & PGT_HOLDS_ADDRESS) != 0)
				return PGT_HOLDS_POINTER;
			if (!slot_of(held, mem, registers, &slot))
				return 0;
			return slot_holds(held, &slot);
		case PGT_OP_POP:
			slot.offset = held->stack;
			return held->stack_known ? slot_holds(held, &slot) : 0;
		default:
			return 0;
	}
}

/* The same of the second value, if it copies a pair or chooses. */
static uint8_t
second_source(const PgtHeld *held, const PgtInsn *insn,
			  const PgtRegisters *registers)
{
	PgtMemory	mem = insn->mem;
	PgtSlot		slot;

	if (insn->src2 != PGT_NO_REGISTER)
		return pgt_held_by(held, insn->src2);
	if (insn->op != PGT_OP_LOAD || insn->dst2 == PGT_NO_REGISTER)
		return 0;

	mem.offset += WORD;
	if (mem.offset == 0 && !mem.indexed &&
		(pgt_held_by(held, mem.base) & PGT_HOLDS_ADDRESS) != 0)
		return PGT_HOLDS_POINTER;
	if (!slot_of(held, &mem, registers, &slot))
		return 0;
	return slot_holds(held, &slot);
}

static void
lose_changed(PgtHeld *held, const PgtInsn *insn,
			 const PgtRegisters *registers)
{
	uint32_t	changed = insn->changed;

	held->pointer &= ~changed;
	held->address &= ~changed;

	if ((changed >> registers->frame & 1) != 0 ||
		insn->dst == registers->frame)
		drop_slots(held, true, INT64_MAX);
	if ((changed >> registers->stack & 1) != 0 &&
		insn->op != PGT_OP_PUSH && insn->op != PGT_OP_POP &&
		insn->op != PGT_OP_MOVE_STACK && insn->amount == 0)
		lose_stack(held);
}

/* Something is written to memory: what is held, or something else. */
static bool
save(PgtHeld *held, const PgtMemory *mem, uint8_t holds,
	 const PgtRegisters *registers)
{
	PgtSlot		slot;

	if (!slot_of(held, mem, registers, &slot))
		return (holds & PGT_HOLDS_POINTER) == 0;
	slot.holds = holds;
	(void) set_slot(held, &slot);
	return true;
}

static void
push(PgtHeld *held, uint8_t holds)
{
	PgtSlot		slot = {0};

	move_stack(held, -WORD);
	slot.offset = held->stack;
	slot.holds = holds;
	if (held->stack_known)
		(void) set_slot(held, &slot);
}

static void
move_stack(PgtHeld *held, int64_t amount)
{
	int64_t		stack = held->stack;

	if (!held->stack_known)
		return;
	if (amount < INT32_MIN || amount > INT32_MAX ||
		stack + amount < INT32_MIN || stack + amount > INT32_MAX)
	{
		lose_stack(held);
		return;
	}
	held->stack = (int32_t) (stack + amount);

	/* What is below the stack pointer is gone. */
	drop_slots(held, false, held->stack);
}

static void
lose_stack(PgtHeld *held)
{
	held->stack_known = false;
	drop_slots(held, false, INT64_MAX);
}

/* The slot that is accessed, without what it holds. */
static bool
slot_of(const PgtHeld *held, const PgtMemory *mem,
		const PgtRegisters *registers, PgtSlot *slot)
{
	int64_t		offset = mem->offset;

	if (mem->indexed || mem->fixed)
		return false;
	if (mem->base == registers->stack && held->stack_known)
		offset += held->stack;
	else if (mem->base != registers->frame)
		return false;
	if (offset < INT32_MIN || offset > INT32_MAX)
		return false;

	slot->offset = (int32_t) offset;
	slot->by_frame = (mem->base == registers->frame);
	slot->holds = 0;
	return true;
}

static PgtSlot *
find_slot(PgtHeld *held, const PgtSlot *slot)
{
	for (int i = 0; i < held->nslots; i++)
	{
		if (held->slots[i].offset == slot->offset &&
			held->slots[i].by_frame == slot->by_frame)
			return &held->slots[i];
	}
	return NULL;
}

static uint8_t
slot_holds(const PgtHeld *held, const PgtSlot *slot)
{
	const PgtSlot *found = find_slot((PgtHeld *) held, slot);

	return found == NULL ? 0 : found->holds;
}

/* Returns whether the slot could be set. */
static bool
set_slot(PgtHeld *held, const PgtSlot *slot)
{
	PgtSlot    *found = find_slot(held, slot);

	if (found != NULL && slot->holds != 0)
		found->holds = slot->holds;
	else if (found != NULL)
		*found = held->slots[--held->nslots];
	else if (slot->holds != 0)
	{
		if (held->nslots == PGT_HELD_MAX_SLOTS)
		{
			held->full = true;
			return false;
		}
		held->slots[held->nslots++] = *slot;
	}
	return true;
}

/* Forget the slots of one kind that lie below an offset. */
static void
drop_slots(PgtHeld *held, bool by_frame, int64_t below)
{
	for (int i = held->nslots - 1; i >= 0; i--)
	{
		if (held->slots[i].by_frame == by_frame &&
			held->slots[i].offset < below)
			held->slots[i] = held->slots[--held->nslots];
	}
}
