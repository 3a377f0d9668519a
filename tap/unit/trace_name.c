/*
 * trace_name.c
 *		Tests how names of trace files are made and read.
 */
#include <limits.h>

#include "bgworker/trace/trace_name.h"
#include "tap/unit/tap.h"

/* 2023-11-14 22:13:20 UTC */
#define BEGIN	1700000000

#define LETTERS_63 \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* A name that is made, and what is read from it */
static void
made(int pid, int number, const char *identifier, unsigned role,
	 const char *expected)
{
	char		name[PGT_TRACE_NAME_LEN];
	char		compressed[PGT_TRACE_NAME_LEN + 8];
	PgtTraceName parsed;

	pgt_trace_name_make(name, pid, BEGIN, number, identifier, role);
	is(name, expected, expected);
	ok(pgt_trace_name_parse(name, &parsed) && parsed.pid == pid &&
	   parsed.role == role && parsed.began == BEGIN && !parsed.compressed,
	   "is read as that of process %d, role %u", parsed.pid, parsed.role);
	snprintf(compressed, sizeof(compressed), "%s" PGT_COMPRESSED_SUFFIX, name);
	ok(pgt_trace_name_parse(compressed, &parsed) && parsed.pid == pid &&
	   parsed.role == role && parsed.compressed, "compressed: the same");
}

static void
is_none(const char *name)
{
	PgtTraceName parsed;

	ok(!pgt_trace_name_parse(name, &parsed), "no name: %.70s", name);
}

static void
test_made(void)
{
	made(1, 1, "", 0, "pg_trace_1_20231114T221320.trc");
	made(INT_MAX, 1, "", 0, "pg_trace_2147483647_20231114T221320.trc");
	made(42, 2, "", 0, "pg_trace_42_20231114T221320_2.trc");
	made(42, 1, "my-Id_1", 0, "pg_trace_42_20231114T221320_my-Id_1.trc");
	made(42, 3, "x", 16384, "pg_trace_42_20231114T221320_3_x.16384.trc");
	made(42, 1, "", UINT_MAX, "pg_trace_42_20231114T221320.4294967295.trc");
	made(42, 1, LETTERS_63, UINT_MAX,
		 "pg_trace_42_20231114T221320_" LETTERS_63 ".4294967295.trc");
	made(42, 1, LETTERS_63 "x", 0, "pg_trace_42_20231114T221320.trc");
	made(42, 1, "a.10", 0, "pg_trace_42_20231114T221320.trc");
	made(42, 1, "../x", 0, "pg_trace_42_20231114T221320.trc");
	made(42, 1, "a b", 0, "pg_trace_42_20231114T221320.trc");
	made(42, 1, "\xc3\xa4", 0, "pg_trace_42_20231114T221320.trc");
}

static void
test_none(void)
{
	char		long_name[PGT_TRACE_NAME_LEN + 50];

	is_none("");
	is_none("pg_trace_");
	is_none("Pg_trace_1_20231114T221320.trc");
	is_none("pg_trace_0_20231114T221320.trc");
	is_none("pg_trace_01_20231114T221320.trc");
	is_none("pg_trace_-1_20231114T221320.trc");
	is_none("pg_trace_2147483648_20231114T221320.trc");
	is_none("pg_trace_99999999999999999999_20231114T221320.trc");
	is_none("pg_trace_1-20231114T221320.trc");
	is_none("pg_trace_1_2023111T221320.trc");
	is_none("pg_trace_1_202311144T221320.trc");
	is_none("pg_trace_1_20231114 221320.trc");
	is_none("pg_trace_1_20231114T22132.trc");
	is_none("pg_trace_1_20231114T2213200.trc");
	is_none("pg_trace_1_20231114T221320");
	is_none("pg_trace_1_20231114T221320.trc.gz");
	is_none("pg_trace_1_20231114T221320.trc.zst.new");
	is_none("pg_trace_1_20231114T221320.zst");
	is_none("pg_trace_1_20231114T221320x.trc");
	is_none("pg_trace_1_20231114T221320_a/b.trc");
	is_none("pg_trace_1_20231114T221320_a.b.trc");
	is_none("pg_trace_1_20231114T221320.0.trc");
	is_none("pg_trace_1_20231114T221320.010.trc");
	is_none("pg_trace_1_20231114T221320.4294967296.trc");
	is_none("pg_trace_1_20231114T221320.1.2.trc");
	is_none("pg_trace_1_20231114T221320..trc");

	memset(long_name, 'x', sizeof(long_name));
	memcpy(long_name, "pg_trace_1_20231114T221320_", 27);
	memcpy(long_name + sizeof(long_name) - 5, ".trc", 5);
	is_none(long_name);
}

/* Names of a trace's parts */
static void
part(const char *of, unsigned number, const char *expected)
{
	char		name[PGT_TRACE_NAME_LEN];
	PgtTraceName parsed;

	ok(pgt_trace_name_part(name, of, number), "part %u of %s", number, of);
	is(name, expected, expected);
	ok(pgt_trace_name_parse(name, &parsed) && parsed.part == number,
	   "is read as part %u", parsed.part);
}

static void
test_parts(void)
{
	const char *first = "pg_trace_1_20231114T221320_a.trc";
	const char *of_role = "pg_trace_1_20231114T221320.16384.trc";
	char		name[PGT_TRACE_NAME_LEN];

	part(first, 2, "pg_trace_1_20231114T221320_a.p2.trc");
	part("pg_trace_1_20231114T221320_a.p2.trc", 3,
		 "pg_trace_1_20231114T221320_a.p3.trc");
	part("pg_trace_1_20231114T221320_a.p10.trc", 1, first);
	part(of_role, 4294967295, "pg_trace_1_20231114T221320.p4294967295.16384.trc");
	part("pg_trace_1_20231114T221320.p2.16384.trc", 1, of_role);
	ok(!pgt_trace_name_part(name, "x.trc", 2), "no part of what is no trace");
	is_none("pg_trace_1_20231114T221320.p1.trc");
	is_none("pg_trace_1_20231114T221320.p0.trc");
	is_none("pg_trace_1_20231114T221320.p.trc");
	is_none("pg_trace_1_20231114T221320.p02.trc");
	is_none("pg_trace_1_20231114T221320.p4294967296.trc");
	is_none("pg_trace_1_20231114T221320.16384.p2.trc");
}

static void
folder(int number, const char *expected)
{
	char		name[PGT_TRACE_FOLDER_LEN];
	PgtTraceFolder parsed;

	pgt_trace_folder_make(name, BEGIN, number);
	is(name, expected, expected);
	ok(pgt_trace_folder_parse(name, &parsed) && parsed.day == 20231114 &&
	   parsed.number == (unsigned) number, "is read as that of day %d, number %u",
	   parsed.day, parsed.number);
}

static void
is_no_folder(const char *name)
{
	PgtTraceFolder parsed;

	ok(!pgt_trace_folder_parse(name, &parsed), "no folder: %s", name);
}

static void
test_folders(void)
{
	folder(1, "pgsql_tmp_20231114");
	folder(2, "pgsql_tmp_20231114_2");
	folder(INT_MAX, "pgsql_tmp_20231114_2147483647");
	is_no_folder("");
	is_no_folder("pgsql_tmp");
	is_no_folder("pgsql_tmp_2023111");
	is_no_folder("pgsql_tmp_202311140");
	is_no_folder("pgsql_tmp_20231114_");
	is_no_folder("pgsql_tmp_20231114_1");
	is_no_folder("pgsql_tmp_20231114_02");
	is_no_folder("pgsql_tmp_20231114_2147483648");
	is_no_folder("pgsql_tmp_20231114_2/..");
	is_no_folder("pgsql_tmp_20231114.x");
	is_no_folder("20231114");
}

int
main(void)
{
	test_made();
	test_none();
	test_parts();
	test_folders();
	return done();
}
