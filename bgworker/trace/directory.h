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

/*
 * Open a file in it that is there already, with these flags and whatever keeps
 * that from waiting and from leaving the directory.  Returns -1 with a reason
 * in error, also if it isn't a regular file of the server's user with this one
 * name.
 */
extern int	pgt_trace_directory_open_file(int directory_fd, const char *name,
										  int flags, char *error,
										  size_t error_len);

#endif							/* PGT_TRACE_DIRECTORY_H */
