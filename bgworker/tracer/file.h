/*
 * file.h
 *		The file of one traced process.
 */
#ifndef PGT_TRACER_FILE_H
#define PGT_TRACER_FILE_H

#include "bgworker/tracer/tracer.h"

/*
 * A new file for what session describes, with its head.  Returns false with a
 * reason in error (PGT_ERROR_LEN bytes), and nothing is left then.
 */
extern bool pgt_file_create(PgtWriter *writer, const PgtSession *session,
							char *error);

/*
 * The file that a former worker has written is the tracer's, now or, if it
 * can't be opened, later.
 */
extern void pgt_file_resume(PgtTracer *tracer);

/*
 * Look after the file of a trace that goes on: try again what has failed, and
 * if look is set, see whether it is where it was.  If it isn't, tracer->successor
 * is a new one as soon as that is possible, and the trace stopping.  Returns
 * whether there is something to be tried again.
 */
extern bool pgt_file_follow(PgtTracer *tracer, bool look);

/*
 * Close the file of a trace that has ended.  What could not be written yet is
 * written later, if that is of use.
 */
extern void pgt_file_end(PgtTracer *tracer);

#endif							/* PGT_TRACER_FILE_H */
