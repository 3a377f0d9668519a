/*
 * relations.h
 *		Which file is which relation's.
 */
#ifndef PGT_TRACE_RELATIONS_H
#define PGT_TRACE_RELATIONS_H

#include "bpf/pg_trace.h"

/* What one process has shown of that; all bytes 0 is nothing. */
typedef struct PgtRelations
{
	struct relation_files_hash *files;	/* NULL while nothing is known */
} PgtRelations;

extern void pgt_relations_learn(PgtRelations *relations,
								const struct pgt_relation *relation);

/* The relation that has this file, or InvalidOid; relations may be NULL. */
extern Oid	pgt_relations_find(const PgtRelations *relations,
							   uint32 database, uint32 file);

/* Know nothing any more. */
extern void pgt_relations_forget(PgtRelations *relations);

#endif							/* PGT_TRACE_RELATIONS_H */
