/*
 * queue.c
 *		Does a queue yield what was put into it, and survive what wasn't?
 *
 * One thread is writer and reader in turn; queue_threads.c has two.  It is built
 * with sanitizers, and the memory of a queue ends where its data end, so what
 * reads or writes beyond them doesn't go unnoticed.
 */
#include "tap.h"

#include "postgres_fe.h"

#include "extension/queue.h"

#define SIZE		(4 * PGT_RECORD_MAX)
#define HEAD_LEN	MAXALIGN(sizeof(PgtRecord))

static PgtQueuePlace place;
static PgtQueueReader reader;
static PgtRecord *copy;			/* PGT_RECORD_MAX bytes */

/* A queue whose positions begin somewhere */
static void
start(uint64 position)
{
	pgt_queue_init(place.queue);
	pg_atomic_write_u64(&place.queue->head, position);
	pg_atomic_write_u64(&place.queue->tail, position);
	memset(place.data, 0xee, SIZE);
	pgt_queue_open(&reader, place);
}

/* What record number so-and-so is filled with behind its head */
static char
filling(uint64 number, uint32 i)
{
	return (char) (number * 31 + i);
}

static PgtRecord *
put(uint64 number, uint32 len)
{
	uint64		head;
	PgtRecord  *record = pgt_queue_reserve(&place, len, &head);

	if (record == NULL)
		return NULL;
	memset(record, 0, sizeof(*record));
	record->len = len;
	record->type = PGT_RECORD_XACT;
	record->time_ns = number;
	for (uint32 i = sizeof(*record); i < len; i++)
		((char *) record)[i] = filling(number, i);
	pgt_queue_publish(&place, head);
	return record;
}

static bool
peek(bool *corrupt)
{
	return pgt_queue_peek(&reader, pgt_queue_head(&reader), copy, corrupt);
}

/* Is the next record that one?  Then it is taken. */
static bool
take(uint64 number, uint32 len)
{
	bool		corrupt;

	if (!peek(&corrupt) || corrupt || copy->len != len ||
		copy->type != PGT_RECORD_XACT || copy->time_ns != number)
		return false;
	for (uint32 i = sizeof(*copy); i < len; i++)
	{
		if (((char *) copy)[i] != filling(number, i))
			return false;
	}
	pgt_queue_release(&reader, copy);
	return true;
}

static bool
is_empty(void)
{
	bool		corrupt;

	return !peek(&corrupt) && !corrupt;
}

/* The same pseudo-random numbers in every run */
static uint32
next_random(void)
{
	static uint64 state = UINT64CONST(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 32;
}

static void
test_one_record(void)
{
	uint64		head;
	uint64		noted;
	PgtRecord  *record;
	bool		corrupt;

	start(0);
	ok(is_empty(), "a new queue is empty");
	ok(pgt_queue_room(&place) == SIZE, "all of it is room");

	record = pgt_queue_reserve(&place, HEAD_LEN, &head);
	memset(record, 0, HEAD_LEN);
	record->len = HEAD_LEN;
	record->type = PGT_RECORD_EXIT;
	ok(is_empty(), "what is reserved is not seen");
	pgt_queue_publish(&place, head);
	ok(peek(&corrupt) && copy->type == PGT_RECORD_EXIT, "what is published is");
	ok(peek(&corrupt) && copy->type == PGT_RECORD_EXIT,
	   "and again, until it is released");
	pgt_queue_release(&reader, copy);
	ok(is_empty(), "then no longer");
	ok(pgt_queue_room(&place) == SIZE, "and its room is given back");

	put(1, 64);
	noted = pgt_queue_head(&reader);
	put(2, 64);
	ok(pgt_queue_peek(&reader, noted, copy, &corrupt) && copy->time_ns == 1,
	   "a record below a noted head is read");
	pgt_queue_release(&reader, copy);
	ok(!pgt_queue_peek(&reader, noted, copy, &corrupt) && !corrupt,
	   "what was published later is not");
	pgt_queue_open(&reader, place);
	ok(take(2, 64), "another reader goes on where the first one was");
}

/* Records of all lengths, many times around the ring */
static void
test_wrapping(void)
{
	uint64		written = 0;
	uint64		read = 0;
	uint32		lens[SIZE / 24 + 1];
	int			pads = 0;
	int			spanning = 0;
	int			wrong = 0;

	start(0);
	while (written < 50000)
	{
		uint32		len = next_random() % 64 == 0 ?
			MAXALIGN(HEAD_LEN + next_random() % (PGT_RECORD_MAX - HEAD_LEN)) :
			MAXALIGN(HEAD_LEN + next_random() % 200);
		uint64		before = pg_atomic_read_u64(&place.queue->head);
		PgtRecord  *record = put(written, len);

		if (record == NULL)
		{
			/* most of it, so that it is never quite empty */
			while (read + 3 < written)
			{
				wrong += !take(read, lens[read % lengthof(lens)]);
				read++;
			}
			continue;
		}
		lens[written++ % lengthof(lens)] = len;
		pads += pg_atomic_read_u64(&place.queue->head) - before != len;
		spanning += (char *) record + len > place.data + SIZE;
	}
	while (read < written)
	{
		wrong += !take(read, lens[read % lengthof(lens)]);
		read++;
	}
	ok(wrong == 0, "50000 records come out as they were put in");
	ok(pads > 10, "some had to begin anew at the ring's start");
	ok(spanning == 0, "none goes beyond its end");
	ok(is_empty() && pgt_queue_room(&place) == SIZE, "nothing is left");
}

static void
test_padding(void)
{
	PgtRecord  *record;

	start(SIZE - HEAD_LEN);
	record = put(1, HEAD_LEN);
	ok((char *) record == place.data + SIZE - HEAD_LEN && take(1, HEAD_LEN),
	   "a record that just fits before the end stands there");

	for (uint32 left = 8; left < 64; left += 8)
	{
		start(SIZE - left);
		record = put(1, 64);
		ok((char *) record == place.data && take(1, 64) && is_empty(),
		   "one that doesn't begins at the start, with %u bytes left", left);
	}

	/* the positions themselves never come that far */
	start(UINT64_MAX - SIZE + 1 + 128);
	for (uint64 number = 1; number <= 2 * SIZE / 128; number++)
	{
		if (!put(number, 128) || !take(number, 128))
		{
			ok(false, "positions may overflow");
			return;
		}
	}
	ok(true, "positions may overflow");
}

static void
test_full(void)
{
	uint32		n = 0;

	start(0);
	while (put(n, 1024))
		n++;
	ok(n == SIZE / 1024, "it is filled to the last byte");
	ok(pgt_queue_room(&place) == 0, "and has no room then");
	ok(take(0, 1024) && put(n, 1024) && !put(n + 1, HEAD_LEN),
	   "what is released is room for just as much");
	for (uint32 i = 1; i <= n; i++)
	{
		if (!take(i, 1024))
		{
			ok(false, "nothing of it is overwritten");
			return;
		}
	}
	ok(is_empty(), "nothing of it is overwritten");

	start(SIZE - 64);
	for (n = 0; n < SIZE / 1024 - 1; n++)
		put(n, 1024);
	ok(pgt_queue_room(&place) == 1024 - 64,
	   "what is skipped at the end is in use, too");
	ok(put(n, 1024) == NULL, "a record doesn't find that room");

	start(SIZE / 2);
	ok(put(1, SIZE / 4) && !pgt_queue_half_full(&place) &&
	   put(2, SIZE / 4) && pgt_queue_half_full(&place),
	   "it is half full when it is");
}

/* As emit.c sends a text, and with a reader that lags behind. */
static void
test_long_text(void)
{
	uint32		total = 3 * SIZE + 12345;
	uint32		sent = 0;
	uint32		received = 0;
	uint32		wrong = 0;
	bool		corrupt;

	start(8);
	while (received < total)
	{
		uint32		piece = Min(total - sent, PGT_RECORD_MAX - HEAD_LEN);
		uint64		head;
		PgtRecord  *record = piece == 0 ? NULL :
			pgt_queue_reserve(&place, MAXALIGN(HEAD_LEN + piece), &head);

		if (record != NULL)
		{
			memset(record, 0, HEAD_LEN);
			record->len = MAXALIGN(HEAD_LEN + piece);
			record->type = sent == 0 ? PGT_RECORD_CURSOR : PGT_RECORD_TEXT;
			record->text_len = piece;
			for (uint32 i = 0; i < piece; i++)
				((char *) (record + 1))[i] = filling(7, sent + i);
			sent += piece;
			pgt_queue_publish(&place, head);
			continue;
		}
		if (!peek(&corrupt))
			break;
		wrong += copy->type !=
			(received == 0 ? PGT_RECORD_CURSOR : PGT_RECORD_TEXT);
		for (uint32 i = 0; i < copy->text_len; i++)
			wrong += ((char *) (copy + 1))[i] != filling(7, received + i);
		received += copy->text_len;
		pgt_queue_release(&reader, copy);
	}
	ok(received == total && wrong == 0,
	   "a text that is longer than the queue comes through it in pieces");
}

/* Put two words where a record begins, as if a record of len bytes were there. */
static void
forge(uint32 len, uint16 type, uint64 head)
{
	PgtRecord  *record =
		(PgtRecord *) (place.data + (reader.tail & (SIZE - 1)));

	record->len = len;
	record->type = type;
	pg_atomic_write_u64(&place.queue->head, head);
}

static void
reject(uint64 position, uint32 len, uint16 type, uint64 head, const char *what)
{
	bool		corrupt;
	bool		found;

	start(position);
	forge(len, type, head);
	found = peek(&corrupt);
	ok(!found && corrupt && put(1, 64) && take(1, 64),
	   "%s is found, and what is put in afterwards is read", what);
}

static void
test_forged(void)
{
	reject(0, 0, PGT_RECORD_XACT, 64, "a length of 0");
	reject(0, 0, PGT_RECORD_PAD, 64, "padding of length 0");
	reject(0, 60, PGT_RECORD_XACT, 64, "a length that isn't aligned");
	reject(0, 12, PGT_RECORD_PAD, 64, "padding that isn't");
	reject(0, 16, PGT_RECORD_XACT, 64, "a record shorter than its head");
	reject(0, PGT_RECORD_MAX + 8, PGT_RECORD_XACT, SIZE, "too long a record");
	reject(0, UINT32_MAX - 7, PGT_RECORD_XACT, SIZE, "the largest length");
	reject(0, 72, PGT_RECORD_XACT, 64, "a record beyond the head");
	reject(0, 72, PGT_RECORD_PAD, 64, "padding beyond the head");
	reject(SIZE - 64, 72, PGT_RECORD_XACT, SIZE + 8,
		   "a record beyond the ring's end");
	reject(SIZE - 64, 72, PGT_RECORD_PAD, SIZE + 8,
		   "padding beyond the ring's end");
	reject(0, 64, PGT_RECORD_XACT, SIZE + 8, "a head that is too far ahead");
	reject(1024, 64, PGT_RECORD_XACT, 512, "a head that was set back");
	reject(0, 64, PGT_RECORD_XACT, UINT64_MAX, "a head that is no position");
}

static void
test_positions(void)
{
	bool		corrupt;
	uint64		head;

	start(0);
	put(1, 64);
	pg_atomic_write_u64(&place.queue->head, 64 + 5);
	ok(take(1, 64) && is_empty(), "the reader aligns a head that isn't");

	start(0);
	put(1, 64);
	put(2, 64);
	pg_atomic_write_u64(&place.queue->tail, UINT64_MAX);
	ok(take(1, 64) && take(2, 64), "the reader has a tail of its own");

	start(3);
	ok(reader.tail == 0 && is_empty(), "and begins at one that is aligned");

	start(0);
	for (uint32 at = 0; at < SIZE; at += 8)
	{
		((PgtRecord *) (place.data + at))->len = 8;
		((PgtRecord *) (place.data + at))->type = PGT_RECORD_PAD;
	}
	pg_atomic_write_u64(&place.queue->head, SIZE);
	ok(!peek(&corrupt) && !corrupt && pgt_queue_room(&place) == SIZE,
	   "nothing but padding is passed over");

	for (uint32 round = 0; round < 100000; round++)
	{
		uint64		at = ((uint64) next_random() << 32) | next_random();
		uint32		len = MAXALIGN(HEAD_LEN + next_random() %
								   (PGT_RECORD_MAX - HEAD_LEN));
		char	   *record;

		pg_atomic_write_u64(&place.queue->head, at);
		pg_atomic_write_u64(&place.queue->tail, round % 2 == 0 ?
							at - next_random() % SIZE :
							((uint64) next_random() << 32) | next_random());
		record = (char *) pgt_queue_reserve(&place, len, &head);
		if (record != NULL &&
			(record < place.data || record + len > place.data + SIZE))
		{
			ok(false, "the writer stays within the ring");
			return;
		}
		(void) pgt_queue_room(&place);
		(void) pgt_queue_half_full(&place);
	}
	ok(true, "the writer stays within the ring, whatever the positions");
}

/* Anything may stand in the ring, much of it nearly right. */
static void
test_random_bytes(void)
{
	uint32		records = 0;
	uint32		rejected = 0;
	bool		sound = true;

	start(0);
	for (uint32 round = 0; round < 20000 && sound; round++)
	{
		uint64		head;
		bool		corrupt = false;

		for (uint32 at = 0; at < SIZE; at += 8 * (1 + next_random() % 512))
		{
			PgtRecord  *record = (PgtRecord *) (place.data + at);

			record->len = next_random() % 32 == 0 ? next_random() :
				8 * (next_random() % 64);
			record->type = next_random() % 16;
		}
		head = reader.tail + next_random() % (SIZE + SIZE / 16);
		pg_atomic_write_u64(&place.queue->head, head);
		head = pgt_queue_head(&reader);
		while (pgt_queue_peek(&reader, head, copy, &corrupt))
		{
			sound = sound && !corrupt && copy->len >= sizeof(PgtRecord) &&
				copy->len <= PGT_RECORD_MAX && copy->len % 8 == 0 &&
				copy->type != PGT_RECORD_PAD &&
				head - reader.tail >= copy->len;
			records++;
			pgt_queue_release(&reader, copy);
		}
		rejected += corrupt;
		sound = sound && reader.tail == head;
	}
	ok(sound && records > 1000 && rejected > 1000,
	   "nothing but records is read out of random bytes");
}

int
main(void)
{
	place.queue = aligned_alloc(PG_CACHE_LINE_SIZE, sizeof(PgtQueue));
	place.data = malloc(SIZE);
	place.size = SIZE;
	copy = malloc(PGT_RECORD_MAX);
	if (place.queue == NULL || place.data == NULL || copy == NULL)
		return 1;

	test_one_record();
	test_wrapping();
	test_padding();
	test_full();
	test_long_text();
	test_forged();
	test_positions();
	test_random_bytes();

	free(place.queue);
	free(place.data);
	free(copy);
	return done();
}
