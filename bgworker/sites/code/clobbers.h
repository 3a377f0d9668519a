/*
 * clobbers.h
 *		Which registers a function leaves as they are.
 *
 * Part of dataflow.c's analysis; not meant for anybody else.
 */
#ifndef PGT_SITES_CODE_CLOBBERS_H
#define PGT_SITES_CODE_CLOBBERS_H

#include "bgworker/sites/code/decoder.h"

/*
 * The registers that may have changed when a call of target, 0 if that isn't
 * known, returns.  Of those not in wanted, nothing need be found out.  Each
 * instruction looked at is taken off *steps_left.
 */
extern uint32_t pgt_callee_changes(PgtDecoder *decoder, uint64_t target,
								   uint32_t wanted, int *steps_left);

#endif							/* PGT_SITES_CODE_CLOBBERS_H */
