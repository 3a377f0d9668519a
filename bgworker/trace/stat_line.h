/*
 * stat_line.h
 *		STAT lines, and the sums that they show.
 */
#ifndef PGT_TRACE_STAT_LINE_H
#define PGT_TRACE_STAT_LINE_H

#include "bgworker/trace/attribution.h"

/* A plan node's line */
extern void pgt_format_stat(PgtFormat *format, const PgtStatRecord *record);

/*
 * What makes up a node's sums, where plan_node is the word of that name: a wait
 * that has just ended; a sample that stands for so much CPU time.
 */
extern void pgt_format_node_wait(PgtFormat *format, uint64 plan_node,
								 uint64 wait_ns);
extern void pgt_format_node_sample(PgtFormat *format, uint64 plan_node,
								   uint64 cpu_ns);

#endif							/* PGT_TRACE_STAT_LINE_H */
