/*
 * directory.h
 *		The directory of the trace files.
 *
 * For the worker only.
 */
#ifndef PGT_TRACE_DIRECTORY_H
#define PGT_TRACE_DIRECTORY_H

/*
 * Open pg_trace.output_directory as it is set now, creating it if it is
 * missing.  path (MAXPGPATH bytes) receives its absolute path.  Returns -1 with
 * a reason in error.
 */
extern int	pgt_trace_directory_open(char *path, char *error,
									 size_t error_len);

#endif							/* PGT_TRACE_DIRECTORY_H */
