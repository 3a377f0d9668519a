/*
 * without_server.h
 *		What unit tests have in the place of a server.
 *
 * Code that is written for a server and needs little of it is compiled with
 * the server's headers and linked with without_server.c and the libraries for programs
 * libpgcommon and libpgport, where palloc() is malloc().  Whatever would raise
 * an error ends the test.
 */
#ifndef PGT_UNIT_SUPPORT_WITHOUT_SERVER_H
#define PGT_UNIT_SUPPORT_WITHOUT_SERVER_H

/* What allocations that may fail do from now on: fail after so many. */
#define TEST_NO_LIMIT	(-1)

extern int	test_allocations_left;

/* All clocks, in ns; the wall clock's is added to the others. */
extern uint64 test_now_ns;
extern uint64 test_wall_ns;

/* Text that pgt_redact_foreign() and pgt_redact_value() hide, or NULL */
extern const char *test_secret;

#endif							/* PGT_UNIT_SUPPORT_WITHOUT_SERVER_H */
