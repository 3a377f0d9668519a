/*
 * merged_cursors.h
 *		Cursors' numbers in a trace that is put together from several: for
 *		merge.c.
 */
#ifndef PGT_COMMANDS_MERGED_CURSORS_H
#define PGT_COMMANDS_MERGED_CURSORS_H

#include "cli/parse/entry.h"

/* The cursors of one file */
typedef struct PgtMergedCursors PgtMergedCursors;

typedef struct PgtMergedCursor
{
	uint64_t	cursor;			/* in its file */
	uint64_t	number;			/* in what is written; 0: not introduced yet */
	uint64_t	sql_id;
	char	   *introduction;	/* the entry of its PARSING IN CURSOR */
	size_t		len;
	char		status;			/* of the hash table */
} PgtMergedCursor;

extern PgtMergedCursors *pgt_merged_cursors_create(void);
extern void pgt_merged_cursors_free(PgtMergedCursors *cursors);

/* Take note of a PARSING IN CURSOR. */
extern PgtMergedCursor *pgt_merged_cursors_note(PgtMergedCursors *cursors,
												const PgtEntry *entry);

/* What a number stands for; NULL if the file hasn't said it. */
extern PgtMergedCursor *pgt_merged_cursors_find(PgtMergedCursors *cursors,
												uint64_t cursor);

/* It is going to be used: gives it a number that no other cursor has now. */
extern void pgt_merged_cursor_open(PgtMergedCursor *cursor);

/* Its number may be given to another one. */
extern void pgt_merged_cursor_close(PgtMergedCursor *cursor);

#endif							/* PGT_COMMANDS_MERGED_CURSORS_H */
