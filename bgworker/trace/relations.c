/*
 * relations.c
 *		Which file is which relation's.
 *
 * A relfilenode isn't the OID of the relation, which only the process knows
 * that has opened it.  It shows that to the BPF program whenever it (re)opens
 * a relation's file, before it reads or writes, and the pair is kept here per
 * process until it closes the file: after that, and in other processes, the
 * file may have been given to another relation, by VACUUM FULL, say.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "bgworker/trace/relations.h"

/* Files of one process; beyond it, all are forgotten. */
#define MAX_FILES			65536
#define INITIAL_FILES		64

/* Relfilenodes are unique in a database and tablespace. */
typedef struct RelationFile
{
	uint64		key;			/* database and relfilenode */
	uint32		tablespace;
	Oid			relation;		/* InvalidOid: unknown */
	bool		ambiguous;		/* another tablespace has such a file as well */
	char		status;			/* for simplehash.h */
} RelationFile;

#define SH_PREFIX			relation_files
#define SH_ELEMENT_TYPE		RelationFile
#define SH_KEY_TYPE			uint64
#define SH_KEY				key
#define SH_HASH_KEY(tb, key) \
	hash_combine(murmurhash32((key) >> 32), murmurhash32((uint32) (key)))
#define SH_EQUAL(tb, a, b)	((a) == (b))
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static uint64
key_of(uint32 database, uint32 file)
{
	return (uint64) database << 32 | file;
}

void
pgt_relations_learn(PgtRelations *relations,
					const struct pgt_relation *relation)
{
	RelationFile *entry;
	bool		found;

	if (relations->files != NULL && relations->files->members >= MAX_FILES)
		pgt_relations_forget(relations);
	if (relations->files == NULL)
		relations->files = relation_files_create(TopMemoryContext,
												 INITIAL_FILES, NULL);

	entry = relation_files_insert(relations->files,
								  key_of(relation->database, relation->file),
								  &found);
	if (!found)
	{
		entry->tablespace = relation->tablespace;
		entry->ambiguous = false;
	}
	if (entry->tablespace != relation->tablespace)
		entry->ambiguous = true;
	entry->relation = entry->ambiguous ? InvalidOid : relation->oid;
}

Oid
pgt_relations_find(const PgtRelations *relations, uint32 database,
				   uint32 file)
{
	const RelationFile *entry;

	if (relations == NULL || relations->files == NULL)
		return InvalidOid;
	entry = relation_files_lookup(relations->files, key_of(database, file));
	return entry == NULL ? InvalidOid : entry->relation;
}

void
pgt_relations_forget(PgtRelations *relations)
{
	if (relations->files != NULL)
		relation_files_destroy(relations->files);
	relations->files = NULL;
}
