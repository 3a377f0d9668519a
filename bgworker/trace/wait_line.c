/*
 * wait_line.c
 *		The lines of waits.
 *
 * WAIT #n: nam='...' ela= N <parameters> obj#=N <additions> tim=N
 *
 * Parameters are numbers, by Oracle's names where it has any: file#, block#,
 * blocks, log#, row#, #bytes.  Oracle prints p1=, p2=, p3= where a wait has no names
 * for them; here these are 0 and mean nothing.  Everything that Oracle doesn't
 * know comes behind obj#.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "common/relpath.h"
#include "storage/lock.h"
#include "storage/lwlock.h"

#include "bgworker/trace/file_name.h"
#include "bgworker/trace/line.h"
#include "bgworker/trace/wait_line.h"

StaticAssertDecl((int) PGT_FORK_FSM == (int) FSM_FORKNUM &&
				 (int) PGT_FORK_INIT == (int) MAX_FORKNUM, "forks");

/* One line's target, ready to be printed. */
typedef struct Target
{
	const PgtWait *wait;
	PgtFileName file;
	Oid			relation;
} Target;

static void
put_signed(PgtFormat *format, const char *label, int64 value)
{
	char		number[MAXINT8LEN + 1];

	pg_lltoa(value, number);
	put_string(format, label);
	put_string(format, number);
}

static void
put_no_parameters(PgtFormat *format)
{
	put_string(format, PGT_NO_PARAMETERS);
}

/* ----------
 * Parameters
 * ----------
 */

/* block# and blocks of a place in a file that begins with block first */
static void
put_blocks(PgtFormat *format, const struct pgt_file *file, uint64 first,
		   uint32 block_size)
{
	uint64		last = (file->offset + file->size + block_size - 1) / block_size;
	uint64		block = file->offset / block_size;

	if (!(file->known & PGT_FILE_HAS_OFFSET))
		return;
	put_number(format, FIELD(PGT_FIELD_BLOCK_NUMBER), first + block);
	if (file->known & PGT_FILE_HAS_SIZE)
		put_number(format, FIELD(PGT_FIELD_BLOCKS), last > block ? last - block : 0);
}

static void
put_file(PgtFormat *format, const Target *target)
{
	const struct pgt_file *file = &target->wait->target->file;
	const PgtFileName *name = &target->file;

	switch (name->kind)
	{
		case PGT_FILE_RELATION:
			put_number(format, FIELD(PGT_FIELD_FILE_NUMBER), name->number);
			put_blocks(format, file, name->segment * RELSEG_SIZE, BLCKSZ);
			break;
		case PGT_FILE_WAL:
			put_number(format, FIELD(PGT_FIELD_LOG_NUMBER), name->segment);
			put_blocks(format, file, 0, XLOG_BLCKSZ);
			break;
		case PGT_FILE_OTHER:
			if (file->known & PGT_FILE_HAS_OFFSET)
				put_blocks(format, file, 0, BLCKSZ);
			else
				put_no_parameters(format);
			break;
	}
}

/* What the numbers in a LOCKTAG are depends on its type: see lock.h. */
static void
put_lock(PgtFormat *format, const struct pgt_lock *lock)
{
	switch ((LockTagType) lock->type)
	{
		case LOCKTAG_RELATION:
		case LOCKTAG_RELATION_EXTEND:
		case LOCKTAG_DATABASE_FROZEN_IDS:
			put_number(format, FIELD(PGT_FIELD_DBID), lock->field1);
			break;
		case LOCKTAG_PAGE:
			put_number(format, FIELD(PGT_FIELD_DBID), lock->field1);
			put_number(format, FIELD(PGT_FIELD_BLOCK_NUMBER), lock->field3);
			break;
		case LOCKTAG_TUPLE:
			put_number(format, FIELD(PGT_FIELD_DBID), lock->field1);
			put_number(format, FIELD(PGT_FIELD_BLOCK_NUMBER), lock->field3);
			put_number(format, FIELD(PGT_FIELD_ROW_NUMBER), lock->field4);
			break;
		case LOCKTAG_TRANSACTION:
			put_number(format, FIELD(PGT_FIELD_XID), lock->field1);
			break;
		case LOCKTAG_VIRTUALTRANSACTION:
			put_number(format, FIELD(PGT_FIELD_BACKEND), lock->field1);
			put_number(format, FIELD(PGT_FIELD_LXID), lock->field2);
			break;
		case LOCKTAG_SPECULATIVE_TOKEN:
			put_number(format, FIELD(PGT_FIELD_XID), lock->field1);
			put_number(format, FIELD(PGT_FIELD_TOKEN), lock->field2);
			break;
		case LOCKTAG_OBJECT:
			put_number(format, FIELD(PGT_FIELD_DBID), lock->field1);
			put_number(format, FIELD(PGT_FIELD_CLASSID), lock->field2);
			put_number(format, FIELD(PGT_FIELD_OBJID), lock->field3);
			put_number(format, FIELD(PGT_FIELD_OBJSUBID), lock->field4);
			break;
		case LOCKTAG_ADVISORY:
			put_number(format, FIELD(PGT_FIELD_DBID), lock->field1);
			if (lock->field4 == 1)
				put_signed(format, FIELD(PGT_FIELD_KEY),
						   (int64) ((uint64) lock->field2 << 32 | lock->field3));
			else
			{
				put_signed(format, " " PGT_FIELD_KEY "1=", (int32) lock->field2);
				put_signed(format, " " PGT_FIELD_KEY "2=", (int32) lock->field3);
			}
			break;
		default:
			put_number(format, " " PGT_FIELD_FIELD "1=", lock->field1);
			put_number(format, " " PGT_FIELD_FIELD "2=", lock->field2);
			put_number(format, " " PGT_FIELD_FIELD "3=", lock->field3);
			put_number(format, " " PGT_FIELD_FIELD "4=", lock->field4);
			break;
	}
}

static void
put_parameters(PgtFormat *format, const Target *target)
{
	const PgtWait *wait = target->wait;

	switch (wait->target_kind)
	{
		case PGT_TARGET_FILE:
			put_file(format, target);
			break;
		case PGT_TARGET_LOCK:
			put_lock(format, &wait->target->lock);
			break;
		case PGT_TARGET_BUFFER:
			put_number(format, FIELD(PGT_FIELD_FILE_NUMBER), wait->target->buffer.file);
			put_number(format, FIELD(PGT_FIELD_BLOCK_NUMBER), wait->target->buffer.block);
			put_string(format, FIELD(PGT_FIELD_BLOCKS) "1");
			break;
		case PGT_TARGET_AIO:
			put_number(format, FIELD(PGT_FIELD_FILE_NUMBER), wait->target->aio.file);
			put_number(format, FIELD(PGT_FIELD_BLOCK_NUMBER), wait->target->aio.block);
			put_number(format, FIELD(PGT_FIELD_BLOCKS), wait->target->aio.nblocks);
			break;
		default:
			if (wait->client_bytes != PGT_NO_BYTES)
				put_number(format, FIELD(PGT_FIELD_BYTES), wait->client_bytes);
			else
				put_no_parameters(format);
			break;
	}
}

/* ----------
 * The relation
 * ----------
 */

static Oid
locked_relation(const struct pgt_lock *lock)
{
	switch ((LockTagType) lock->type)
	{
		case LOCKTAG_RELATION:
		case LOCKTAG_RELATION_EXTEND:
		case LOCKTAG_PAGE:
		case LOCKTAG_TUPLE:
			return lock->field2;
		default:
			return InvalidOid;
	}
}

/* What a file is; any bytes will do. */
static void
parse_file(const struct pgt_file *file, PgtFileName *name)
{
	if (memchr(file->directory, '\0', sizeof(file->directory)) != NULL &&
		memchr(file->name, '\0', sizeof(file->name)) != NULL)
		pgt_file_name_parse(file->directory, file->name, wal_segment_size,
							name);
}

static void
resolve(Target *target)
{
	const PgtWait *wait = target->wait;

	target->relation = InvalidOid;
	switch (wait->target_kind)
	{
		case PGT_TARGET_FILE:
			parse_file(&wait->target->file, &target->file);
			if (target->file.kind == PGT_FILE_RELATION)
				target->relation = pgt_relations_find(wait->relations,
													  target->file.database,
													  target->file.number);
			break;
		case PGT_TARGET_LOCK:
			target->relation = locked_relation(&wait->target->lock);
			break;
		case PGT_TARGET_BUFFER:
			target->relation =
				pgt_relations_find(wait->relations,
								   wait->target->buffer.database,
								   wait->target->buffer.file);
			break;
		case PGT_TARGET_AIO:
			target->relation =
				pgt_relations_find(wait->relations,
								   wait->target->aio.database,
								   wait->target->aio.file);
			break;
	}
}

/* ----------
 * Additions
 * ----------
 */

static void
put_fork(PgtFormat *format, int fork)
{
	if (pgt_fork_name(fork) != NULL)
		put_quoted(format, QUOTED(PGT_FIELD_FORK), pgt_fork_name(fork),
				   strlen(pgt_fork_name(fork)));
}

/* As the kernel would show the file, which another process may have open */
static void
put_aio_file(PgtFormat *format, const struct pgt_aio *aio)
{
	if (aio->database != 0)
		put_number(format, FIELD(PGT_FIELD_FILE) "'", aio->database);
	else
		put_string(format, FIELD(PGT_FIELD_FILE) "'global");
	put_string(format, "/");
	if (aio->flags & PGT_AIO_TEMPORARY)
	{
		put_signed(format, "t", aio->owner);
		put_string(format, "_");
	}
	put_number(format, "", aio->file);
	if (pgt_fork_name(aio->fork) != NULL)
	{
		put_string(format, "_");
		put_string(format, pgt_fork_name(aio->fork));
	}
	if (aio->block >= RELSEG_SIZE)
		put_number(format, ".", aio->block / RELSEG_SIZE);
	put_string(format, "'");
}

/* The mode of a lock, or of a lightweight lock */
static const char *
mode_name(const PgtWait *wait)
{
	static const char *const lwlock_modes[] = {
		[LW_EXCLUSIVE] = "Exclusive",
		[LW_SHARED] = "Shared",
		[LW_WAIT_UNTIL_FREE] = "WaitUntilFree",
	};
	uint8		method = wait->target_kind == PGT_TARGET_LOCK ?
		wait->target->lock.method : 0;

	if (wait->target_kind != PGT_TARGET_LOCK)
		return wait->mode < lengthof(lwlock_modes) ?
			lwlock_modes[wait->mode] : NULL;
	if ((method != DEFAULT_LOCKMETHOD && method != USER_LOCKMETHOD) ||
		wait->mode == NoLock || wait->mode > MaxLockMode)
		return NULL;
	return GetLockmodeName(method, wait->mode);
}

static void
put_blockers(PgtFormat *format, const PgtBlockers *blockers)
{
	bool		any = false;

	for (int i = 0; i < blockers->count; i++)
	{
		put_signed(format, i == 0 ? FIELD(PGT_FIELD_BLOCKER) : ",", blockers->pids[i]);
		any |= blockers->query_ids[i] != 0;
	}
	if (blockers->total > blockers->count)
		put_number(format, FIELD(PGT_FIELD_BLOCKERS), blockers->total);
	if (!any)
		return;
	for (int i = 0; i < blockers->count; i++)
		put_number(format, i == 0 ? FIELD(PGT_FIELD_BLOCKER_SQLID) "'" : ",",
				   blockers->query_ids[i]);
	put_string(format, "'");
}

/* Why a process waits for the worker */
static const char *
reason_field(uint32 reason)
{
	static const char *const fields[PGT_TRACER_REASONS] = {
		[PGT_TRACER_NONE] = "",
		[PGT_TRACER_ATTACH] = FIELD(PGT_FIELD_REASON) "attach",
		[PGT_TRACER_LIBRARY] = FIELD(PGT_FIELD_REASON) "library",
		[PGT_TRACER_QUEUE] = FIELD(PGT_FIELD_REASON) "queue",
		[PGT_TRACER_STOP] = FIELD(PGT_FIELD_REASON) "stop",
	};

	return reason < PGT_TRACER_REASONS ? fields[reason] : "";
}

static void
put_additions(PgtFormat *format, const Target *target, uint32 node)
{
	const PgtWait *wait = target->wait;
	const char *mode = mode_name(wait);

	put_quoted(format, QUOTED(PGT_FIELD_TYPE), wait->name->type,
			   strlen(wait->name->type));
	if (wait->target_kind == PGT_TARGET_FILE)
	{
		const struct pgt_file *file = &wait->target->file;

		if (target->file.kind == PGT_FILE_RELATION)
			put_fork(format, target->file.fork);
		put_string(format, FIELD(PGT_FIELD_FILE) "'");
		put_escaped(format, file->directory,
					strnlen(file->directory, PGT_FILE_NAME_LEN), '\'');
		put_string(format, "/");
		put_escaped(format, file->name,
					strnlen(file->name, PGT_FILE_NAME_LEN), '\'');
		put_string(format, "'");
	}
	else if (wait->target_kind == PGT_TARGET_BUFFER)
		put_fork(format, wait->target->buffer.fork);
	else if (wait->target_kind == PGT_TARGET_AIO)
	{
		put_fork(format, wait->target->aio.fork);
		put_aio_file(format, &wait->target->aio);
	}
	else if (wait->target_kind == PGT_TARGET_TRACER)
		put_string(format, reason_field(wait->target->tracer.reason));
	if (mode != NULL)
		put_quoted(format, QUOTED(PGT_FIELD_MODE), mode, strlen(mode));
	if (wait->blockers != NULL)
		put_blockers(format, wait->blockers);
	if (node != 0)
		put_number(format, FIELD(PGT_FIELD_NODE), node);
	if (wait->partial)
		put_string(format, FIELD(PGT_FIELD_PARTIAL) "1");
}

void
pgt_format_wait_line(PgtFormat *format, uint32 cursor, const PgtWait *wait,
					 uint32 node)
{
	Target		target = {.wait = wait};

	resolve(&target);
	put_number(format, PGT_LINE_WAIT " #", cursor);
	put_quoted(format, ":" QUOTED(PGT_FIELD_NAM), wait->name->name,
			   strlen(wait->name->name));
	/* the blank behind it is Oracle's */
	put_time(format, FIELD(PGT_FIELD_ELA) " ", wait->end_ns - wait->start_ns);
	put_parameters(format, &target);
	if (OidIsValid(target.relation))
		put_number(format, FIELD(PGT_FIELD_OBJECT_NUMBER), target.relation);
	else
		put_string(format, FIELD(PGT_FIELD_OBJECT_NUMBER) "-1");
	put_additions(format, &target, node);
	put_time(format, FIELD(PGT_FIELD_TIM), wait->end_ns);
	put_string(format, "\n");
}
