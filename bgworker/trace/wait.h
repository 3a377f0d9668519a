/*
 * wait.h
 *		A wait, with all that is known of it.
 */
#ifndef PGT_TRACE_WAIT_H
#define PGT_TRACE_WAIT_H

#include "datatype/timestamp.h"

#include "bgworker/trace/relations.h"
#include "bgworker/trace/wait_names.h"
#include "bpf/pg_trace.h"

/* Who was in the way of a process that waited for a lock: tracer/blockers.c */
#define PGT_MAX_BLOCKERS	16

typedef struct PgtBlockers
{
	uint64		start_ns;		/* of the wait */
	int			total;
	int			count;			/* of those below, PGT_MAX_BLOCKERS at most */
	int			pids[PGT_MAX_BLOCKERS]; /* 0 is a prepared transaction */
	/* of those that the reader of the file may know of, else all are unknown */
	bool		known[PGT_MAX_BLOCKERS];
	uint64		query_ids[PGT_MAX_BLOCKERS];	/* 0: unknown */
	const char *states[PGT_MAX_BLOCKERS];
	TimestampTz xact_starts[PGT_MAX_BLOCKERS];	/* 0: in none, or unknown */
} PgtBlockers;

typedef struct PgtWait
{
	const PgtWaitName *name;
	uint64		start_ns;
	uint64		end_ns;
	bool		partial;		/* it began before tracing, or was not over
								 * when tracing ended: only a part is known */
	bool		continued;		/* it goes on with the one before it */
	bool		cpu_is_known;
	uint64		cpu_ns;			/* used within, end_ns - start_ns at most */
	uint64		plan_node;		/* the word of that name, when it began */
	uint8		mode;			/* of a lock, or PGT_NO_MODE */
	uint32		client_bytes;	/* see bpf/client.bpf.h, or PGT_NO_BYTES */
	uint8		target_kind;	/* enum pgt_target_kind */
	const struct pgt_target *target;
	const PgtRelations *relations;	/* NULL: no relation is known */
	const PgtBlockers *blockers;	/* NULL: unknown */
} PgtWait;

#define NS_IN_US	1000

/*
 * How long something took, by the times that lines have: so a line's begin is
 * the end of the one that it follows, and all of them add up.
 */
static inline uint64
us_between(uint64 begin_ns, uint64 end_ns)
{
	return end_ns / NS_IN_US - begin_ns / NS_IN_US;
}

#endif							/* PGT_TRACE_WAIT_H */
