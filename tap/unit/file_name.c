/*
 * file_name.c
 *		Tests what the names of a server's files tell.
 */
#include "bgworker/trace/file_name.h"
#include "tap/unit/tap.h"

#define MB	(1024 * 1024)

static void
is_relation(const char *directory, const char *file, uint32_t database,
			uint32_t number, PgtFork fork, uint64_t segment)
{
	PgtFileName name;

	pgt_file_name_parse(directory, file, 16 * MB, &name);
	ok(name.kind == PGT_FILE_RELATION && name.database == database &&
	   name.number == number && name.fork == fork && name.segment == segment,
	   "%s/%s: kind %d, %u, %u, fork %d, segment %llu", directory, file,
	   name.kind, name.database, name.number, name.fork,
	   (unsigned long long) name.segment);
}

static void
is_wal(const char *file, uint32_t segment_size, uint64_t segment)
{
	PgtFileName name;

	pgt_file_name_parse("pg_wal", file, segment_size, &name);
	ok(name.kind == PGT_FILE_WAL && name.segment == segment,
	   "%s, %u: kind %d, %llu", file, segment_size, name.kind,
	   (unsigned long long) name.segment);
}

static void
is_other(const char *directory, const char *file)
{
	PgtFileName name;

	pgt_file_name_parse(directory, file, 16 * MB, &name);
	ok(name.kind == PGT_FILE_OTHER, "%s/%s is none", directory, file);
}

static void
test_relations(void)
{
	is_relation("5", "16384", 5, 16384, PGT_FORK_MAIN, 0);
	is_relation("5", "16384_fsm", 5, 16384, PGT_FORK_FSM, 0);
	is_relation("5", "16384_vm.3", 5, 16384, PGT_FORK_VM, 3);
	is_relation("5", "16384_init", 5, 16384, PGT_FORK_INIT, 0);
	is_relation("5", "16384.12", 5, 16384, PGT_FORK_MAIN, 12);
	is_relation("5", "t3_16384", 5, 16384, PGT_FORK_MAIN, 0);
	is_relation("5", "t0_16384_fsm.1", 5, 16384, PGT_FORK_FSM, 1);
	is_relation("global", "1262", 0, 1262, PGT_FORK_MAIN, 0);
	is_relation("4294967295", "4294967295.4294967295", UINT32_MAX, UINT32_MAX,
				PGT_FORK_MAIN, UINT32_MAX);

	is_other("", "16384");
	is_other("5", "");
	is_other("5a", "16384");
	is_other("global1", "16384");
	is_other("5", "16384a");
	is_other("5", "16384_");
	is_other("5", "16384_main");
	is_other("5", "16384_fsmx");
	is_other("5", "16384.");
	is_other("5", "16384.1.2");
	is_other("5", "16384.1_fsm");
	is_other("5", "t16384");
	is_other("5", "t_16384");
	is_other("5", "t1_t2_3");
	is_other("5", "016384");
	is_other("05", "16384");
	is_other("5", "4294967296");
	is_other("5", "18446744073709551616");
	is_other("4294967296", "1");
	is_other("5", "1.4294967296");
	is_other("5", "-1");
	is_other("5", "+1");
	is_other("5", " 1");
	is_other("5", "PG_VERSION");
	is_other("pgsql_tmp", "pgsql_tmp123.0");
}

static void
test_wal(void)
{
	is_wal("000000010000000000000001", 16 * MB, 1);
	is_wal("000000010000000000000001", 1024u * MB, 1);
	is_wal("0000000100000002000000FF", 16 * MB, 2 * 256 + 255);
	is_wal("0000000100000002000000FF", 1 * MB, 2 * 4096 + 255);
	is_wal("FFFFFFFFFFFFFFFFFFFFFFFF", 1 * MB,
		   UINT64_C(0xFFFFFFFF) * 4096 + 0xFFFFFFFF);
	is_wal("ABCDEF010000000A0000000B", 1024u * MB, 10 * 4 + 11);

	is_other("pg_wal", "00000001000000000000000");
	is_other("pg_wal", "0000000100000000000000011");
	is_other("pg_wal", "00000001000000000000000a");
	is_other("pg_wal", "00000001000000000000000G");
	is_other("pg_wal", "00000001000000000000000:");
	is_other("pg_wal", "00000001000000000000000@");
	is_other("pg_wal", "000000010000000000000001.partial");
}

static void
test_unknown_segment_size(void)
{
	PgtFileName name;

	pgt_file_name_parse("pg_wal", "000000010000000000000001", 0, &name);
	ok(name.kind == PGT_FILE_OTHER, "no WAL without a segment size");
}

int
main(void)
{
	test_relations();
	test_wal();
	test_unknown_segment_size();
	ok(pgt_fork_name(PGT_FORK_MAIN) == NULL &&
	   pgt_fork_name(PGT_FORK_INVALID) == NULL &&
	   pgt_fork_name(PGT_FORKS) == NULL && pgt_fork_name(255) == NULL,
	   "forks without a name");
	is(pgt_fork_name(PGT_FORK_FSM), "fsm", "fsm");
	is(pgt_fork_name(PGT_FORK_VM), "vm", "vm");
	is(pgt_fork_name(PGT_FORK_INIT), "init", "init");
	return done();
}
