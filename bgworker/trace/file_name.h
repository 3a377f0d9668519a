/*
 * file_name.h
 *		What the name of a server's file tells.
 *
 * Needs nothing of PostgreSQL, so that programs that read traces can take
 * file='...' apart as well.
 */
#ifndef PGT_TRACE_FILE_NAME_H
#define PGT_TRACE_FILE_NAME_H

#include <stdint.h>

typedef enum PgtFileKind
{
	PGT_FILE_OTHER,
	PGT_FILE_RELATION,
	PGT_FILE_WAL
} PgtFileKind;

/* The numbers of PostgreSQL's ForkNumber */
typedef enum PgtFork
{
	PGT_FORK_INVALID = -1,
	PGT_FORK_MAIN,
	PGT_FORK_FSM,
	PGT_FORK_VM,
	PGT_FORK_INIT
} PgtFork;

#define PGT_FORKS	(PGT_FORK_INIT + 1)

typedef struct PgtFileName
{
	PgtFileKind kind;
	uint32_t	database;		/* of a relation, 0 if it is shared */
	uint32_t	number;			/* of a relation: its relfilenode */
	PgtFork		fork;
	uint64_t	segment;		/* of a relation or the WAL */
} PgtFileName;

/*
 * Take apart the name of a file and that of its directory, without what is
 * above it; any strings will do.  wal_segment_size is the server's, in bytes;
 * if it is 0, no file is one of the WAL.
 */
extern void pgt_file_name_parse(const char *directory, const char *file,
								uint32_t wal_segment_size,
								PgtFileName *name);

/* What PostgreSQL calls a fork, NULL for the main one and what is none. */
extern const char *pgt_fork_name(int fork);

#endif							/* PGT_TRACE_FILE_NAME_H */
