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
 * just sending hides those behind it, so rounds.c holds the round back until
 * it has been sent.  In the other direction, a wait that ended before the heads
 * were noted has all earlier records below them.  What ended later is kept for
 * the next round.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "bgworker/trace/merge.h"
#include "bgworker/trace/sound.h"
#include "extension/clock.h"

#define INITIAL_SIZE	(16 * 1024)

/* A session that has more waits unwritten than this has lost its worker. */
#define MAX_SIZE		(64 * 1024 * 1024)

/*
 * What one run may do, so that no session keeps the worker from the others:
 * so many items, where as many bytes of text count as one more.
 */
#define MAX_COST		65536
#define COST_BYTES		256

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
	waits = capacity > MAX_SIZE ? NULL :
		MemoryContextAllocExtended(TopMemoryContext, capacity,
								   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	if (waits == NULL)
		return used + size <= merge->capacity;
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

/*
 * The text that was being sent, if any, is not completed.  Returns how many
 * bytes are missing.
 */
static uint64
break_text(PgtMerge *merge, const PgtMergeSink *sink)
{
	uint64		left = merge->text_left;

	if (left > 0)
		sink->text_missing(sink->arg, left);
	merge->text_left = 0;
	return left;
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
		merge->text_left = pgt_record_text_total(record) - record->text_len;
	sink->record(sink->arg, record);
}

static const struct pgt_wait_event *
first_wait(const PgtMerge *merge)
{
	return merge->first < merge->end ?
		(const struct pgt_wait_event *) (merge->waits + merge->first) : NULL;
}

static void
hand_over_wait(PgtMerge *merge, const struct pgt_wait_event *wait,
			   const PgtMergeSink *sink)
{
	sink->wait(sink->arg, wait);
	merge->first += wait_size(wait);
	if (merge->first == merge->end)
		merge->first = merge->end = 0;
}

int
pgt_merge_run(PgtMerge *merge, PgtQueueReader *queue, uint64 head,
			  uint64 safe_ns, const PgtMergeSink *sink, bool *held)
{
	/* larger than the stack has room for at ease; the worker is one thread */
	static union
	{
		PgtRecord	record;
		char		bytes[PGT_RECORD_MAX];
	}			copy;
	PgtRecord  *record = &copy.record;
	uint64		now_ns = pgt_clock_now();
	bool		have_record = false;
	bool		reported = false;
	uint64		cost = 0;
	int			nitems = 0;

	while (cost < MAX_COST)
	{
		const struct pgt_wait_event *wait = first_wait(merge);
		bool		corrupt = false;

		if (!have_record)
		{
			have_record = pgt_queue_peek(queue, head, record, &corrupt);
			if (have_record && !pgt_record_is_sound(record, now_ns))
			{
				pgt_queue_release(queue, record);
				have_record = false;
				corrupt = true;
			}
		}
		cost++;
		/* whatever isn't its next piece ends a text */
		if (corrupt || (have_record && record->type != PGT_RECORD_TEXT))
			cost += break_text(merge, sink) / COST_BYTES;
		if (corrupt)
		{
			if (!reported)
				sink->corrupt(sink->arg);
			reported = true;
			continue;
		}

		/* a wait in the middle of a text comes after it in the file */
		if (wait != NULL && merge->text_left == 0 &&
			wait->end_ns <= (have_record ? record->time_ns : safe_ns))
			hand_over_wait(merge, wait, sink);
		else if (have_record)
		{
			cost += pgt_record_cost(record) / COST_BYTES;
			hand_over(merge, record, sink);
			pgt_queue_release(queue, record);
			have_record = false;
		}
		else
			break;
		nitems++;
	}
	*held = merge->first < merge->end || queue->tail != head;
	return nitems;
}

bool
pgt_merge_is_done(const PgtMerge *merge, const PgtQueueReader *queue,
				  uint64 head)
{
	return merge->first == merge->end && queue->tail == head;
}
