/*
 * role_files.h
 *		How many trace files a role has.
 *
 * For the worker only.
 */
#ifndef PGT_TRACE_ROLE_FILES_H
#define PGT_TRACE_ROLE_FILES_H

/*
 * May role, which is no superuser, have one more file in that directory, as
 * pg_trace.max_files_per_role says?  If so, the file counts.  May raise an
 * error for want of memory.
 */
extern bool pgt_role_files_take(int directory_fd, Oid role);

#endif							/* PGT_TRACE_ROLE_FILES_H */
