/*
 * accounts.c
 *		What doesn't add up in a trace.
 *
 *	- Times never decrease, and nothing follows TRACE ENDED.
 *	- A cursor is used only after PARSING IN CURSOR has introduced it, and is
 *	  introduced again only after CLOSE has given its number back.
 *	- A wait doesn't begin before the one above has ended, and is either inside
 *	  or outside of each call.
 *	- What is nested in a call lies inside of it, and isn't more than it, in time
 *	  and blocks.
 *	- A call's time isn't less than that of its waits, nor less than its CPU time
 *	  and the waits that keep a process off the CPU.
 *	- What the process has waited for pg_trace is the sum of these waits.
 *	- Self times, and gaps between calls, are the traced interval.
 *
 * A microsecond is allowed for, since times are cut to those.
 */
#include "postgres_fe.h"

#include "cli/commands/accounts.h"
#include "cli/model/flow.h"

#define ROUNDING			1

/*
 * What a call's elapsed time may miss of all that, in microseconds: the clocks'
 * granularity; and of CPU time, what a process that waits uses of it before it
 * sleeps and after it has been woken, which in a virtual machine contains what
 * the host has taken away from it in the meantime.
 */
#define ALLOWANCE			1000
#define ALLOWANCE_FOR_CPU	100000
#define ALLOWANCE_FOR_WAIT	300

struct PgtAccounts
{
	const PgtSource *source;
	PgtCatalog *catalog;
	PgtFlow    *flow;
	int64_t		tim;			/* the last one */
	int64_t		wait_end;		/* of the last wait */
	bool		ended;
	bool		midway;			/* tracing has begun in the middle of a call */
	bool		lossy;			/* lines are missing, and it is said so */
	int64_t		held;			/* waits for pg_trace */
	int64_t		sum;			/* self times and gaps */
};

static void
check_call_time(PgtAccounts *accounts, const PgtFlowCall *call)
{
	uint64_t	line = call->entry->line;
	int64_t		idle = 0;
	int64_t		allowance = ALLOWANCE_FOR_CPU;

	for (int i = 0; i < call->nitems; i++)
	{
		const PgtFlowItem *item = &call->items[i];

		/* reading is often nothing but the CPU copying pages */
		if (item->event == NULL || strcmp(item->event->type, "IO") == 0)
			continue;
		idle += item->us;
		allowance += ALLOWANCE_FOR_WAIT * item->count;
	}
	if (call->self_e + ALLOWANCE < call->wait_us)
		pgt_check_say(accounts->source, line,
					  "e=%lld without nested calls is less than %lld, its waits",
					  (long long) call->self_e, (long long) call->wait_us);
	else if (call->self_e + allowance < call->self_c + idle)
		pgt_check_say(accounts->source, line,
					  "e=%lld without nested calls is less than c=%lld and %lld, the waits off the CPU",
					  (long long) call->self_e, (long long) call->self_c,
					  (long long) idle);
}

/* Less than nothing is left of a figure without the calls below. */
static void
check_sums(PgtAccounts *accounts, const PgtFlowCall *call)
{
	const struct
	{
		const char *name;
		int64_t		self;
		bool		of_close;
	}			figures[] = {
		{"e", call->self_e, true},
		{"c", call->self_c, true},
		{"p", call->self_p, false},
		{"cr", call->self_cr, false},
		{"cu", call->self_cu, false},
	};

	for (size_t i = 0; i < lengthof(figures); i++)
	{
		if (figures[i].self < 0 &&
			(figures[i].of_close || call->entry->kind != PGT_ENTRY_CLOSE))
			pgt_check_say(accounts->source, call->entry->line,
						  "%s= is %lld less than that of the calls below",
						  figures[i].name, -(long long) figures[i].self);
	}
}

static void
check_place(PgtAccounts *accounts, const PgtFlowCall *call)
{
	const PgtFlowItem *before = call->before;

	if (before == NULL)
		return;
	if (before->event != NULL)
	{
		if (before->end > call->begin + ROUNDING && !before->partial &&
			before->count == 1)
			pgt_check_say(accounts->source, call->entry->line,
						  "begins in the middle of the wait that ended at tim=%lld",
						  (long long) before->end);
	}
	else if (before->dep > call->entry->of.call.dep && !accounts->midway)
		pgt_check_say(accounts->source, call->entry->line,
					  "doesn't contain the call that ended at tim=%lld",
					  (long long) before->end);
}

static void
note_call(void *arg, PgtFlowCall *call)
{
	PgtAccounts *accounts = arg;

	accounts->sum += call->self_e;
	check_place(accounts, call);
	if (call->entry->of.call.dep == 0)
		accounts->midway = false;
	check_sums(accounts, call);
	/* Oracle's older files have c= in ticks of 10 ms */
	if (accounts->source->session.format != 0)
		check_call_time(accounts, call);
}

static void
note_gap(void *arg, const PgtFlowGap *gap)
{
	PgtAccounts *accounts = arg;

	/* the calls in it have been handed out by themselves */
	accounts->sum += gap->end - gap->begin - gap->calls_us;
}

static void
note_wait(void *arg, const PgtEntry *entry, PgtStatement *statement,
		  PgtEvent *event)
{
	PgtAccounts *accounts = arg;
	int64_t		begin = entry->tim - entry->of.wait.ela;

	(void) statement;
	if (begin < accounts->wait_end - ROUNDING)
		pgt_check_say(accounts->source, entry->line,
					  "begins at %lld, before the wait above has ended",
					  (long long) begin);
	accounts->wait_end = entry->tim;
	if (event->is_tracer)
		accounts->held += entry->of.wait.ela;
}

static const PgtFlowEvents events = {note_wait, note_call, note_gap, NULL};

PgtAccounts *
pgt_accounts_create(const PgtSource *source)
{
	PgtAccounts *accounts = pg_malloc0(sizeof(PgtAccounts));

	accounts->source = source;
	accounts->catalog = pgt_catalog_create(false, 0);
	accounts->flow = pgt_flow_create(accounts->catalog, &events, accounts);
	accounts->tim = accounts->wait_end = INT64_MIN / 2;
	return accounts;
}

static void
check_cursor(PgtAccounts *accounts, const PgtEntry *entry)
{
	PgtFlowCursor state;

	if (!entry->has_cursor || entry->cursor == 0 ||
		accounts->source->session.format == 0)
		return;
	state = pgt_flow_cursor(accounts->flow, entry->cursor);
	if (entry->kind == PGT_ENTRY_CURSOR)
	{
		if (state == PGT_FLOW_CURSOR_OPEN)
			pgt_check_say(accounts->source, entry->line,
						  "cursor #%llu is in use already",
						  (unsigned long long) entry->cursor);
	}
	else if (state != PGT_FLOW_CURSOR_OPEN &&
			 entry->kind != PGT_ENTRY_PARALLEL_LEADER)
		pgt_check_say(accounts->source, entry->line, "cursor #%llu is unknown",
					  (unsigned long long) entry->cursor);
}

/* "HELD UP BY PG_TRACE: 25085 us (attach=...": with that, from the waits */
static void
check_held(PgtAccounts *accounts, const PgtEntry *entry)
{
	PgtSpan		text = entry->of.stars.text;

	if (memchr(text.at, '(', text.len) != NULL && !accounts->lossy &&
		entry->of.stars.number != accounts->held)
		pgt_check_say(accounts->source, entry->line,
					  "held up for %lld us, but these waits are %lld",
					  (long long) entry->of.stars.number,
					  (long long) accounts->held);
	/* another trace of the session may follow, if they were merged */
	accounts->held = 0;
}

void
pgt_accounts_note(PgtAccounts *accounts, const PgtEntry *entry)
{
	if (accounts->ended && entry->kind != PGT_ENTRY_EMPTY)
	{
		/* files that were put together */
		pgt_check_say(accounts->source, entry->line, "follows the trace's end");
		accounts->ended = false;
	}
	if (entry->has_tim)
	{
		if (entry->tim < accounts->tim)
			pgt_check_say(accounts->source, entry->line, "tim=%lld after %lld",
						  (long long) entry->tim, (long long) accounts->tim);
		accounts->tim = entry->tim;
	}
	check_cursor(accounts, entry);
	switch (entry->kind)
	{
		case PGT_ENTRY_HELD:
			check_held(accounts, entry);
			break;
		case PGT_ENTRY_LOST:
		case PGT_ENTRY_LIMITED:
			accounts->lossy = true;
			break;
		case PGT_ENTRY_STARTED_MIDWAY:
			accounts->midway = true;
			break;
		case PGT_ENTRY_ENDED:
			accounts->ended = true;
			break;
		default:
			break;
	}
	pgt_flow_note(accounts->flow, entry);
}

void
pgt_accounts_finish(PgtAccounts *accounts)
{
	int64_t		begin;
	int64_t		end;

	pgt_flow_finish(accounts->flow);
	if (pgt_flow_interval(accounts->flow, &begin, &end) &&
		accounts->sum != end - begin)
		pgt_check_say(accounts->source, accounts->source->reader.line,
					  "self times and gaps are %lld us, but the interval is %lld",
					  (long long) accounts->sum, (long long) (end - begin));
	pgt_flow_free(accounts->flow);
	pgt_catalog_free(accounts->catalog);
	pg_free(accounts);
}
