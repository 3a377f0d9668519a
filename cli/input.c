/*
 * input.c
 *		Reads files, as they are or decompressed.
 *
 * file -> [raw, if it is compressed] -> the reader's buffer
 */
#include "postgres_fe.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "common/logging.h"

#include "cli/input.h"

#define RAW_SIZE		(256 * 1024)

/* How often a file is looked at that may grow, in ms */
#define POLL_MS			100

typedef enum Compression
{
	UNKNOWN,					/* nothing is read yet */
	PLAIN,
	GZIP,
	ZSTD
} Compression;

struct PgtInput
{
	char	   *name;
	int			fd;
	uint64_t	size;			/* of a file, else 0 */
	uint64_t	done;
	Compression compression;
	char		raw[RAW_SIZE];	/* what isn't decompressed yet: */
	size_t		begin;			/* raw[begin] */
	size_t		end;			/* up to raw[end - 1] */
	bool		at_end;
	bool		in_frame;		/* compressed data must go on */
	z_stream	gzip;
	ZSTD_DStream *zstd;
	char		problem[256];	/* "" if there is none */
};

PgtInput *
pgt_input_open(const char *name)
{
	PgtInput   *input;
	struct stat status;
	bool		standard = strcmp(name, "-") == 0;
	int			fd = standard ? dup(STDIN_FILENO) :
		open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) != 0)
	{
		pg_log_error("could not open \"%s\": %m", name);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	input = pg_malloc0(sizeof(PgtInput));
	input->name = pg_strdup(standard ? "standard input" : name);
	input->fd = fd;
	if (S_ISREG(status.st_mode))
		input->size = status.st_size;
	return input;
}

void
pgt_input_close(PgtInput *input)
{
	if (input->compression == GZIP)
		inflateEnd(&input->gzip);
	if (input->compression == ZSTD)
		ZSTD_freeDStream(input->zstd);
	close(input->fd);
	pg_free(input->name);
	pg_free(input);
}

const char *
pgt_input_name(const PgtInput *input)
{
	return input->name;
}

const char *
pgt_input_problem(const PgtInput *input)
{
	return input->problem[0] != '\0' ? input->problem : NULL;
}

void
pgt_input_progress(const PgtInput *input, uint64_t *done, uint64_t *total)
{
	*done = input->done;
	*total = input->size;
}

static ssize_t
read_bytes(PgtInput *input, char *buffer, size_t size)
{
	ssize_t		n;

	do
		n = read(input->fd, buffer, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		snprintf(input->problem, sizeof(input->problem),
				 "could not read: %s", strerror(errno));
	else
		input->done += n;
	return n;
}

/* More of what is compressed; false if there is no more. */
static bool
fill_raw(PgtInput *input)
{
	ssize_t		n;

	if (input->begin == input->end)
		input->begin = input->end = 0;
	if (input->end == RAW_SIZE)
		return true;
	n = read_bytes(input, input->raw + input->end, RAW_SIZE - input->end);
	input->at_end = n <= 0;
	input->end += Max(n, 0);
	return n > 0;
}

/* ----------
 * Decompression
 * ----------
 */

static void
damaged(PgtInput *input, const char *why)
{
	snprintf(input->problem, sizeof(input->problem),
			 "the compressed data is damaged: %s", why);
}

/* By the first bytes, of which a pipe may give one at a time */
static void
find_compression(PgtInput *input)
{
	static const char gzip[] = {0x1f, (char) 0x8b};
	static const char zstd[] = {0x28, (char) 0xb5, 0x2f, (char) 0xfd};

	while (input->end < sizeof(zstd) && fill_raw(input))
		;
	if (input->end == 0)
		return;
	input->compression = PLAIN;
	if (input->end >= sizeof(gzip) &&
		memcmp(input->raw, gzip, sizeof(gzip)) == 0)
	{
		/* 32: by the header, which is gzip's */
		if (inflateInit2(&input->gzip, MAX_WBITS + 32) == Z_OK)
			input->compression = GZIP;
	}
	else if (input->end >= sizeof(zstd) &&
			 memcmp(input->raw, zstd, sizeof(zstd)) == 0)
	{
		input->zstd = ZSTD_createDStream();
		if (input->zstd != NULL)
			input->compression = ZSTD;
	}
}

/* A step; false if the data is damaged. */
static bool
step_gzip(PgtInput *input, char *buffer, size_t size, size_t *out)
{
	z_stream   *stream = &input->gzip;
	int			result;

	stream->next_in = (Bytef *) input->raw + input->begin;
	stream->avail_in = input->end - input->begin;
	stream->next_out = (Bytef *) buffer;
	stream->avail_out = Min(size, UINT_MAX);
	result = inflate(stream, Z_NO_FLUSH);
	input->begin = input->end - stream->avail_in;
	*out = (char *) stream->next_out - buffer;
	input->in_frame = result != Z_STREAM_END;
	/* another member may follow */
	if (result == Z_STREAM_END)
		result = inflateReset(stream);
	if (result != Z_OK && result != Z_BUF_ERROR)
	{
		damaged(input, stream->msg != NULL ? stream->msg : "unknown");
		return false;
	}
	return true;
}

static bool
step_zstd(PgtInput *input, char *buffer, size_t size, size_t *out)
{
	ZSTD_inBuffer from = {input->raw, input->end, input->begin};
	ZSTD_outBuffer to = {buffer, size, 0};
	size_t		result = ZSTD_decompressStream(input->zstd, &to, &from);

	input->begin = from.pos;
	*out = to.pos;
	input->in_frame = result != 0;
	if (ZSTD_isError(result))
	{
		damaged(input, ZSTD_getErrorName(result));
		return false;
	}
	return true;
}

static ssize_t
decompress(PgtInput *input, char *buffer, size_t size)
{
	bool		(*step) (PgtInput *, char *, size_t, size_t *);

	step = input->compression == GZIP ? step_gzip : step_zstd;
	for (;;)
	{
		size_t		out = 0;

		if (input->begin == input->end && !fill_raw(input))
		{
			if (input->problem[0] == '\0' && input->in_frame)
				damaged(input, "its end is missing");
			return 0;
		}
		if (!step(input, buffer, size, &out))
		{
			/* what is there is what there is */
			input->begin = input->end = 0;
			input->in_frame = false;
			return out;
		}
		if (out > 0)
			return out;
	}
}

/* A PgtReadBytes */
static ssize_t
read_input(void *arg, char *buffer, size_t size)
{
	PgtInput   *input = arg;
	size_t		n;

	if (input->compression == UNKNOWN)
		find_compression(input);
	if (input->compression == GZIP || input->compression == ZSTD)
		return input->problem[0] != '\0' ? 0 : decompress(input, buffer, size);

	/* what was read to find out about it, then the rest at once */
	n = Min(input->end - input->begin, size);
	if (n == 0)
		return read_bytes(input, buffer, size);
	memcpy(buffer, input->raw + input->begin, n);
	input->begin += n;
	return n;
}

/* A PgtResize */
static void *
resize_memory(void *arg, void *memory, size_t size)
{
	(void) arg;
	if (size > 0)
		return pg_realloc(memory, size);
	pg_free(memory);
	return NULL;
}

void
pgt_input_reader(PgtInput *input, PgtReader *reader)
{
	pgt_reader_init(reader, read_input, resize_memory, input,
					PGT_READER_MAX_SIZE);
}

bool
pgt_input_wait(PgtInput *input)
{
	struct pollfd standard = {input->fd, POLLIN, 0};

	/* a pipe has an end, a file may get more */
	if (input->size == 0 && lseek(input->fd, 0, SEEK_CUR) < 0)
		return poll(&standard, 1, -1) > 0 && (standard.revents & POLLIN) != 0;
	return poll(NULL, 0, POLL_MS) == 0;
}
