/*
 * flow.c
 *		From the entries of one file to calls with what belongs to them.
 *
 * entry -> [cursor -> statement], [stack of what has ended] -> call, gap
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#include "common/logging.h"
#else
#include "postgres.h"
#endif

#include "cli/model/flow.h"
#include "cli/model/hash.h"
#include "bgworker/trace/grammar.h"

/*
 * What the stack may have before what is alike on it is put together: enough
 * for nearly all calls, and not much memory.
 */
#define MAX_ITEMS		32768

#define INITIAL_ITEMS	256
#define INITIAL_CURSORS 64

/* Times are cut to microseconds, so each of them may be that much too early. */
#define ROUNDING		1

#define NODES_DIFFER	(-2)

typedef struct CursorEntry
{
	uint64_t	cursor;
	PgtStatement *statement;
	bool		closed;			/* but still what its number stands for */
	char		status;
} CursorEntry;

#define SH_PREFIX			cursors
#define SH_ELEMENT_TYPE		CursorEntry
#define SH_KEY_TYPE			uint64_t
#define SH_KEY				cursor
#define SH_HASH_KEY(table, key)	((uint32) pgt_hash_number(key))
#define SH_EQUAL(table, a, b)	((a) == (b))
#define SH_RAW_ALLOCATOR	palloc0
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct PgtFlow
{
	PgtCatalog *catalog;
	const PgtFlowEvents *events;
	void	   *arg;

	cursors_hash *cursors;
	uint64_t	last_cursor;	/* the last one that was looked up, and */
	PgtStatement *last_statement;	/* what it stands for; NULL: none was */

	PgtFlowItem *items;			/* the stack */
	int			nitems;
	int			max_items;		/* memory */
	int			limit;			/* when to put items together */

	bool		has_interval;
	bool		has_calls;		/* one of dep=0 has ended: */
	int64_t		begin;
	int64_t		done;			/* up to here, the interval was handed out */
	int64_t		last_tim;
	PgtFlowDoubts doubts;
};

PgtFlow *
pgt_flow_create(PgtCatalog *catalog, const PgtFlowEvents *events, void *arg)
{
	PgtFlow    *flow = palloc0(sizeof(PgtFlow));

	flow->catalog = catalog;
	flow->events = events;
	flow->arg = arg;
	flow->cursors = cursors_create(INITIAL_CURSORS, NULL);
	flow->max_items = INITIAL_ITEMS;
	flow->limit = MAX_ITEMS;
	flow->items = palloc(INITIAL_ITEMS * sizeof(PgtFlowItem));
	return flow;
}

void
pgt_flow_free(PgtFlow *flow)
{
	cursors_destroy(flow->cursors);
	pfree(flow->items);
	pfree(flow);
}

const PgtFlowDoubts *
pgt_flow_doubts(const PgtFlow *flow)
{
	return &flow->doubts;
}

bool
pgt_flow_interval(const PgtFlow *flow, int64_t *begin, int64_t *end)
{
	*begin = flow->begin;
	*end = flow->last_tim;
	return flow->has_interval;
}

/* ----------
 * Cursors
 * ----------
 */

PgtStatement *
pgt_flow_statement(PgtFlow *flow, uint64_t cursor)
{
	CursorEntry *found;

	if (flow->last_statement != NULL && flow->last_cursor == cursor)
		return flow->last_statement;
	found = cursors_lookup(flow->cursors, cursor);
	if (found != NULL)
		flow->last_statement = found->statement;
	else if (cursor == 0)
		flow->last_statement = pgt_catalog_none(flow->catalog);
	else
		flow->last_statement = pgt_catalog_unknown(flow->catalog);
	flow->last_cursor = cursor;
	return flow->last_statement;
}

static PgtStatement *
statement_of(PgtFlow *flow, const PgtEntry *entry)
{
	PgtStatement *statement = pgt_flow_statement(flow, entry->cursor);

	if (entry->cursor != 0 && statement == pgt_catalog_unknown(flow->catalog))
		flow->doubts.unknown_cursors++;
	return statement;
}

static void
note_cursor(PgtFlow *flow, const PgtEntry *entry)
{
	bool		is_there;
	CursorEntry *cursor = cursors_insert(flow->cursors, entry->cursor,
										 &is_there);

	cursor->statement = pgt_catalog_statement(flow->catalog, entry);
	cursor->closed = false;
	flow->last_statement = NULL;
}

PgtFlowCursor
pgt_flow_cursor(PgtFlow *flow, uint64_t cursor)
{
	CursorEntry *found = cursors_lookup(flow->cursors, cursor);

	if (found == NULL)
		return PGT_FLOW_CURSOR_UNKNOWN;
	return found->closed ? PGT_FLOW_CURSOR_CLOSED : PGT_FLOW_CURSOR_OPEN;
}

static void
note_close(PgtFlow *flow, uint64_t cursor)
{
	CursorEntry *found = cursors_lookup(flow->cursors, cursor);

	if (found != NULL)
		found->closed = true;
}

/* ----------
 * The stack
 * ----------
 */

static bool
is_alike(const PgtFlowItem *a, const PgtFlowItem *b)
{
	return a->event == b->event && a->statement == b->statement &&
		(a->event != NULL || a->dep == b->dep);
}

static void
put_together(PgtFlow *flow, PgtFlowItem *item, const PgtFlowItem *other)
{
	item->begin = Min(item->begin, other->begin);
	item->end = Max(item->end, other->end);
	item->us += other->us;
	item->cpu += other->cpu;
	item->protocol += other->protocol;
	item->count += other->count;
	if (item->node != other->node)
		item->node = NODES_DIFFER;
	item->p += other->p;
	item->cr += other->cr;
	item->cu += other->cu;
	if (other->data != NULL && flow->events->merge != NULL)
		item->data = item->data == NULL ? other->data :
			flow->events->merge(flow->arg, item->data, other->data);
}

typedef struct AlikeEntry
{
	const PgtFlowItem *key;
	int			index;
	char		status;
} AlikeEntry;

static inline uint32
hash_item(const PgtFlowItem *item)
{
	return (uint32) pgt_hash_number((uintptr_t) item->event ^
									pgt_hash_number((uintptr_t) item->statement ^
													(uint64_t) item->dep));
}

#define SH_PREFIX			alike
#define SH_ELEMENT_TYPE		AlikeEntry
#define SH_KEY_TYPE			const PgtFlowItem *
#define SH_KEY				key
#define SH_HASH_KEY(table, key)	hash_item(key)
#define SH_EQUAL(table, a, b)	is_alike(a, b)
#define SH_RAW_ALLOCATOR	palloc0
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/*
 * Put together what is alike in the older half of the stack.  What is left is
 * in the order of the first of each kind: a call that begins later than all of
 * these finds them outside, one around them all finds them inside.
 */
static void
shorten(PgtFlow *flow)
{
	int			half = flow->nitems / 2;
	int			kept = 0;
	PgtFlowItem *old = palloc(half * sizeof(PgtFlowItem));
	alike_hash *table = alike_create(INITIAL_ITEMS, NULL);

	memcpy(old, flow->items, half * sizeof(PgtFlowItem));
	for (int i = 0; i < half; i++)
	{
		bool		is_there;
		AlikeEntry *found = alike_insert(table, &old[i], &is_there);

		if (is_there)
			put_together(flow, &flow->items[found->index], &old[i]);
		else
		{
			found->index = kept;
			flow->items[kept++] = old[i];
		}
	}
	memmove(flow->items + kept, flow->items + half,
			(flow->nitems - half) * sizeof(PgtFlowItem));
	flow->nitems -= half - kept;
	alike_destroy(table);
	pfree(old);

	/* as many different ones as that are kept as they are */
	if (flow->nitems > flow->limit - flow->limit / 4)
		flow->limit *= 2;
}

static PgtFlowItem *
push(PgtFlow *flow)
{
	if (flow->nitems >= flow->limit)
		shorten(flow);
	if (flow->nitems == flow->max_items)
	{
		flow->max_items *= 2;
		flow->items = repalloc(flow->items,
							   flow->max_items * sizeof(PgtFlowItem));
	}
	return &flow->items[flow->nitems++];
}

/*
 * How many items, from the stack's bottom on, are not in a call that begins
 * then, at that depth.
 */
static int
count_outside(PgtFlow *flow, int64_t begin, int64_t dep)
{
	int			n = flow->nitems;

	while (n > 0)
	{
		const PgtFlowItem *item = &flow->items[n - 1];

		if (item->event == NULL && item->dep <= dep)
			break;
		if (item->begin < begin - ROUNDING ||
			(item->end <= begin && item->us > 0))
		{
			if (item->count == 1 || item->end <= begin)
				break;
			/* most of it is inside */
			flow->doubts.unsure++;
		}
		n--;
	}
	return n;
}

/* ----------
 * Entries
 * ----------
 */

static void
begin_interval(PgtFlow *flow, int64_t begin)
{
	/* what was waited for before the first line's time belongs to it */
	if (!flow->has_interval || (!flow->has_calls && begin < flow->begin))
		flow->begin = flow->done = begin;
	flow->has_interval = true;
}

static void
note_wait(PgtFlow *flow, const PgtEntry *entry)
{
	const PgtEntryWait *wait = &entry->of.wait;
	PgtFlowItem *item = push(flow);

	memset(item, 0, sizeof(*item));
	item->event = pgt_catalog_event(flow->catalog, wait->nam, wait->type);
	item->statement = statement_of(flow, entry);
	item->end = entry->tim;
	item->begin = entry->tim - wait->ela;
	item->us = wait->ela;
	item->cpu = Max(wait->cpu, 0);
	item->protocol = wait->protocol;
	item->count = 1;
	item->partial = wait->partial != 0;
	item->node = wait->node;
	begin_interval(flow, item->begin);
	if (flow->events->wait != NULL)
		flow->events->wait(flow->arg, entry, item->statement, item->event);
}

/* The time between calls: what is at the bottom of the stack */
static void
hand_out_gap(PgtFlow *flow, int64_t end, int nitems, bool is_last)
{
	PgtFlowGap	gap = {
		.begin = flow->done, .end = end, .items = flow->items,
		.nitems = nitems, .is_last = is_last
	};

	for (int i = 0; i < nitems; i++)
	{
		const PgtFlowItem *item = &flow->items[i];

		if (item->event != NULL)
		{
			gap.wait_us += item->us;
			gap.protocol_us += item->protocol;
			gap.waits += item->count;
		}
		else
		{
			gap.calls_us += item->us;
			flow->doubts.orphans += item->count;
		}
	}
	gap.rest = gap.end - gap.begin - gap.wait_us - gap.calls_us -
		gap.protocol_us;
	if (flow->events->gap != NULL)
		flow->events->gap(flow->arg, &gap);
}

/* What is left of a call without its items */
static void
subtract_items(PgtFlowCall *call)
{
	for (int i = 0; i < call->nitems; i++)
	{
		const PgtFlowItem *item = &call->items[i];

		if (item->event != NULL)
		{
			call->wait_us += item->us;
			call->wait_cpu += item->cpu;
			call->waits += item->count;
			continue;
		}
		call->self_e -= item->us;
		call->self_c -= item->cpu;
		call->self_p -= item->p;
		call->self_cr -= item->cr;
		call->self_cu -= item->cu;
	}
	call->rest = call->self_e - call->self_c - call->wait_us + call->wait_cpu;
}

/*
 * The line of a CLOSE that took no time: it only gives a cursor's number back,
 * and may stand in the middle of a call at the same depth, which needed one.
 */
static void
note_mark(PgtFlow *flow, const PgtEntry *entry)
{
	PgtFlowCall call = {
		.entry = entry, .statement = statement_of(flow, entry),
		.begin = entry->tim, .end = entry->tim
	};

	begin_interval(flow, entry->tim);
	if (flow->events->call != NULL)
		flow->events->call(flow->arg, &call);
}

static void
note_call(PgtFlow *flow, const PgtEntry *entry)
{
	const PgtEntryCall *figures = &entry->of.call;
	int64_t		begin = entry->tim - figures->e;
	int			outside = count_outside(flow, begin, figures->dep);
	PgtFlowCall call = {
		.entry = entry, .statement = statement_of(flow, entry),
		.begin = begin, .end = entry->tim,
		.self_e = figures->e, .self_c = figures->c, .self_p = figures->p,
		.self_cr = figures->cr, .self_cu = figures->cu,
		.items = flow->items + outside, .nitems = flow->nitems - outside,
		.before = outside > 0 ? &flow->items[outside - 1] : NULL
	};
	PgtFlowItem *item;

	begin_interval(flow, begin);
	if (figures->dep <= 0)
	{
		if (begin < flow->done - ROUNDING)
			flow->doubts.overlaps++;
		hand_out_gap(flow, begin, outside, false);
		flow->done = entry->tim;
		flow->has_calls = true;
	}
	subtract_items(&call);
	if (flow->events->call != NULL)
		flow->events->call(flow->arg, &call);
	flow->nitems = figures->dep <= 0 ? 0 : outside;
	if (figures->dep <= 0)
		return;
	item = push(flow);
	memset(item, 0, sizeof(*item));
	item->statement = call.statement;
	item->begin = begin;
	item->end = entry->tim;
	item->us = figures->e;
	item->cpu = figures->c;
	item->count = 1;
	item->node = -1;
	item->dep = figures->dep;
	item->p = figures->p;
	item->cr = figures->cr;
	item->cu = figures->cu;
	item->data = call.data;
}

void
pgt_flow_note(PgtFlow *flow, const PgtEntry *entry)
{
	if (entry->kind == PGT_ENTRY_CURSOR)
		note_cursor(flow, entry);
	if (!entry->has_tim)
		return;
	if (entry->kind == PGT_ENTRY_WAIT)
		note_wait(flow, entry);
	else if (entry->kind == PGT_ENTRY_CLOSE && entry->of.call.e == 0 &&
			 entry->of.call.c == 0)
		note_mark(flow, entry);
	else if (pgt_entry_is_call(entry))
		note_call(flow, entry);
	else
		begin_interval(flow, entry->tim);
	if (entry->kind == PGT_ENTRY_CLOSE &&
		entry->of.call.type == PGT_CLOSE_TYPE_HARD)
		note_close(flow, entry->cursor);
	flow->last_tim = Max(flow->last_tim, entry->tim);
}

void
pgt_flow_finish(PgtFlow *flow)
{
	if (flow->has_interval)
		hand_out_gap(flow, Max(flow->last_tim, flow->done), flow->nitems, true);
	flow->nitems = 0;
	flow->done = Max(flow->last_tim, flow->done);
}
