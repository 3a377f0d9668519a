/*
 * compress.c
 *		Compresses a trace file that is complete, by zstd.
 *
 * The whole new file is on the disk before it gets its name and the old one
 * loses its own.  A crash in between leaves both, of which the old one is
 * compressed once more, or a file under the name that the new one has at first,
 * which is removed when the old one is compressed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "bgworker/trace/compress.h"
#include "bgworker/trace/trace_name.h"

/* Traces are so repetitive that level 3 costs more and saves nothing. */
#define LEVEL	1

typedef struct Compression
{
	ZSTD_CCtx  *context;
	ZSTD_inBuffer in;
	ZSTD_outBuffer out;
	uint64_t	written;
} Compression;

static bool
write_all(int fd, const char *data, size_t len)
{
	while (len > 0)
	{
		ssize_t		written = write(fd, data, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		data += written;
		len -= (size_t) written;
	}
	return true;
}

/* Compress what was read, and write it; at the file's end, all that is left. */
static bool
put(Compression *compression, int fd, bool last)
{
	ZSTD_EndDirective mode = last ? ZSTD_e_end : ZSTD_e_continue;
	size_t		left;

	do
	{
		compression->out.pos = 0;
		left = ZSTD_compressStream2(compression->context, &compression->out,
									&compression->in, mode);
		if (ZSTD_isError(left))
		{
			errno = EINVAL;
			return false;
		}
		if (!write_all(fd, compression->out.dst, compression->out.pos))
			return false;
		compression->written += compression->out.pos;
	} while (last ? left != 0 : compression->in.pos < compression->in.size);
	return true;
}

static bool
copy(Compression *compression, int from_fd, int to_fd)
{
	size_t		size = ZSTD_CStreamInSize();
	char	   *buffer = malloc(size);
	bool		done = false;
	off_t		at = 0;

	while (buffer != NULL)
	{
		ssize_t		len = pread(from_fd, buffer, size, at);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			break;
		at += len;
		compression->in.src = buffer;
		compression->in.size = (size_t) len;
		compression->in.pos = 0;
		done = put(compression, to_fd, len == 0);
		if (!done || len == 0)
			break;
	}
	free(buffer);
	return done;
}

/* The new file's contents, and its time; on the disk */
static bool
fill(int from_fd, int to_fd, uint64_t *after)
{
	Compression compression = {.context = ZSTD_createCCtx()};
	size_t		size = ZSTD_CStreamOutSize();
	struct stat st;
	bool		done = false;

	compression.out.dst = malloc(size);
	compression.out.size = size;
	if (compression.context != NULL && compression.out.dst != NULL &&
		fstat(from_fd, &st) == 0)
	{
		struct timespec times[2] = {st.st_mtim, st.st_mtim};

		(void) ZSTD_CCtx_setParameter(compression.context,
									  ZSTD_c_compressionLevel, LEVEL);
		(void) ZSTD_CCtx_setParameter(compression.context,
									  ZSTD_c_checksumFlag, 1);
		(void) ZSTD_CCtx_setPledgedSrcSize(compression.context,
										   (unsigned long long) st.st_size);
		done = copy(&compression, from_fd, to_fd) &&
			futimens(to_fd, times) == 0 && fsync(to_fd) == 0;
	}
	ZSTD_freeCCtx(compression.context);
	free(compression.out.dst);
	*after = compression.written;
	return done;
}

bool
pgt_compress_file(int folder_fd, const char *name, int fd, uint64_t *after,
				  char *error, size_t error_len)
{
	char		finished[PGT_TRACE_NAME_LEN + 16];
	char		unfinished[PGT_TRACE_NAME_LEN + 16];
	int			new_fd;
	bool		done;

	snprintf(finished, sizeof(finished), "%s" PGT_COMPRESSED_SUFFIX, name);
	snprintf(unfinished, sizeof(unfinished), "%s" PGT_UNFINISHED_SUFFIX,
			 name);
	(void) unlinkat(folder_fd, unfinished, 0);
	new_fd = openat(folder_fd, unfinished,
					O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
					S_IRUSR | S_IWUSR);
	done = new_fd >= 0 && fill(fd, new_fd, after) &&
		renameat(folder_fd, unfinished, folder_fd, finished) == 0;
	if (!done)
	{
		snprintf(error, error_len, "could not compress file \"%s\": %m", name);
		if (new_fd >= 0)
			(void) unlinkat(folder_fd, unfinished, 0);
	}
	else
		(void) unlinkat(folder_fd, name, 0);
	if (new_fd >= 0)
		close(new_fd);
	return done;
}
