/*
 * head.c
 *		What the head of a trace file tells.
 *
 * The view of the files shows whose trace one is: a program's name can't, nor
 * the file's.  What a session is called is escaped and stands on one line, so
 * that nothing in it can pass for another field.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "bgworker/trace/grammar.h"
#include "bgworker/trace/head.h"

/* Of a file that is compressed, a head takes less than it does by itself. */
#define COMPRESSED_LEN	(2 * PGT_HEAD_LEN)

/* More memory than what compress.c uses isn't given to what says it needs it. */
#define MAX_WINDOW_LOG	23

static size_t
decompress(const char *from, size_t len, char *to, size_t room)
{
	ZSTD_DCtx  *context = ZSTD_createDCtx();
	ZSTD_inBuffer in = {from, len, 0};
	ZSTD_outBuffer out = {to, room, 0};

	if (context != NULL)
	{
		(void) ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax,
									  MAX_WINDOW_LOG);
		while (out.pos < out.size)
		{
			size_t		before = out.pos;
			size_t		left = ZSTD_decompressStream(context, &out, &in);

			if (ZSTD_isError(left) || left == 0 ||
				(in.pos == in.size && out.pos == before))
				break;
		}
	}
	ZSTD_freeDCtx(context);
	return out.pos;
}

void
pgt_head_read(int fd, bool compressed, char head[PGT_HEAD_LEN])
{
	static char buffer[COMPRESSED_LEN];
	ssize_t		len;

	if (compressed)
	{
		len = pread(fd, buffer, sizeof(buffer), 0);
		if (len > 0)
			len = (ssize_t) decompress(buffer, (size_t) len, head,
									   PGT_HEAD_LEN - 1);
	}
	else
		len = pread(fd, head, PGT_HEAD_LEN - 1, 0);
	head[len > 0 ? len : 0] = '\0';
}

/* The rest of the line that begins with a label, up to its end */
static const char *
find_line(const char *head, const char *label, const char **end)
{
	size_t		label_len = strlen(label);

	for (const char *line = head; (*end = strchr(line, '\n')) != NULL;
		 line = *end + 1)
	{
		if (strncmp(line, label, label_len) == 0)
			return line + label_len;
	}
	return NULL;
}

size_t
pgt_head_field(const char *head, const char *label, const char **value)
{
	const char *end;

	*value = find_line(head, label, &end);
	return *value == NULL ? 0 : (size_t) (end - *value);
}

size_t
pgt_head_context(const char *head, const char *label, const char **value)
{
	char		begin[64];
	const char *end;

	snprintf(begin, sizeof(begin), PGT_STARS "%s:(", label);
	*value = find_line(head, begin, &end);
	/* what it is called may have a parenthesis, the time behind it has none */
	while (*value != NULL && end > *value && *end != ')')
		end--;
	return *value == NULL ? 0 : (size_t) (end - *value);
}
