/*
 * ending.h
 *		Is a trace file complete?
 *
 * Needs nothing of PostgreSQL.
 */
#ifndef PGT_TRACE_ENDING_H
#define PGT_TRACE_ENDING_H

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bgworker/trace/grammar.h"

/* The last line of a complete file is within this many bytes of its end. */
#define PGT_TAIL_LEN	512

/*
 * Does the file, which isn't compressed, have its last line?  *torn is set if
 * the line that it ends with has no end.
 */
static inline bool
pgt_trace_is_complete(int fd, bool *torn)
{
	struct stat st;
	char		tail[PGT_TAIL_LEN];
	const char *last_line;
	ssize_t		len = -1;

	*torn = false;
	if (fstat(fd, &st) == 0)
		len = pread(fd, tail, PGT_TAIL_LEN,
					st.st_size > PGT_TAIL_LEN ? st.st_size - PGT_TAIL_LEN : 0);
	if (len <= 0)
		return false;
	*torn = tail[len - 1] != '\n';
	tail[len - 1] = '\0';
	last_line = strrchr(tail, '\n');
	return !*torn && last_line != NULL &&
		strncmp(last_line, "\n" PGT_STARS PGT_NOTE_ENDED,
				strlen("\n" PGT_STARS PGT_NOTE_ENDED)) == 0;
}

#endif							/* PGT_TRACE_ENDING_H */
