/*
 * trace_name.h
 *		The name of a trace file.
 *
 *		pg_trace_<pid>_<UTC time>[_<number>][_<identifier>][.<role>].trc
 *
 * Needs nothing of PostgreSQL, so that programs can read such names as well.
 */
#ifndef PGT_TRACE_TRACE_NAME_H
#define PGT_TRACE_TRACE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* Room for any such name, with its 0 byte */
#define PGT_TRACE_NAME_LEN	160

/*
 * Make the name of process pid's trace that begins at that time.  number is
 * from 1 on, for those that begin in the same second; role is the OID of who
 * began it, 0 for a superuser.  An identifier that isn't made of letters,
 * digits, underscores and hyphens is left out.
 */
extern void pgt_trace_name_make(char name[PGT_TRACE_NAME_LEN], int pid,
								time_t time, int number,
								const char *identifier, unsigned role);

/*
 * Is that the name of a trace file?  If so, *pid and *role are what it says.
 */
extern bool pgt_trace_name_parse(const char *name, int *pid, unsigned *role);

#endif							/* PGT_TRACE_TRACE_NAME_H */
