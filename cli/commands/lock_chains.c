/*
 * lock_chains.c
 *		Who was at the head of those who waited for locks: for blockers.c.
 *
 * Whoever holds up a session may wait for a lock itself.  For that time, the
 * session waits for whom that one waits for; and so on, up to a session that
 * waits for no lock: the head.  So each wait is cut into pieces, and each of
 * them belongs to one head.  If several are in the way at once, each of them
 * has its share of the piece, so that all that is behind the heads is what was
 * waited, to the microsecond.
 */
#include "postgres_fe.h"

#include "cli/commands/lock_waits.h"

/* A deadlock is a circle: chains end here. */
#define MAX_DEPTH	32

typedef struct Chain
{
	PgtLockNode **heads;		/* list of all */
	const PgtLockInterval *wait;	/* whose chain it is */
	PgtLockSession *sessions[MAX_DEPTH];	/* from the waiter on upwards */
	PgtLockKind *kinds[MAX_DEPTH];	/* how they wait */
	int			depth;
} Chain;

/* ----------
 * The trees
 * ----------
 */

/* Do they look the same to a reader? */
static bool
is_alike(const PgtLockKind *a, const PgtLockKind *b)
{
	if (a == b || a == NULL || b == NULL)
		return a == b;
	return a->statement == b->statement && a->event == b->event &&
		a->obj == b->obj && strcmp(a->mode, b->mode) == 0;
}

static PgtLockNode *
node_of(PgtLockNode **list, PgtLockSession *session, PgtLockKind *kind)
{
	PgtLockNode *node;

	for (node = *list; node != NULL; node = node->next)
	{
		if (node->session == session && is_alike(node->kind, kind))
			return node;
	}
	node = pg_malloc0(sizeof(PgtLockNode));
	node->session = session;
	node->kind = kind;
	node->next = *list;
	*list = node;
	return node;
}

static void
add_held(PgtLockSession *head, int64_t begin, int64_t end)
{
	if (head->nheld == head->max_held)
	{
		head->max_held = Max(16, 2 * head->max_held);
		head->held = pg_realloc(head->held, head->max_held *
								sizeof(PgtLockInterval));
	}
	head->held[head->nheld].begin = begin;
	head->held[head->nheld].end = end;
	head->held[head->nheld++].kind = NULL;
}

/* A piece of a wait, us of it, was behind the head. */
static void
put_piece(Chain *chain, PgtLockSession *head, int64_t begin, int64_t end,
		  int64_t us)
{
	PgtLockNode *node = node_of(chain->heads, head, NULL);

	head->behind_us += us;
	add_held(head, begin, end);
	for (int i = chain->depth - 1; i >= 0; i--)
		node = node_of(&node->children, chain->sessions[i], chain->kinds[i]);
	node->us += us;
	node->max_us = Max(node->max_us, end - begin);
	if (begin == chain->wait->begin)
		node->times++;
}

/* ----------
 * Chains
 * ----------
 */

/* The first of a session's waits that ends after a time */
static int
first_wait(const PgtLockSession *session, int64_t time)
{
	int			low = 0;
	int			high = session->nwaits;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (session->waits[middle].end > time)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool
is_in(const Chain *chain, const PgtLockSession *session)
{
	for (int i = 0; i < chain->depth; i++)
	{
		if (chain->sessions[i] == session)
			return true;
	}
	return false;
}

static void follow(Chain *chain, PgtLockKind *kind, int64_t begin, int64_t end,
				   int64_t us);

/*
 * From begin to end, of which us count, a session is in the way: it is the
 * head, but for the time in which it waits itself.
 */
static void
put_blocker(Chain *chain, PgtLockSession *blocker, int64_t begin, int64_t end,
			int64_t us)
{
	int64_t		length = end - begin;
	int64_t		at = begin;
	int64_t		left = us;
	bool		ends = is_in(chain, blocker) || chain->depth >= MAX_DEPTH - 1;

	for (int i = first_wait(blocker, begin); !ends && i < blocker->nwaits; i++)
	{
		const PgtLockInterval *wait = &blocker->waits[i];
		int64_t		from = Max(wait->begin, at);
		int64_t		to = Min(wait->end, end);
		int64_t		share;

		if (wait->begin >= end)
			break;
		if (from >= to)
			continue;
		if (from > at)
		{
			share = (int64_t) ((double) us * (from - at) / length);
			put_piece(chain, blocker, at, from, share);
			left -= share;
		}
		share = to == end ? left : (int64_t) ((double) us * (to - from) / length);
		follow(chain, wait->kind, from, to, share);
		left -= share;
		at = to;
	}
	if (at < end || length == 0)
		put_piece(chain, blocker, at, end, left);
}

/* A wait of that kind, from begin to end; us of it count. */
static void
follow(Chain *chain, PgtLockKind *kind, int64_t begin, int64_t end, int64_t us)
{
	chain->sessions[chain->depth] = kind->waiter;
	chain->kinds[chain->depth++] = kind;
	for (int i = 0; i < kind->nblockers; i++)
	{
		int64_t		share = us / (kind->nblockers - i);

		put_blocker(chain, kind->blockers[i], begin, end, share);
		us -= share;
	}
	chain->depth--;
}

/* ----------
 * All together
 * ----------
 */

static int
compare_intervals(const void *a, const void *b)
{
	const PgtLockInterval *one = a;
	const PgtLockInterval *other = b;

	if (one->begin != other->begin)
		return one->begin < other->begin ? -1 : 1;
	return one->end < other->end ? -1 : one->end > other->end;
}

/* When a head was waited for, each time once */
static void
unite_held(PgtLockSession *session)
{
	int			n = 0;

	if (session->nheld == 0)
		return;
	qsort(session->held, session->nheld, sizeof(PgtLockInterval),
		  compare_intervals);
	for (int i = 1; i < session->nheld; i++)
	{
		if (session->held[i].begin <= session->held[n].end)
			session->held[n].end = Max(session->held[n].end,
									   session->held[i].end);
		else
			session->held[++n] = session->held[i];
	}
	session->nheld = n + 1;
}

int64_t
pgt_lock_held(const PgtLockSession *session, int64_t begin, int64_t end)
{
	int64_t		us = 0;
	int			low = 0;
	int			high = session->nheld;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (session->held[middle].end > begin)
			high = middle;
		else
			low = middle + 1;
	}
	for (int i = low; i < session->nheld && session->held[i].begin < end; i++)
		us += Min(session->held[i].end, end) - Max(session->held[i].begin, begin);
	return us;
}

/* What is behind a node's own waits: those of the nodes below as well */
static int64_t
sum_of(const PgtLockNode *node)
{
	int64_t		us = node->us;

	for (const PgtLockNode *child = node->children; child != NULL;
		 child = child->next)
		us += sum_of(child);
	return us;
}

static void
sort_nodes(PgtLockNode **list)
{
	PgtLockNode *sorted = NULL;

	while (*list != NULL)
	{
		PgtLockNode *node = *list;
		PgtLockNode **place = &sorted;
		int64_t		us = sum_of(node);

		*list = node->next;
		while (*place != NULL && sum_of(*place) >= us)
			place = &(*place)->next;
		node->next = *place;
		*place = node;
		sort_nodes(&node->children);
	}
	*list = sorted;
}

PgtLockNode *
pgt_lock_chains(PgtLockWaits *waits)
{
	PgtLockNode *heads = NULL;

	/* a process may have several files, in any order */
	for (int i = 0; i < waits->nsessions; i++)
	{
		PgtLockSession *session = waits->sessions[i];

		if (session->nwaits > 0)
			qsort(session->waits, session->nwaits, sizeof(PgtLockInterval),
				  compare_intervals);
	}
	for (int i = 0; i < waits->nsessions; i++)
	{
		PgtLockSession *session = waits->sessions[i];

		for (int j = 0; j < session->nwaits; j++)
		{
			const PgtLockInterval *wait = &session->waits[j];
			Chain		chain = {.heads = &heads, .wait = wait};

			follow(&chain, wait->kind, wait->begin, wait->end,
				   wait->end - wait->begin);
		}
	}
	for (int i = 0; i < waits->nsessions; i++)
		unite_held(waits->sessions[i]);
	sort_nodes(&heads);
	return heads;
}
