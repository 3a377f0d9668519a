/*
 * sql_id.c
 *		Tests the query identifiers of statements.
 */
#include "bgworker/trace/sql_id.h"
#include "tap/unit/tap.h"

static void
id_is(uint64_t id, const char *expected)
{
	char		text[PGT_SQL_ID_LEN + 1] = "";

	pgt_sql_id(id, text);
	is(text, expected, expected);
}

int
main(void)
{
	id_is(0, "0000000000000");
	id_is(31, "000000000000z");
	id_is(UINT64_MAX, "gzzzzzzzzzzzz");
	/* of a statement that is in many of Oracle's files, with its hash value */
	id_is(UINT64_C(10784275964862160707), "9babjv8yq8ru3");
	ok((uint32_t) UINT64_C(10784275964862160707) == 1029988163,
	   "the lowest 32 bits are hv");
	return done();
}
