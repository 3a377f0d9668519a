/*
 * writer.h
 *		Writes one trace file.
 */
#ifndef PGT_TRACE_WRITER_H
#define PGT_TRACE_WRITER_H

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

/* While a file can't be written, so much is kept for it. */
#define PGT_KEPT_SIZE	(256 * 1024)

typedef struct PgtWriter
{
	int			fd;				/* -1 is none */
	char		path[MAXPGPATH];
	StringInfoData buffer;		/* not written yet */
	uint64		bytes;			/* in the file */
	unsigned	part;			/* which of its trace it is, from 1 on */
	uint64		head_bytes;		/* of them, what a further part repeats */
	uint64		bytes_before;	/* in the parts before it */
	bool		limited;		/* it is full, and there is no further part */

	/* What of the file and of the buffer are whole records */
	uint64		whole_bytes;	/* up to there, the file's */
	int			first_whole;	/* the buffer's from there, -1: none, */
	int			whole_len;		/* up to there */

	/* The last attempt to write has failed, and all since it waits. */
	bool		failing;
	bool		full;			/* and no more is kept */
	bool		torn;			/* and the file wasn't cut back */
	uint64		retry_ns;		/* when to try again */
} PgtWriter;

/*
 * Create a file for process pid in pg_trace.output_directory, which is
 * created if it is missing.  role is who began the trace, InvalidOid if that
 * was a superuser.  Returns false with a reason in error; errors may
 * be raised as well.  Either way pgt_writer_close() must follow.
 */
extern bool pgt_writer_create(PgtWriter *writer, int pid,
							  const char *identifier, Oid role,
							  char *error, size_t error_len);

/*
 * Create the file of the part that follows a writer's, in its folder.  Returns
 * false with a reason in error.  Either way pgt_writer_close() must follow.
 */
extern bool pgt_writer_create_part(PgtWriter *writer, const PgtWriter *before,
								   char *error, size_t error_len);

/* Remove the file of another part of the same trace, but not of the first. */
extern void pgt_writer_remove_part(const PgtWriter *writer, unsigned part);

/*
 * The file of that path is to be continued, as soon as pgt_writer_reopen() can
 * open it.  Where the path is from isn't trusted.
 */
extern void pgt_writer_await(PgtWriter *writer, const char *path);

typedef enum PgtReopened
{
	PGT_REOPENED,
	PGT_REOPENED_LATER,			/* the directory can't be used now */
	PGT_REOPENED_NEVER			/* the file can't be, or must not be, written */
} PgtReopened;

/*
 * Open process pid's file, which an earlier worker has created.  If that isn't
 * possible, a reason is in error.
 */
extern PgtReopened pgt_writer_reopen(PgtWriter *writer, int pid,
									 char *error, size_t error_len);

/*
 * Isn't the open file where it was any longer, or not as it was left?  Then, or
 * if one can't look there, reason says so; else that is empty.
 */
extern bool pgt_writer_is_astray(const PgtWriter *writer,
								 char *reason, size_t reason_len);

/* Is what is written to the open file of use to anybody? */
extern bool pgt_writer_can_be_read(const PgtWriter *writer);

/*
 * If not, close it.  What was appended since it was last written is kept, but
 * for what isn't a whole record: returns how many of these are lost.
 */
extern int	pgt_writer_lose_file(PgtWriter *writer);

/*
 * Would so many bytes make the part larger than it may be?  That depends on
 * pg_trace.max_file_size, of which the first part has half and others a quarter.
 */
extern bool pgt_writer_is_full(const PgtWriter *writer, uint64 bytes);

/* Say so in the file. */
extern void pgt_writer_put_limit(PgtWriter *writer);

/*
 * Is there room for more?  While the file can't be written, the answer is no
 * when enough is kept; when the last part is full, it is no.
 */
extern bool pgt_writer_has_room(PgtWriter *writer);

/* The same for bytes that can only be written as a whole */
extern bool pgt_writer_has_room_for(PgtWriter *writer, uint64 bytes);

/* What was appended so far consists of whole records. */
extern void pgt_writer_mark(PgtWriter *writer);

/*
 * Write the buffer out.  Returns false, with errno set, if that fails.  Whole
 * records are kept then; *nlost receives how many others are lost, of which
 * the last one may be the one that is being appended.
 */
extern bool pgt_writer_flush(PgtWriter *writer, int *nlost);

/* Is it time to do so, if it has failed before? */
extern bool pgt_writer_is_due(const PgtWriter *writer);

/* Close the file, without flushing, and free the buffer. */
extern void pgt_writer_close(PgtWriter *writer);

/* The same with a new file of which nobody knows yet: it is removed. */
extern void pgt_writer_discard(PgtWriter *writer);

#endif							/* PGT_TRACE_WRITER_H */
