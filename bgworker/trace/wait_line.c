/*
 * wait_line.c
 *		The lines of waits.
 *
 * WAIT #n: nam='...' ela= N <three parameters> <additions> obj#=N tim=N
 *
 * So do all lines of genuine files end, which have just three parameters and no
 * quote but those of nam.  Parameters are numbers, by Oracle's names where it
 * has any: file#, block#, blocks, log#, row#, #bytes.  Those that a wait doesn't
 * have are p1=0, p2=0, p3=0, as Oracle prints them, and mean nothing.  Everything
 * that Oracle doesn't know is an addition, a value without blanks and quotes.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "common/relpath.h"
#include "storage/lock.h"
#include "storage/lwlock.h"

#include "bgworker/trace/file_name.h"
#include "bgworker/trace/header.h"
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
	int			parameters;		/* printed so far */
	const char *fourth_label;	/* NULL, or there is one more than three */
	uint32		fourth;
} Target;

/* ----------
 * Parameters
 * ----------
 */

static void
put_parameter(PgtFormat *format, Target *target, const char *label, uint64 value)
{
	put_number(format, label, value);
	target->parameters++;
}

static void
put_signed_parameter(PgtFormat *format, Target *target, const char *label,
					 int64 value)
{
	put_signed(format, label, value);
	target->parameters++;
}

/* block# and blocks of a place in a file that begins with block first */
static void
put_blocks(PgtFormat *format, Target *target, uint64 first, uint32 block_size)
{
	const struct pgt_file *file = &target->wait->target->file;
	uint64		last = (file->offset + file->size + block_size - 1) / block_size;
	uint64		block = file->offset / block_size;

	if (!(file->known & PGT_FILE_HAS_OFFSET))
		return;
	put_parameter(format, target, FIELD(PGT_FIELD_BLOCK_NUMBER), first + block);
	if (file->known & PGT_FILE_HAS_SIZE)
		put_parameter(format, target, FIELD(PGT_FIELD_BLOCKS),
					  last > block ? last - block : 0);
}

static void
put_file(PgtFormat *format, Target *target)
{
	const PgtFileName *name = &target->file;

	switch (name->kind)
	{
		case PGT_FILE_RELATION:
			put_parameter(format, target, FIELD(PGT_FIELD_FILE_NUMBER),
						  name->number);
			put_blocks(format, target, name->segment * RELSEG_SIZE, BLCKSZ);
			break;
		case PGT_FILE_WAL:
			put_parameter(format, target, FIELD(PGT_FIELD_LOG_NUMBER),
						  name->segment);
			put_blocks(format, target, 0, XLOG_BLCKSZ);
			break;
		case PGT_FILE_OTHER:
			put_blocks(format, target, 0, BLCKSZ);
			break;
	}
}

static void
put_advisory_lock(PgtFormat *format, Target *target,
				  const struct pgt_lock *lock)
{
	put_parameter(format, target, FIELD(PGT_FIELD_DBID), lock->field1);
	if (lock->field4 == 1)
		put_signed_parameter(format, target, FIELD(PGT_FIELD_KEY),
							 (int64) ((uint64) lock->field2 << 32 | lock->field3));
	else
	{
		put_signed_parameter(format, target, " " PGT_FIELD_KEY "1=",
							 (int32) lock->field2);
		put_signed_parameter(format, target, " " PGT_FIELD_KEY "2=",
							 (int32) lock->field3);
	}
}

/*
 * What the numbers in a LOCKTAG are depends on its type: see lock.h.  Where
 * there are four, one is an addition.
 */
static void
put_lock(PgtFormat *format, Target *target, const struct pgt_lock *lock)
{
	switch ((LockTagType) lock->type)
	{
		case LOCKTAG_RELATION:
		case LOCKTAG_RELATION_EXTEND:
		case LOCKTAG_DATABASE_FROZEN_IDS:
			put_parameter(format, target, FIELD(PGT_FIELD_DBID), lock->field1);
			break;
		case LOCKTAG_PAGE:
			put_parameter(format, target, FIELD(PGT_FIELD_DBID), lock->field1);
			put_parameter(format, target, FIELD(PGT_FIELD_BLOCK_NUMBER), lock->field3);
			break;
		case LOCKTAG_TUPLE:
			put_parameter(format, target, FIELD(PGT_FIELD_DBID), lock->field1);
			put_parameter(format, target, FIELD(PGT_FIELD_BLOCK_NUMBER), lock->field3);
			put_parameter(format, target, FIELD(PGT_FIELD_ROW_NUMBER), lock->field4);
			break;
		case LOCKTAG_TRANSACTION:
			put_parameter(format, target, FIELD(PGT_FIELD_XID), lock->field1);
			if (target->wait->target->row_number == 0)
				break;
			put_parameter(format, target, FIELD(PGT_FIELD_BLOCK_NUMBER),
						  target->wait->target->row_block);
			put_parameter(format, target, FIELD(PGT_FIELD_ROW_NUMBER),
						  target->wait->target->row_number);
			break;
		case LOCKTAG_VIRTUALTRANSACTION:
			put_parameter(format, target, FIELD(PGT_FIELD_BACKEND), lock->field1);
			put_parameter(format, target, FIELD(PGT_FIELD_LXID), lock->field2);
			break;
		case LOCKTAG_SPECULATIVE_TOKEN:
			put_parameter(format, target, FIELD(PGT_FIELD_XID), lock->field1);
			put_parameter(format, target, FIELD(PGT_FIELD_TOKEN), lock->field2);
			break;
		case LOCKTAG_OBJECT:
			put_parameter(format, target, FIELD(PGT_FIELD_CLASSID), lock->field2);
			put_parameter(format, target, FIELD(PGT_FIELD_OBJID), lock->field3);
			put_parameter(format, target, FIELD(PGT_FIELD_OBJSUBID), lock->field4);
			target->fourth_label = FIELD(PGT_FIELD_DBID);
			target->fourth = lock->field1;
			break;
		case LOCKTAG_ADVISORY:
			put_advisory_lock(format, target, lock);
			break;
		default:
			put_parameter(format, target, " " PGT_FIELD_FIELD "1=", lock->field1);
			put_parameter(format, target, " " PGT_FIELD_FIELD "2=", lock->field2);
			put_parameter(format, target, " " PGT_FIELD_FIELD "3=", lock->field3);
			target->fourth_label = " " PGT_FIELD_FIELD "4=";
			target->fourth = lock->field4;
			break;
	}
}

static void
put_parameters(PgtFormat *format, Target *target)
{
	static const char *const missing[PGT_PARAMETERS] = {
		" p1=0", " p2=0", " p3=0"
	};
	const PgtWait *wait = target->wait;

	switch (wait->target_kind)
	{
		case PGT_TARGET_FILE:
			put_file(format, target);
			break;
		case PGT_TARGET_LOCK:
			put_lock(format, target, &wait->target->lock);
			break;
		case PGT_TARGET_BUFFER:
			put_parameter(format, target, FIELD(PGT_FIELD_FILE_NUMBER),
						  wait->target->buffer.file);
			put_parameter(format, target, FIELD(PGT_FIELD_BLOCK_NUMBER),
						  wait->target->buffer.block);
			put_parameter(format, target, FIELD(PGT_FIELD_BLOCKS), 1);
			break;
		case PGT_TARGET_AIO:
			put_parameter(format, target, FIELD(PGT_FIELD_FILE_NUMBER),
						  wait->target->aio.file);
			put_parameter(format, target, FIELD(PGT_FIELD_BLOCK_NUMBER),
						  wait->target->aio.block);
			put_parameter(format, target, FIELD(PGT_FIELD_BLOCKS),
						  wait->target->aio.nblocks);
			break;
		default:
			if (wait->client_bytes != PGT_NO_BYTES)
				put_parameter(format, target, FIELD(PGT_FIELD_BYTES),
							  wait->client_bytes);
			break;
	}
	while (target->parameters < PGT_PARAMETERS)
		put_string(format, missing[target->parameters++]);
}

/* ----------
 * The relation
 * ----------
 */

static Oid
locked_relation(const struct pgt_target *target)
{
	const struct pgt_lock *lock = &target->lock;

	switch ((LockTagType) lock->type)
	{
		case LOCKTAG_TRANSACTION:
			return target->row_relation;
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
			target->relation = locked_relation(wait->target);
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
	{
		put_string(format, FIELD(PGT_FIELD_FORK));
		put_string(format, pgt_fork_name(fork));
	}
}

/* As the kernel would show the file, which another process may have open */
static void
put_aio_file(PgtFormat *format, const struct pgt_aio *aio)
{
	if (aio->database != 0)
		put_number(format, FIELD(PGT_FIELD_FILE), aio->database);
	else
		put_string(format, FIELD(PGT_FIELD_FILE) "global");
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
}

static void
put_target(PgtFormat *format, const Target *target)
{
	const PgtWait *wait = target->wait;
	const struct pgt_file *file;

	switch (wait->target_kind)
	{
		case PGT_TARGET_FILE:
			file = &wait->target->file;
			if (target->file.kind == PGT_FILE_RELATION)
				put_fork(format, target->file.fork);
			put_bare(format, FIELD(PGT_FIELD_FILE), file->directory,
					 strnlen(file->directory, PGT_FILE_NAME_LEN));
			put_bare(format, "/", file->name,
					 strnlen(file->name, PGT_FILE_NAME_LEN));
			break;
		case PGT_TARGET_BUFFER:
			put_fork(format, wait->target->buffer.fork);
			break;
		case PGT_TARGET_AIO:
			put_fork(format, wait->target->aio.fork);
			put_aio_file(format, &wait->target->aio);
			break;
		case PGT_TARGET_LOCK:
			if (target->fourth_label != NULL)
				put_number(format, target->fourth_label, target->fourth);
			break;
	}
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

/* Of processes of other roles, nothing but who they are is shown. */
static void
put_activities(PgtFormat *format, const PgtBlockers *blockers)
{
	for (int i = 0; i < blockers->count; i++)
	{
		const char *label = i == 0 ? FIELD(PGT_FIELD_BLOCKER_SQLID) : ",";

		if (blockers->query_ids[i] != 0)
			put_sql_id(format, label, blockers->query_ids[i]);
		else
			put_number(format, label, 0);
	}
	for (int i = 0; i < blockers->count; i++)
		put_bare(format, i == 0 ? FIELD(PGT_FIELD_BLOCKER_STATE) : ",",
				 blockers->known[i] ? blockers->states[i] : "unknown",
				 strlen(blockers->known[i] ? blockers->states[i] : "unknown"));
	for (int i = 0; i < blockers->count; i++)
	{
		put_string(format, i == 0 ? FIELD(PGT_FIELD_BLOCKER_XACT) : ",");
		if (blockers->xact_starts[i] != 0)
			pgt_format_timestamp(format, blockers->xact_starts[i]);
		else
			put_string(format, "0");
	}
}

static void
put_blockers(PgtFormat *format, const PgtBlockers *blockers)
{
	bool		any = false;

	for (int i = 0; i < blockers->count; i++)
	{
		put_signed(format, i == 0 ? FIELD(PGT_FIELD_BLOCKER) : ",", blockers->pids[i]);
		any |= blockers->known[i];
	}
	if (blockers->total > blockers->count)
		put_number(format, FIELD(PGT_FIELD_BLOCKERS), blockers->total);
	if (any)
		put_activities(format, blockers);
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

/*
 * Such that ela - cpu is the time off the CPU, cut to microseconds as any other
 * time: of many waits, what each of them is cut by would add up.
 */
static void
put_cpu(PgtFormat *format, const PgtWait *wait)
{
	uint64		ela_us = us_between(wait->start_ns, wait->end_ns);
	uint64		off_ns = wait->end_ns - wait->start_ns - wait->cpu_ns;

	put_number(format, FIELD(PGT_FIELD_CPU),
			   ela_us - Min(off_ns / NS_IN_US, ela_us));
}

static void
put_additions(PgtFormat *format, const Target *target, uint32 node,
			  uint64 worked_us)
{
	const PgtWait *wait = target->wait;
	const char *mode = mode_name(wait);

	put_bare(format, FIELD(PGT_FIELD_TYPE), wait->name->type,
			 strlen(wait->name->type));
	if (node != 0)
		put_number(format, FIELD(PGT_FIELD_NODE), node);
	put_target(format, target);
	if (wait->target_kind == PGT_TARGET_TRACER)
		put_string(format, reason_field(wait->target->tracer.reason));
	if (mode != NULL)
		put_bare(format, FIELD(PGT_FIELD_MODE), mode, strlen(mode));
	if (wait->blockers != NULL)
		put_blockers(format, wait->blockers);
	if (wait->cpu_is_known)
		put_cpu(format, wait);
	if (worked_us != 0)
		put_number(format, FIELD(PGT_FIELD_PROTOCOL), worked_us);
	if (wait->continued)
		put_string(format, FIELD(PGT_FIELD_CONT) "1");
	if (wait->partial)
		put_string(format, FIELD(PGT_FIELD_PARTIAL) "1");
}

/* Names of light-weight locks are those of other waits, too. */
static void
put_name(PgtFormat *format, const PgtWaitName *name)
{
	put_string(format, name->is_lwlock ?
			   ":" QUOTED(PGT_FIELD_NAM) PGT_LWLOCK_PREFIX :
			   ":" QUOTED(PGT_FIELD_NAM));
	put_escaped(format, name->name, strlen(name->name), PGT_QUOTELESS);
	put_string(format, "'");
}

void
pgt_format_wait_line(PgtFormat *format, uint32 cursor, const PgtWait *wait,
					 uint32 node, uint64 worked_us)
{
	Target		target = {.wait = wait};

	resolve(&target);
	put_number(format, PGT_LINE_WAIT " #", cursor);
	put_name(format, wait->name);
	/* the blank behind it is Oracle's */
	put_number(format, FIELD(PGT_FIELD_ELA) " ",
			   us_between(wait->start_ns, wait->end_ns));
	put_parameters(format, &target);
	put_additions(format, &target, node, worked_us);
	if (OidIsValid(target.relation))
		put_number(format, FIELD(PGT_FIELD_OBJECT_NUMBER), target.relation);
	else
		put_string(format, FIELD(PGT_FIELD_OBJECT_NUMBER) "-1");
	put_time(format, FIELD(PGT_FIELD_TIM), wait->end_ns);
	put_string(format, "\n");
}
