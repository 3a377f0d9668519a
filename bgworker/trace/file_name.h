/*
 * targets.h
 *		What a wait was for: files and relations.
 */
#ifndef PGT_TRACE_TARGETS_H
#define PGT_TRACE_TARGETS_H

#include "common/relpath.h"
#include "utils/hsearch.h"

#include "bpf/pg_trace.h"

typedef enum PgtFileKind
{
	PGT_FILE_OTHER,
	PGT_FILE_RELATION,
	PGT_FILE_WAL
} PgtFileKind;

/* What the name of a file tells. */
typedef struct PgtFileName
{
	PgtFileKind kind;
	uint32		database;		/* of a relation, 0 if it is shared */
	uint32		number;			/* of a relation: its relfilenode */
	ForkNumber	fork;
	uint64		segment;		/* of a relation or the WAL */
} PgtFileName;

/* Take a file's name apart; any bytes will do. */
extern void pgt_file_name_parse(const struct pgt_file *file,
								PgtFileName *name);

/* Which file is which relation's, as far as one process has shown. */
typedef struct PgtRelations
{
	HTAB	   *files;			/* NULL while nothing is known */
} PgtRelations;

extern void pgt_relations_learn(PgtRelations *relations,
								const struct pgt_relation *relation);

/* The relation that has this file, or InvalidOid. */
extern Oid	pgt_relations_find(const PgtRelations *relations,
							   uint32 database, uint32 file);

/* Know nothing any more. */
extern void pgt_relations_forget(PgtRelations *relations);

#endif							/* PGT_TRACE_TARGETS_H */
