/*
 * header.h
 *		The head of a trace file, and lines of the form *** <text>.
 */
#ifndef PGT_TRACE_HEADER_H
#define PGT_TRACE_HEADER_H

#include "bgworker/trace/attribution.h"
#include "extension/session.h"

/*
 * The head of a new file, in which nothing is older than time_ns.  path is the
 * file's.
 */
extern void pgt_format_header(PgtFormat *format, const PgtSession *session,
							  const char *path, uint64 time_ns);

/* A time, as all in a file: ISO 8601 in UTC, with microseconds */
extern void pgt_format_timestamp(PgtFormat *format, TimestampTz time);

/* *** <text> */
extern void pgt_format_note(PgtFormat *format, const char *text);

/* *** <text><time> */
extern void pgt_format_time_note(PgtFormat *format, const char *text,
								 TimestampTz time);

/* *** <label>:(<value>) <time>, which is the wall clock's at time_ns */
extern void pgt_format_context(PgtFormat *format, const char *label,
							   const char *value, uint64 time_ns);

/* A wall-clock line, if the last one is more than ten seconds old. */
extern void pgt_format_wall_clock(PgtFormat *format, uint64 time_ns);

#endif							/* PGT_TRACE_HEADER_H */
