/*
 * format.h
 *		Turns records and waits into the lines of a trace file.
 *
 * This is what the worker includes: besides records and waits, a file has the
 * lines of the headers below.
 */
#ifndef PGT_TRACE_FORMAT_H
#define PGT_TRACE_FORMAT_H

#include "bgworker/trace/attribution.h"
#include "bgworker/trace/header.h"
#include "bgworker/trace/run_queue_line.h"
#include "bgworker/trace/running_line.h"
#include "bgworker/trace/stat_line.h"
#include "bgworker/trace/wait.h"

/* A record that a backend sent; it is sound (merge.c has checked that). */
extern void pgt_format_record(PgtFormat *format, const PgtRecord *record);

/*
 * The text of the last record isn't completed: dots for some of the bytes that
 * are missing; and at last, how many these were.
 */
extern void pgt_format_text_dots(PgtFormat *format, uint64 len);
extern void pgt_format_text_missing(PgtFormat *format, uint64 missing);

/* A wait. */
extern void pgt_format_wait(PgtFormat *format, const PgtWait *wait);

#endif							/* PGT_TRACE_FORMAT_H */
