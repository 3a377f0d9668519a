/*
 * lead.h
 *		What a process has done for a call before the call's hook.
 */
#ifndef PGT_LEAD_H
#define PGT_LEAD_H

#include "extension/record.h"

/* PostgreSQL's counters behind p, cr and cu */
typedef struct PgtBlockCounts
{
	int64		read;
	int64		got;
	int64		dirtied;
} PgtBlockCounts;

extern void pgt_blocks_read(PgtBlockCounts *blocks);

/* A trace begins. */
extern void pgt_lead_begin_trace(void);

/* A call at depth 0 begins: what its record says of its lead */
extern void pgt_lead_fill(PgtBeginRecord *record);

/* The counters when its lead began */
extern void pgt_lead_blocks(PgtBlockCounts *blocks);

/* A call at depth 0 has ended, with these counters. */
extern void pgt_lead_note_end(uint64 time_ns, const PgtBlockCounts *blocks);

#endif							/* PGT_LEAD_H */
