/*
 * compress.h
 *		Compresses a trace file that is complete, by zstd.
 *
 * Needs nothing of PostgreSQL: the thread of housekeeper.c does it.
 */
#ifndef PGT_TRACE_COMPRESS_H
#define PGT_TRACE_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a file that is being made has at the end of its name */
#define PGT_UNFINISHED_SUFFIX	".new"

/*
 * Put <name>.zst, with the same time of last change, in the place of the file
 * of that name, which the caller has open and locked.  Returns false with a
 * reason in error; the file is as before then.  *after is the new size.
 */
extern bool pgt_compress_file(int folder_fd, const char *name, int fd,
							  uint64_t *after, char *error,
							  size_t error_len);

#endif							/* PGT_TRACE_COMPRESS_H */
