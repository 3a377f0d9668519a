/*
 * sweep.h
 *		Removes old trace files, and compresses those that are complete.
 *
 * Needs nothing of PostgreSQL: the thread of housekeeper.c does it.
 */
#ifndef PGT_TRACE_SWEEP_H
#define PGT_TRACE_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "bgworker/trace/folders.h"

/* What is to be done, by the settings */
typedef struct PgtSweepOrder
{
	int			directory_fd;	/* whoever carries it out closes it */
	uint64_t	max_total;		/* bytes; 0: no limit */
	int64_t		retention_s;	/* 0: no limit */
	bool		compress;
} PgtSweepOrder;

/* Files that were removed for one reason */
typedef struct PgtRemoved
{
	uint32_t	nfiles;
	uint64_t	bytes;
	char		first[PGT_TRACE_PATH_LEN];
	char		last[PGT_TRACE_PATH_LEN];
} PgtRemoved;

/* What has been done */
typedef struct PgtSweepResult
{
	PgtRemoved	too_old;
	PgtRemoved	too_much;
	uint32_t	ncompressed;
	uint64_t	before;			/* bytes of these, and as compressed */
	uint64_t	after;
	uint64_t	total;			/* bytes that are there in the end */
	uint64_t	elapsed_ns;
	uint32_t	nerrors;
	char		error[256];		/* the first one */
} PgtSweepResult;

extern void pgt_sweep(const PgtSweepOrder *order, PgtSweepResult *result);

#endif							/* PGT_TRACE_SWEEP_H */
