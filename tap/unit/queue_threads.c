/*
 * queue_threads.c
 *		Does a queue yield what is put into it meanwhile?
 *
 * Writer and reader are two threads, as they are two processes in a server, and
 * have the server's barriers.  A third one then does what a process of the
 * server could do that an attacker has taken over.
 */
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "postgres.h"

#include "extension/queue.h"

/* What headers for a server with assertions call, whatever its arguments are */
extern void assertion_failed(void) __asm__("ExceptionalCondition");

#define SIZE		(4 * PGT_RECORD_MAX)
#define RECORDS		300000
#define HOSTILE_RECORDS	50000
/* Or fewer in so many seconds, where both share a processor with others */
#define HOSTILE_SECONDS	20
#define FEWEST_RECORDS	20

static PgtQueuePlace place;
static PgtQueueReader reader;
static union
{
	PgtRecord	record;
	char		bytes[PGT_RECORD_MAX + 64];
}			copy;
static bool volatile stop;

void
assertion_failed(void)
{
	abort();
}

static void
start(void)
{
	pgt_queue_init(place.queue);
	pgt_queue_open(&reader, place);
	stop = false;
}

/* Lengths are of all sizes, but mostly small. */
static uint32
len_of(uint64 number)
{
	uint32		more = number % 1000 == 0 ? number / 1000 * 8 % 16000 :
		number % 17 * 8;

	return MAXALIGN(sizeof(PgtRecord)) + more;
}

static void *
write_records(void *arg)
{
	(void) arg;
	for (uint64 number = 0; number < RECORDS; number++)
	{
		uint32		len = len_of(number);
		uint64		head;
		PgtRecord  *record;

		while ((record = pgt_queue_reserve(&place, len, &head)) == NULL)
			sched_yield();
		record->len = len;
		record->type = PGT_RECORD_XACT;
		record->time_ns = number;
		for (uint64 *p = (uint64 *) (record + 1);
			 p < (uint64 *) ((char *) record + len); p++)
			*p = number;
		pgt_queue_publish(&place, head);
	}
	return NULL;
}

/* Is it all of that record, and nothing else? */
static bool
is_record(uint64 number)
{
	const PgtRecord *record = &copy.record;

	if (record->len != len_of(number) || record->type != PGT_RECORD_XACT ||
		record->time_ns != number)
		return false;
	for (const uint64 *p = (const uint64 *) (record + 1);
		 p < (const uint64 *) ((const char *) record + record->len); p++)
	{
		if (*p != number)
			return false;
	}
	return true;
}

static void
test_concurrent(void)
{
	pthread_t	writer;
	uint64		number = 0;
	uint64		rounds = 0;
	bool		sound = true;
	bool		corrupt = false;

	start();
	pthread_create(&writer, NULL, write_records, NULL);
	while (number < RECORDS && sound)
	{
		uint64		head = pgt_queue_head(&reader);

		while (sound && pgt_queue_peek(&reader, head, &copy.record, &corrupt))
		{
			sound = is_record(number++);
			pgt_queue_release(&reader, &copy.record);
		}
		sound = sound && !corrupt && reader.tail == head;
		rounds++;
		sched_yield();
	}
	if (!ok(sound, "%d records come from another thread as it sends them",
			RECORDS))
		_exit(1);				/* it may wait for room forever */
	pthread_join(writer, NULL);
	ok(rounds > 10, "and not all at once");
	ok(pgt_queue_room(&place) == SIZE, "nothing is left");
}

/* Write lengths, types and positions that may be right, and may not. */
static void *
scribble(void *arg)
{
	uint64		state = 12345;

	(void) arg;
	for (int i = 0; !stop; i++)
	{
		PgtRecord  *record;

		if (i % 256 == 0)
			sched_yield();
		state = state * UINT64CONST(6364136223846793005) + 1;
		record = (PgtRecord *) (place.data + (state >> 40) % (SIZE / 8) * 8);
		*(volatile uint32 *) &record->len = state >> 32 & 1 ?
			state >> 33 : state >> 33 & 0xf8;
		*(volatile uint16 *) &record->type = state >> 59;
		if ((state >> 20) % 8 == 0)
			pg_atomic_write_u64(&place.queue->head,
								pg_atomic_read_u64(&place.queue->tail) +
								(state >> 25) % (SIZE + 1024));
		if ((state >> 20) % 1024 == 1)
			pg_atomic_write_u64(&place.queue->tail, state);
	}
	return NULL;
}

/*
 * Have there been enough?  On a busy machine each sched_yield() may last until
 * all others have had their turn.
 */
static bool
is_enough(time_t begin, uint32 records, uint32 rejected)
{
	return time(NULL) - begin >= HOSTILE_SECONDS ?
		records >= FEWEST_RECORDS && rejected >= FEWEST_RECORDS :
		records >= HOSTILE_RECORDS && rejected >= HOSTILE_RECORDS;
}

static void
test_hostile(void)
{
	pthread_t	scribbler;
	uint32		records = 0;
	uint32		rejected = 0;
	uint32		wrong = 0;
	time_t		begin = time(NULL);

	start();
	memset(copy.bytes, 0x5a, sizeof(copy.bytes));
	pthread_create(&scribbler, NULL, scribble, NULL);
	while (!is_enough(begin, records, rejected))
	{
		uint64		head = pgt_queue_head(&reader);
		uint64		before = reader.tail;
		bool		corrupt = false;
		const PgtRecord *record = &copy.record;

		if (pgt_queue_peek(&reader, head, &copy.record, &corrupt))
		{
			wrong += record->len < sizeof(PgtRecord) ||
				record->len > PGT_RECORD_MAX ||
				record->len != MAXALIGN(record->len) ||
				record->type == PGT_RECORD_PAD ||
				record->len > head - reader.tail || corrupt;
			pgt_queue_release(&reader, record);
			records++;
		}
		else
			wrong += reader.tail != head;
		if (!corrupt && head == before)
			sched_yield();
		wrong += reader.tail - before > SIZE && !corrupt;
		rejected += corrupt;
	}
	stop = true;
	pthread_join(scribbler, NULL);
	for (size_t i = PGT_RECORD_MAX; i < sizeof(copy.bytes); i++)
		wrong += copy.bytes[i] != 0x5a;
	ok(wrong == 0, "whatever another thread writes there, records are read");
}

int
main(void)
{
	alarm(300);
	place.queue = aligned_alloc(PG_CACHE_LINE_SIZE, sizeof(PgtQueue));
	place.data = aligned_alloc(PG_CACHE_LINE_SIZE, SIZE);
	place.size = SIZE;
	if (place.queue == NULL || place.data == NULL)
		return 1;
	memset(place.data, 0, SIZE);

	test_concurrent();
	test_hostile();
	return done();
}
