/*
 * trace_name.h
 *		The names of a trace file and of the folder that it is in.
 *
 *		pgsql_tmp_<UTC day>[_<number>]/
 *		pg_trace_<pid>_<UTC time>[_<number>][_<identifier>][.p<part>][.<role>]
 *		.trc[.zst]
 *
 * Needs nothing of PostgreSQL, so that programs can read such names as well.
 */
#ifndef PGT_TRACE_TRACE_NAME_H
#define PGT_TRACE_TRACE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* Room for any such name, with its 0 byte */
#define PGT_TRACE_NAME_LEN		160
#define PGT_TRACE_FOLDER_LEN	48

/* What a compressed file's name has at its end */
#define PGT_COMPRESSED_SUFFIX	".zst"

/* What a file's name tells */
typedef struct PgtTraceName
{
	int			pid;
	time_t		began;
	unsigned	part;			/* from 1 on, which isn't in the name */
	unsigned	role;			/* OID of who began the trace, 0: a superuser */
	bool		compressed;
} PgtTraceName;

/* What a folder's name tells */
typedef struct PgtTraceFolder
{
	int			day;			/* as 20261125 */
	unsigned	number;			/* from 1 on */
} PgtTraceFolder;

/*
 * Make the name of process pid's trace that begins at that time.  number is
 * from 1 on, for those that begin in the same second; role is the OID of who
 * began it, 0 for a superuser.  An identifier that isn't made of letters,
 * digits, underscores and hyphens is left out.
 */
extern void pgt_trace_name_make(char name[PGT_TRACE_NAME_LEN], int pid,
								time_t time, int number,
								const char *identifier, unsigned role);

/* Is that the name of a trace file?  If so, take it apart. */
extern bool pgt_trace_name_parse(const char *name, PgtTraceName *parsed);

/*
 * Make the name of another part of the trace that has a file of that name.
 * Returns false if there can't be one.
 */
extern bool pgt_trace_name_part(char name[PGT_TRACE_NAME_LEN], const char *of,
								unsigned part);

/* Make the name of the number-th folder for traces that begin that day. */
extern void pgt_trace_folder_make(char name[PGT_TRACE_FOLDER_LEN],
								  time_t time, int number);

/* Is that the name of such a folder?  If so, take it apart. */
extern bool pgt_trace_folder_parse(const char *name, PgtTraceFolder *parsed);

#endif							/* PGT_TRACE_TRACE_NAME_H */
