/*
 * dataflow.h
 *		Walk through code with what registers and stack slots may hold.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_CODE_DATAFLOW_H
#define PGT_SITES_CODE_DATAFLOW_H

#include "bgworker/sites/code/dataflow_state.h"
#include "bgworker/sites/code/decoder.h"
#include "bgworker/sites/elf/unwind_table.h"

typedef struct PgtWalk PgtWalk;

/* What the owner of a walk wants to know and to decide. */
typedef struct PgtWalker
{
	/* An instruction is reached; again when more may be held before it. */
	void		(*visit) (const PgtInsn *insn, const PgtHeld *before,
						  void *arg);

	/*
	 * Does the instruction make use of what these registers hold?  Asked to
	 * find out where a jump through a table may lead.
	 */
	bool		(*uses) (const PgtInsn *insn, const PgtHeld *kept, void *arg);

	/* Is it a gap if the pointer is kept in memory off the stack? */
	bool		private;
	void	   *arg;
} PgtWalker;

/*
 * What is passed has to outlive it.  All its walks together take max_steps at
 * most.  NULL if memory ran out.
 */
extern PgtWalk *pgt_walk_create(PgtDecoder *decoder,
								const PgtFunctions *functions, int max_steps);

/* NULL is fine. */
extern void pgt_walk_free(PgtWalk *walk);

/*
 * Walk from addr, before which *held is held, to wherever something may be
 * held still.  Returns why what is held may have got where the walk didn't,
 * or NULL if it didn't.
 */
extern const char *pgt_walk_run(PgtWalk *walk, uint64_t addr,
								const PgtHeld *held, const PgtWalker *walker);

/* Did the last walk reach code that can't be decoded? */
extern bool pgt_walk_undecoded(const PgtWalk *walk);

#endif							/* PGT_SITES_CODE_DATAFLOW_H */
