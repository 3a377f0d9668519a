/*
 * merge.c
 *		Puts a session's records and waits into one order.
 *
 * Both come from the same thread, each stream in order: the records through
 * the session's queue, the waits through the BPF ring buffer, where the
 * kernel has put a wait before the backend runs on.  So a wait that ended
 * before a record was published is in the ring buffer when that record can
 * be seen.  The worker notes the queues' heads, then the end of the ring
 * buffer, reads up to that end, and then comes here: of every record below the
 * noted head, all earlier waits are known.  That holds only if the end was
 * reached: all processes share the ring buffer, and a wait that another one is
 * just sending hides those behind it, so traces.c holds the round back until
 * it has been sent.  In the other direction, a wait that ended before the heads
 * were noted has all earlier records below them.  What ended later is kept for
 * the next round.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "bgworker/merge.h"

#define INITIAL_SIZE	(16 * 1024)

/* A session that has more waits unwritten than this has lost its worker. */
#define MAX_SIZE		(64 * 1024 * 1024)

void
pgt_merge_init(PgtMerge *merge)
{
	memset(merge, 0, sizeof(*merge));
}

void
pgt_merge_free(PgtMerge *merge)
{
	if (merge->waits != NULL)
		pfree(merge->waits);
	pgt_merge_init(merge);
}

/* Make room for a wait of that size at the end. */
static bool
make_room(PgtMerge *merge, Size size)
{
	Size		used = merge->end - merge->first;
	Size		capacity;
	char	   *waits;

	if (merge->end + size <= merge->capacity)
		return true;

	if (merge->first > 0)
	{
		memmove(merge->waits, merge->waits + merge->first, used);
		merge->first = 0;
		merge->end = used;
		if (used < merge->capacity / 2)
			return true;
	}

	capacity = Max(merge->capacity * 2, INITIAL_SIZE);
	if (capacity > MAX_SIZE)
		return false;
	waits = MemoryContextAllocExtended(TopMemoryContext, capacity,
									   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	if (waits == NULL)
		return false;
	if (merge->waits != NULL)
	{
		memcpy(waits, merge->waits, used);
		pfree(merge->waits);
	}
	merge->waits = waits;
	merge->capacity = capacity;
	return true;
}

/* Both sizes are multiples of 8, so each wait is aligned. */
static Size
wait_size(const struct pgt_wait_event *wait)
{
	return wait->target == PGT_TARGET_NONE ?
		sizeof(struct pgt_wait_event) : sizeof(struct pgt_target_event);
}

void
pgt_merge_add_wait(PgtMerge *merge, const struct pgt_wait_event *wait)
{
	Size		size = wait_size(wait);

	if (!make_room(merge, size))
	{
		merge->dropped++;
		return;
	}
	memcpy(merge->waits + merge->end, wait, size);
	merge->end += size;
}

uint64
pgt_merge_text_total(const PgtRecord *record)
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

/* The size of a record's fixed part, 0 for an unknown type. */
static Size
fixed_size(PgtRecordType type)
{
	switch (type)
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
			return sizeof(PgtErrorRecord);
		case PGT_RECORD_PARSE_ERROR:
			return sizeof(PgtParseErrorRecord);
		case PGT_RECORD_CONTEXT:
			return sizeof(PgtContextRecord);
		case PGT_RECORD_LOST:
			return sizeof(PgtLostRecord);
		case PGT_RECORD_EXIT:
			return sizeof(PgtExitRecord);
		default:
			return 0;
	}
}

/* Is the record as long as its type and its text need? */
static bool
is_sound(const PgtRecord *record)
{
	Size		fixed = fixed_size(record->type);

	return fixed > 0 && record->len >= fixed &&
		record->text_len <= record->len - fixed &&
		(record->type == PGT_RECORD_TEXT ||
		 pgt_merge_text_total(record) >= record->text_len);
}

static void
hand_over(PgtMerge *merge, const PgtRecord *record, const PgtMergeSink *sink)
{
	if (record->type == PGT_RECORD_TEXT)
	{
		if (merge->text_left < record->text_len)
			return;				/* its beginning was lost */
		merge->text_left -= record->text_len;
	}
	else
	{
		if (merge->text_left > 0)
			sink->text_missing(sink->arg, merge->text_left);
		merge->text_left = pgt_merge_text_total(record) - record->text_len;
	}
	sink->record(sink->arg, record);
}

int
pgt_merge_run(PgtMerge *merge, PgtQueue *queue, uint64 head,
			  uint64 safe_ns, const PgtMergeSink *sink, bool *held)
{
	int			nitems = 0;

	for (;;)
	{
		bool		corrupt;
		const PgtRecord *record = pgt_queue_peek(queue, head, &corrupt);
		const struct pgt_wait_event *wait =
			merge->first < merge->end ?
			(const struct pgt_wait_event *) (merge->waits + merge->first) : NULL;

		if (corrupt || (record != NULL && !is_sound(record)))
		{
			if (!corrupt)
				pgt_queue_release(queue, record);
			sink->corrupt(sink->arg);
			continue;
		}

		/* a wait in the middle of a text comes after it in the file */
		if (wait != NULL && merge->text_left == 0 &&
			(record != NULL ? wait->end_ns <= record->time_ns :
			 wait->end_ns <= safe_ns))
		{
			sink->wait(sink->arg, wait);
			merge->first += wait_size(wait);
			if (merge->first == merge->end)
				merge->first = merge->end = 0;
		}
		else if (record != NULL)
		{
			hand_over(merge, record, sink);
			pgt_queue_release(queue, record);
		}
		else
			break;
		nitems++;
	}
	*held = merge->first < merge->end;
	return nitems;
}
