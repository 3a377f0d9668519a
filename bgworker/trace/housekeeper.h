/*
 * housekeeper.h
 *		A helper thread that removes and compresses trace files.
 *
 * Pure C: knows nothing of PostgreSQL.
 */
#ifndef PGT_TRACE_HOUSEKEEPER_H
#define PGT_TRACE_HOUSEKEEPER_H

#include <stdbool.h>

#include "bgworker/trace/sweep.h"

/*
 * Start it; there is one.  Returns a descriptor that is readable when a result
 * is there, or -1 with errno.
 */
extern int	pgt_housekeeper_start(void);

/*
 * Have it carry out an order, if it has no other one.  The directory's
 * descriptor is its own from now on, also if false is returned.
 */
extern bool pgt_housekeeper_order(const PgtSweepOrder *order);

/* Take the result of the order, if it has been carried out. */
extern bool pgt_housekeeper_result(PgtSweepResult *result);

#endif							/* PGT_TRACE_HOUSEKEEPER_H */
