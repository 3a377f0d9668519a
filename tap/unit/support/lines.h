/*
 * lines.h
 *		What tests of lines have in common: a file in memory.
 */
#ifndef PGT_UNIT_SUPPORT_LINES_H
#define PGT_UNIT_SUPPORT_LINES_H

#include "bgworker/trace/format.h"
#include "tap/unit/support/without_server.h"
#include "tap/unit/tap.h"

#define US	UINT64CONST(1000)
#define SECOND	UINT64CONST(1000000000)

static StringInfoData out;
static PgtFormat format;

/* A new file, in which a wall-clock line isn't due yet */
static inline void
new_file(void)
{
	if (out.data == NULL)
		initStringInfo(&out);
	else
		pgt_format_free(&format);
	resetStringInfo(&out);
	pgt_format_init(&format, &out);
	format.wall_clock_ns = test_now_ns;
}

/* A test that these lines have been written since the last one */
static inline void
wrote(const char *lines, const char *name)
{
	is(out.data, lines, name);
	resetStringInfo(&out);
}

/* A record of that type with text behind it goes to the file. */
static inline void
put_record(PgtRecordType type, const PgtRecord *record, Size fixed,
		   const char *text)
{
	union
	{
		PgtRecord	header;
		char		bytes[PGT_RECORD_MAX];
	}			copy;

	memcpy(&copy, record, fixed);
	memcpy(copy.bytes + fixed, text, strlen(text));
	copy.header.type = type;
	copy.header.text_len = strlen(text);
	copy.header.len = MAXALIGN(fixed + strlen(text));
	pgt_format_record(&format, &copy.header);
}

/* PUT(type, struct, text, .field = value, ...) */
#define PUT(type, record_type, text, ...) \
	put_record(type, (const PgtRecord *) &(record_type) {__VA_ARGS__}, \
			   sizeof(record_type), text)

static inline void
begin_call(uint32 cursor, int depth)
{
	PUT(PGT_RECORD_BEGIN, PgtBeginRecord, "", .header.cursor = cursor,
		.header.depth = depth, .header.time_ns = test_now_ns);
}

/* A call that belongs to a PGT_RECORD_BEGIN ends; its line is dropped. */
static inline void
end_call(uint32 cursor, int depth, bool done)
{
	PUT(PGT_RECORD_END, PgtEndRecord, "", .header.cursor = cursor,
		.header.depth = depth, .header.time_ns = test_now_ns,
		.kind = PGT_CALL_EXEC, .begun = true, .done = done);
	resetStringInfo(&out);
}

#endif							/* PGT_UNIT_SUPPORT_LINES_H */
