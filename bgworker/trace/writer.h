/*
 * writer.h
 *		Writes one trace file.
 */
#ifndef PGT_TRACE_WRITER_H
#define PGT_TRACE_WRITER_H

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

typedef struct PgtWriter
{
	int			fd;				/* -1 is none */
	char		path[MAXPGPATH];
	StringInfoData buffer;		/* not written yet */
	uint64		bytes;			/* in the file */
	bool		limited;		/* max_file_size was reached; says so */
} PgtWriter;

/*
 * Create a file for process pid in pg_trace.output_directory, which is
 * created if it is missing.  role is who began the trace, InvalidOid if that
 * was a superuser.  Returns false with a reason in error; errors may
 * be raised as well.
 */
extern bool pgt_writer_create(PgtWriter *writer, int pid,
							  const char *identifier, Oid role,
							  char *error, size_t error_len);

/*
 * Open process pid's file, which an earlier worker has created, to continue
 * it.  shared_path is what shared memory says of it and isn't trusted.  Returns
 * false with a reason in error if that file can't be, or must not be, written;
 * another one can be created then.
 */
extern bool pgt_writer_reopen(PgtWriter *writer, int pid,
							  const char *shared_path,
							  char *error, size_t error_len);

/*
 * Is there room for more?  Once pg_trace.max_file_size is reached, the answer
 * is no, and the file ends with a line that says so.
 */
extern bool pgt_writer_has_room(PgtWriter *writer);

/* The same for bytes that can only be written as a whole */
extern bool pgt_writer_has_room_for(PgtWriter *writer, uint64 bytes);

/*
 * Write the buffer out.  Returns false, with errno set, if that fails; what
 * was in the buffer is lost then.
 */
extern bool pgt_writer_flush(PgtWriter *writer);

/* Close the file, without flushing, and free the buffer. */
extern void pgt_writer_close(PgtWriter *writer);

#endif							/* PGT_TRACE_WRITER_H */
