/*
 * lead.c
 *		What a process has done for a call before the call's hook.
 *
 * What a process that serves a client does at depth 0 between two calls, such as
 * the analysis of a statement, is a part of the second one: its lead.  When that
 * began is known best to the worker, which sees the waits for the client.  Where
 * these aren't traced, it has what is found out here: when the last call ended,
 * or the client's message came, whichever was later.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/timestamp.h"

#include "extension/arrival.h"
#include "extension/clock.h"
#include "extension/lead.h"
#include "extension/tracer_wait.h"

#define NS_IN_US	1000

/* The last call at depth 0: its end, 0 if there was none, and the counters then */
static uint64 last_end_ns;
static PgtBlockCounts last_blocks;

/*
 * Of temporary files, blocks are read as well, but those aren't buffers.
 */
void
pgt_blocks_read(PgtBlockCounts *blocks)
{
	const BufferUsage *usage = &pgBufferUsage;

	blocks->got = usage->shared_blks_read + usage->local_blks_read +
		usage->shared_blks_hit + usage->local_blks_hit;
	blocks->read = usage->shared_blks_read + usage->local_blks_read +
		usage->temp_blks_read;
	blocks->dirtied = usage->shared_blks_dirtied + usage->local_blks_dirtied;
}

/*
 * Does this process do nothing at depth 0 but for its client, or for its
 * leader's statement?
 */
static bool
is_gapless(void)
{
	return MyBackendType == B_BACKEND || IsParallelWorker();
}

/*
 * When the message came that is handled now.  The first execution of a portal
 * belongs to the message that has made that.  The wall clock is read first: if the
 * process loses the CPU before it has read the other one, the time is too late,
 * and not before what came before the message.
 */
static uint64
message_time(PgtCallKind kind)
{
	TimestampTz message = GetCurrentStatementStartTimestamp();
	TimestampTz age_us;
	uint64		now_ns;

	if (kind == PGT_CALL_EXEC && ActivePortal != NULL)
		message = Min(message, ActivePortal->creation_time);
	age_us = Max(GetCurrentTimestamp() - message, 0);
	now_ns = pgt_clock_now();
	return now_ns - Min((uint64) age_us * NS_IN_US, now_ns);
}

void
pgt_lead_begin_trace(void)
{
	last_end_ns = 0;
	memset(&last_blocks, 0, sizeof(last_blocks));
	/* a parallel worker is its leader's from its first block on */
	if (!IsParallelWorker())
		pgt_blocks_read(&last_blocks);
}

void
pgt_lead_fill(PgtBeginRecord *record)
{
	uint64		now_ns = record->header.time_ns;

	/* the worker was waited for on the call's account */
	uint64		since_ns = pgt_tracer_wait_call_begin(now_ns);

	record->gapless = is_gapless();
	if (IsParallelWorker())
		since_ns = last_end_ns != 0 ? last_end_ns : pgt_arrival_fork_time();
	else if (record->gapless)
		since_ns = Max(message_time(record->kind), last_end_ns);
	record->lead_ns = now_ns - Min(since_ns, now_ns);
}

void
pgt_lead_blocks(PgtBlockCounts *blocks)
{
	if (is_gapless())
		*blocks = last_blocks;
	else
		pgt_blocks_read(blocks);
}

void
pgt_lead_note_end(uint64 time_ns, const PgtBlockCounts *blocks)
{
	last_end_ns = time_ns;
	last_blocks = *blocks;
}
