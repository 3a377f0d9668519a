/*
 * targets.c
 *		What a wait was for: files and relations.
 *
 * The BPF program sends the name of a file and of its directory as the kernel
 * has them.  PostgreSQL's rules for names say what it is: <database's OID>/
 * <relfilenode>[_<fork>][.<segment>] or, of shared relations, global/...; or
 * the 24 hexadecimal digits of a WAL segment.
 *
 * A relfilenode isn't the OID of the relation, which only the process knows
 * that has opened it.  It shows that to the BPF program whenever it (re)opens
 * a relation's file, before it reads or writes, and the pair is kept here per
 * process until it closes the file: after that, and in other processes, the
 * file may have been given to another relation, by VACUUM FULL, say.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "utils/memutils.h"

#include "bgworker/trace/file_name.h"

/* The database's part of a path to a relation that is shared */
#define GLOBAL_DIRECTORY	"global"

/* Files of one process; beyond it, all are forgotten. */
#define MAX_FILES			65536

#define WAL_NAME_LEN		24

/* A file's key: relfilenodes are unique in a database and tablespace. */
typedef struct RelationFile
{
	uint32		database;
	uint32		file;
	/* end of the key */
	uint32		tablespace;
	bool		ambiguous;		/* another tablespace has such a file as well */
	Oid			relation;		/* InvalidOid: unknown */
} RelationFile;

/*
 * A decimal number that fits 32 bits, as PostgreSQL writes it; moves *string
 * behind it.
 */
static bool
take_number(const char **string, uint32 *number)
{
	const char *at = *string;
	uint64		value = 0;

	if (*at < '0' || *at > '9' || (*at == '0' && at[1] >= '0' && at[1] <= '9'))
		return false;
	for (; *at >= '0' && *at <= '9'; at++)
	{
		value = value * 10 + (*at - '0');
		if (value > PG_UINT32_MAX)
			return false;
	}
	*string = at;
	*number = value;
	return true;
}

static bool
take_string(const char **string, const char *expected)
{
	Size		len = strlen(expected);

	if (strncmp(*string, expected, len) != 0)
		return false;
	*string += len;
	return true;
}

static ForkNumber
take_fork(const char **string)
{
	for (ForkNumber fork = MAIN_FORKNUM + 1; fork <= MAX_FORKNUM; fork++)
	{
		if (take_string(string, forkNames[fork]))
			return fork;
	}
	return InvalidForkNumber;
}

static bool
parse_relation(const char *directory, const char *at, PgtFileName *name)
{
	uint32		number;
	uint32		segment = 0;

	if (strcmp(directory, GLOBAL_DIRECTORY) == 0)
		name->database = 0;
	else if (!take_number(&directory, &name->database) || *directory != '\0')
		return false;

	/* t<number of the backend>_ of a temporary relation */
	if (take_string(&at, "t") &&
		(!take_number(&at, &number) || !take_string(&at, "_")))
		return false;
	if (!take_number(&at, &name->number))
		return false;
	name->fork = take_string(&at, "_") ? take_fork(&at) : MAIN_FORKNUM;
	if (name->fork == InvalidForkNumber ||
		(take_string(&at, ".") && !take_number(&at, &segment)) ||
		*at != '\0')
		return false;
	name->segment = segment;
	return true;
}

static bool
parse_wal(const char *at, PgtFileName *name)
{
	uint64		parts[3] = {0};

	for (int i = 0; i < WAL_NAME_LEN; i++)
	{
		int			digit = at[i] >= '0' && at[i] <= '9' ? at[i] - '0' :
			at[i] >= 'A' && at[i] <= 'F' ? at[i] - 'A' + 10 : -1;

		if (digit < 0)
			return false;
		parts[i / 8] = parts[i / 8] << 4 | digit;
	}
	if (at[WAL_NAME_LEN] != '\0' || wal_segment_size <= 0)
		return false;
	name->segment = parts[1] * XLogSegmentsPerXLogId(wal_segment_size) +
		parts[2];
	return true;
}

void
pgt_file_name_parse(const struct pgt_file *file, PgtFileName *name)
{
	memset(name, 0, sizeof(*name));
	name->kind = PGT_FILE_OTHER;
	if (memchr(file->name, '\0', sizeof(file->name)) == NULL ||
		memchr(file->directory, '\0', sizeof(file->directory)) == NULL)
		return;
	if (parse_relation(file->directory, file->name, name))
		name->kind = PGT_FILE_RELATION;
	else if (parse_wal(file->name, name))
		name->kind = PGT_FILE_WAL;
}

void
pgt_relations_learn(PgtRelations *relations,
					const struct pgt_relation *relation)
{
	RelationFile key = {.database = relation->database,.file = relation->file};
	RelationFile *entry;
	bool		found;

	if (relations->files != NULL &&
		hash_get_num_entries(relations->files) >= MAX_FILES)
		pgt_relations_forget(relations);
	if (relations->files == NULL)
	{
		HASHCTL		control = {
			.keysize = offsetof(RelationFile, tablespace),
			.entrysize = sizeof(RelationFile),
			.hcxt = TopMemoryContext,
		};

		relations->files = hash_create("pg_trace_bgw files of relations", 64,
									   &control,
									   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}

	entry = hash_search(relations->files, &key, HASH_ENTER, &found);
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
	RelationFile key = {.database = database,.file = file};
	const RelationFile *entry = relations->files == NULL ? NULL :
		hash_search(relations->files, &key, HASH_FIND, NULL);

	return entry == NULL ? InvalidOid : entry->relation;
}

void
pgt_relations_forget(PgtRelations *relations)
{
	if (relations->files != NULL)
		hash_destroy(relations->files);
	relations->files = NULL;
}
