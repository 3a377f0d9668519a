/*
 * sound.h
 *		Which records the worker takes for ones.
 */
#ifndef PGT_TRACE_SOUND_H
#define PGT_TRACE_SOUND_H

#include "extension/record.h"

/* The length of the text that follows a record's fixed part in all. */
extern uint64 pgt_record_text_total(const PgtRecord *record);

/* What it costs to put it into the file, in bytes of text. */
extern uint64 pgt_record_cost(const PgtRecord *record);

/*
 * Can format.c be given this record?  record is a copy that nobody else can
 * change; its len is true.  now_ns is a time after it was sent.
 */
extern bool pgt_record_is_sound(const PgtRecord *record, uint64 now_ns);

#endif							/* PGT_TRACE_SOUND_H */
