/*
 * dataflow_state.h
 *		Which registers and stack slots may hold the followed pointer at one
 *		point of the code.
 *
 * The state of dataflow.c's analysis.  Its owners read it; only the analysis
 * changes it.
 */
#ifndef PGT_SITES_CODE_DATAFLOW_STATE_H
#define PGT_SITES_CODE_DATAFLOW_STATE_H

#include "bgworker/sites/code/decoder.h"

/* What a place may hold; a set. */
#define PGT_HOLDS_POINTER	1	/* the variable's value */
#define PGT_HOLDS_ADDRESS	2	/* the variable's address */

#define PGT_HELD_MAX_SLOTS	8

typedef struct PgtSlot
{
	int32_t		offset;			/* from the stack pointer's value at the
								 * reference, or from the frame pointer */
	bool		by_frame;
	uint8_t		holds;			/* never empty */
} PgtSlot;

typedef struct PgtHeld
{
	uint32_t	pointer;		/* registers that may hold it */
	uint32_t	address;
	PgtSlot		slots[PGT_HELD_MAX_SLOTS];
	int			nslots;
	bool		full;			/* a slot was forgotten for want of room */
	bool		stack_known;	/* else there are no slots by it */
	int32_t		stack;			/* the stack pointer, from its value at the
								 * reference */
} PgtHeld;

/* Is anything held anywhere? */
extern bool pgt_held_any(const PgtHeld *held);

/* What a register, or PGT_NO_REGISTER, may hold. */
extern uint8_t pgt_held_by(const PgtHeld *held, int reg);

/* Add what another path brings along; returns whether that was news. */
extern bool pgt_held_merge(PgtHeld *held, const PgtHeld *other);

/*
 * Turn the state before an instruction into the one after it.  Of a call,
 * insn->changed has to tell what the callee changes.  Returns false if the
 * pointer is saved where it isn't followed.
 */
extern bool pgt_held_apply(PgtHeld *held, const PgtInsn *insn,
						   const PgtRegisters *registers);

#endif							/* PGT_SITES_CODE_DATAFLOW_STATE_H */
