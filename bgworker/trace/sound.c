/*
 * sound.c
 *		Which records the worker takes for ones.
 *
 * Records come from processes that may have been taken over by an attacker.
 * Whatever they say, the worker must neither read beyond a record nor write a
 * file without end.  What passes here may be nonsense, but is harmless.
 */
#include "postgres.h"

#include "bgworker/trace/sound.h"
#include "extension/guc.h"

uint64
pgt_record_text_total(const PgtRecord *record)
{
	switch (record->type)
	{
		case PGT_RECORD_CURSOR:
			return ((const PgtCursorRecord *) record)->total_len;
		case PGT_RECORD_BIND:
			return ((const PgtBindRecord *) record)->total_len;
		case PGT_RECORD_PARSE_ERROR:
			return ((const PgtParseErrorRecord *) record)->total_len;
		default:
			return record->text_len;
	}
}

uint64
pgt_record_cost(const PgtRecord *record)
{
	uint64		cost = record->text_len;

	if (record->type == PGT_RECORD_STAT)
	{
		const PgtStatRecord *stat = (const PgtStatRecord *) record;

		/* nodes that are summed up */
		if (stat->last_id > stat->id)
			cost += stat->last_id - stat->id;
	}
	return cost;
}

/* The size of a record's fixed part, 0 for an unknown type. */
static Size
fixed_size(const PgtRecord *record)
{
	switch (record->type)
	{
		case PGT_RECORD_TEXT:
			return sizeof(PgtRecord);
		case PGT_RECORD_CURSOR:
			return sizeof(PgtCursorRecord);
		case PGT_RECORD_BEGIN:
			return sizeof(PgtBeginRecord);
		case PGT_RECORD_END:
			return sizeof(PgtEndRecord);
		case PGT_RECORD_BINDS:
			return sizeof(PgtBindsRecord);
		case PGT_RECORD_BIND:
			return sizeof(PgtBindRecord);
		case PGT_RECORD_STAT:
			return sizeof(PgtStatRecord);
		case PGT_RECORD_XACT:
			return sizeof(PgtXactRecord);
		case PGT_RECORD_ERROR:
			return record->len < sizeof(PgtErrorRecord) ?
				PGT_ERROR_AGAIN_LEN : sizeof(PgtErrorRecord);
		case PGT_RECORD_PARSE_ERROR:
			return sizeof(PgtParseErrorRecord);
		case PGT_RECORD_CONTEXT:
			return sizeof(PgtContextRecord);
		case PGT_RECORD_LOST:
			return sizeof(PgtLostRecord);
		case PGT_RECORD_EXIT:
			return sizeof(PgtExitRecord);
		case PGT_RECORD_BIND_NAME:
			return sizeof(PgtRecord);
		case PGT_RECORD_SAMPLED:
			return sizeof(PgtSampledRecord);
		default:
			return 0;
	}
}

static bool
details_are_sound(const PgtStatRecord *record)
{
	if (record->ndetails > PGT_MAX_DETAILS)
		return false;
	for (uint32 i = 0; i < record->ndetails; i++)
	{
		if (record->details[i].name >= PGT_DETAIL_NAMES)
			return false;
	}
	return true;
}

/* Are the values of enums among those that there are, and do strings end? */
static bool
values_are_sound(const PgtRecord *record)
{
	switch (record->type)
	{
		case PGT_RECORD_CURSOR:
			return memchr(((const PgtCursorRecord *) record)->traceparent,
						  '\0', PGT_TRACEPARENT_LEN) != NULL;
		case PGT_RECORD_BEGIN:
			return ((const PgtBeginRecord *) record)->kind <= PGT_CALL_CLOSE;
		case PGT_RECORD_END:
			return ((const PgtEndRecord *) record)->kind <= PGT_CALL_CLOSE;
		case PGT_RECORD_BIND:
			return ((const PgtBindRecord *) record)->state <= PGT_BIND_OMITTED &&
				memchr(NameStr(((const PgtBindRecord *) record)->type_name),
					   '\0', NAMEDATALEN) != NULL;
		case PGT_RECORD_STAT:
			return ((const PgtStatRecord *) record)->timing <= PGT_STAT_MIXED &&
				details_are_sound((const PgtStatRecord *) record);
		case PGT_RECORD_CONTEXT:
			return ((const PgtContextRecord *) record)->kind <= PGT_CONTEXT_OPTIONS;
		default:
			return true;
	}
}

bool
pgt_record_is_sound(const PgtRecord *record, uint64 now_ns)
{
	Size		fixed = fixed_size(record);
	uint64		total;

	/* the head first: the rest may not be there */
	if (fixed == 0 || record->len < fixed ||
		record->text_len > record->len - fixed)
		return false;
	total = pgt_record_text_total(record);
	if (total < record->text_len || total > PGT_TEXT_MAX)
		return false;
	/* a continuation has no time of its own that matters */
	return record->time_ns <= now_ns && values_are_sound(record);
}
