/*
 * file_name.c
 *		What the name of a server's file tells.
 *
 * The BPF program sends the name of a file and of its directory as the kernel
 * has them.  PostgreSQL's rules for names say what it is: <database's OID>/
 * <relfilenode>[_<fork>][.<segment>] or, of shared relations, global/...; or
 * the 24 hexadecimal digits of a WAL segment.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "bgworker/trace/file_name.h"

/* The database's part of a path to a relation that is shared */
#define GLOBAL_DIRECTORY	"global"

#define WAL_NAME_LEN		24

static const char *const fork_names[PGT_FORKS] = {
	[PGT_FORK_FSM] = "fsm",
	[PGT_FORK_VM] = "vm",
	[PGT_FORK_INIT] = "init",
};

const char *
pgt_fork_name(int fork)
{
	return fork >= 0 && fork < PGT_FORKS ? fork_names[fork] : NULL;
}

/*
 * A decimal number that fits 32 bits, as PostgreSQL writes it; moves *string
 * behind it.
 */
static bool
take_number(const char **string, uint32_t *number)
{
	const char *at = *string;
	uint64_t	value = 0;

	if (*at < '0' || *at > '9' || (*at == '0' && at[1] >= '0' && at[1] <= '9'))
		return false;
	for (; *at >= '0' && *at <= '9'; at++)
	{
		value = value * 10 + (*at - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*string = at;
	*number = (uint32_t) value;
	return true;
}

static bool
take_string(const char **string, const char *expected)
{
	size_t		len = strlen(expected);

	if (strncmp(*string, expected, len) != 0)
		return false;
	*string += len;
	return true;
}

static PgtFork
take_fork(const char **string)
{
	for (PgtFork fork = PGT_FORK_FSM; fork < PGT_FORKS; fork++)
	{
		if (take_string(string, fork_names[fork]))
			return fork;
	}
	return PGT_FORK_INVALID;
}

static bool
parse_relation(const char *directory, const char *at, PgtFileName *name)
{
	uint32_t	number;
	uint32_t	segment = 0;

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
	name->fork = take_string(&at, "_") ? take_fork(&at) : PGT_FORK_MAIN;
	if (name->fork == PGT_FORK_INVALID ||
		(take_string(&at, ".") && !take_number(&at, &segment)) ||
		*at != '\0')
		return false;
	name->segment = segment;
	return true;
}

static bool
parse_wal(const char *at, uint32_t segment_size, PgtFileName *name)
{
	uint64_t	parts[3] = {0};

	for (int i = 0; i < WAL_NAME_LEN; i++)
	{
		int			digit = at[i] >= '0' && at[i] <= '9' ? at[i] - '0' :
			at[i] >= 'A' && at[i] <= 'F' ? at[i] - 'A' + 10 : -1;

		if (digit < 0)
			return false;
		parts[i / 8] = parts[i / 8] << 4 | (unsigned) digit;
	}
	if (at[WAL_NAME_LEN] != '\0' || segment_size == 0)
		return false;
	/* after the timeline: which 4 GB, and which segment of these */
	name->segment = parts[1] * (UINT64_C(0x100000000) / segment_size) +
		parts[2];
	return true;
}

void
pgt_file_name_parse(const char *directory, const char *file,
					uint32_t wal_segment_size, PgtFileName *name)
{
	memset(name, 0, sizeof(*name));
	name->kind = PGT_FILE_OTHER;
	if (parse_relation(directory, file, name))
		name->kind = PGT_FILE_RELATION;
	else if (parse_wal(file, wal_segment_size, name))
		name->kind = PGT_FILE_WAL;
}
