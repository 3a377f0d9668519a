/*
 * head.h
 *		What the head of a trace file tells.
 *
 * Needs nothing of PostgreSQL.
 */
#ifndef PGT_TRACE_HEAD_H
#define PGT_TRACE_HEAD_H

#include <stdbool.h>
#include <stddef.h>

/* Room for any head */
#define PGT_HEAD_LEN	8192

/*
 * Read the head of a file, which may be compressed, as a string; an empty one
 * if there is nothing to be read.
 */
extern void pgt_head_read(int fd, bool compressed, char head[PGT_HEAD_LEN]);

/*
 * What stands behind a label, such as PGT_HEAD_USER, up to the end of its line,
 * as it is in the file.  Returns its length; *value is NULL if there is none.
 */
extern size_t pgt_head_field(const char *head, const char *label,
							 const char **value);

/* The same for what a session is called, such as PGT_NOTE_MODULE. */
extern size_t pgt_head_context(const char *head, const char *label,
							   const char **value);

#endif							/* PGT_TRACE_HEAD_H */
