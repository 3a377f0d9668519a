/*
 * file_lock.h
 *		Whoever writes, compresses or removes a trace file has locked it.
 *
 * The lock is the kernel's and belongs to the open file: it holds between all
 * threads, processes and servers that use the directory, and is gone with
 * whoever had it.  So "is it being written?" has an answer without a list that
 * others could spoil.  Needs nothing of PostgreSQL.
 */
#ifndef PGT_TRACE_FILE_LOCK_H
#define PGT_TRACE_FILE_LOCK_H

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

/*
 * Lock the file, which is open for writing, until fd is closed.  Returns false
 * with errno if that can't be done; EAGAIN or EACCES: someone else has it.
 */
static inline bool
pgt_file_lock(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Has someone else locked it? */
static inline bool
pgt_file_is_locked(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

#endif							/* PGT_TRACE_FILE_LOCK_H */
