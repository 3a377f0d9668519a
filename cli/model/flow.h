/*
 * flow.h
 *		From the entries of one file to calls with what belongs to them.
 *
 * A call's line comes when it ends, behind those of the waits and the calls in
 * it.  So these are kept on a stack until the line of the call around them
 * comes, or until it is clear that they are between calls.  Then the functions
 * of PgtFlowEvents are called:
 *
 *		wait	at each WAIT line
 *		call	at each line of a call, with its waits and the calls right below
 *		gap		for the time between calls of dep=0, with the waits in it; before
 *				the first one and behind the last one as well
 *
 * All self times and all gaps put together are the traced interval, to the
 * microsecond:
 *
 *		sum of self_e + sum of (gap.end - gap.begin) = interval
 *		self_e = self_c + wait_us - wait_cpu + rest
 *		gap.end - gap.begin = wait_us + the calls without a call around +
 *			protocol_us + rest
 *
 * The stack doesn't grow with the length of a call: when it is long, what is
 * alike is put together, as one item with a count.
 */
#ifndef PGT_MODEL_FLOW_H
#define PGT_MODEL_FLOW_H

#include "cli/model/catalog.h"

/* A wait or a call that has ended, or several put together */
typedef struct PgtFlowItem
{
	PgtEvent   *event;			/* of a wait; NULL: a call */
	PgtStatement *statement;
	int64_t		begin;			/* tim - ela or e; of several, the first one's */
	int64_t		end;			/* of several, the last one's */
	int64_t		us;				/* ela, or e */
	int64_t		cpu;			/* CPU time in it; of a wait, 0 if not
								 * measured */
	int64_t		protocol;		/* of a wait: work for the client before it */
	uint64_t	count;			/* how many it is */
	bool		partial;		/* of a wait */
	int64_t		node;			/* of a wait: plan node, -1: none; -2: several */
	int64_t		dep;			/* of a call */
	int64_t		p;				/* of a call as well: blocks */
	int64_t		cr;
	int64_t		cu;
	void	   *data;			/* what PgtFlowCall.data was set to */
} PgtFlowItem;

/* A call, of any kind that pgt_entry_is_call() */
typedef struct PgtFlowCall
{
	const PgtEntry *entry;
	PgtStatement *statement;
	int64_t		begin;
	int64_t		end;

	/* Without the calls below; they may be negative by a rounded microsecond. */
	int64_t		self_e;
	int64_t		self_c;
	int64_t		self_p;
	int64_t		self_cr;
	int64_t		self_cu;

	/* Its own waits */
	int64_t		wait_us;
	int64_t		wait_cpu;		/* of self_c, what is within these, if
								 * measured */
	uint64_t	waits;
	int64_t		rest;			/* of self_e; negative if CPU time within
								 * waits isn't measured */

	/* Its own waits and the calls right below, in the order of time */
	const PgtFlowItem *items;
	int			nitems;
	const PgtFlowItem *before;	/* what ended last before it began, since the
								 * last call of dep=0; NULL: nothing */

	void	   *data;			/* for the callback: goes into its item */
} PgtFlowCall;

typedef struct PgtFlowGap
{
	int64_t		begin;
	int64_t		end;
	int64_t		wait_us;
	uint64_t	waits;
	int64_t		calls_us;		/* calls that have none around them, since
								 * tracing began, or ended, in that one */
	int64_t		protocol_us;	/* what else was done for the client */
	int64_t		rest;
	const PgtFlowItem *items;
	int			nitems;
	bool		is_last;		/* the one behind the last call */
} PgtFlowGap;

typedef struct PgtFlowEvents
{
	void		(*wait) (void *arg, const PgtEntry *entry,
						 PgtStatement *statement, PgtEvent *event);
	void		(*call) (void *arg, PgtFlowCall *call);
	void		(*gap) (void *arg, const PgtFlowGap *gap);

	/* Put the data of two calls of the same statement together; may be NULL. */
	void	   *(*merge) (void *arg, void *data, void *other);
} PgtFlowEvents;

typedef struct PgtFlow PgtFlow;

extern PgtFlow *pgt_flow_create(PgtCatalog *catalog,
								const PgtFlowEvents *events, void *arg);

/* Take note of the next entry of the file, of any kind. */
extern void pgt_flow_note(PgtFlow *flow, const PgtEntry *entry);

/* There are no more entries. */
extern void pgt_flow_finish(PgtFlow *flow);
extern void pgt_flow_free(PgtFlow *flow);

/* The statement that a cursor stands for now; that of an entry if it has one */
extern PgtStatement *pgt_flow_statement(PgtFlow *flow, uint64_t cursor);

/* What a cursor's number is now: none, one that can be used, or closed for good */
typedef enum PgtFlowCursor
{
	PGT_FLOW_CURSOR_UNKNOWN,
	PGT_FLOW_CURSOR_OPEN,
	PGT_FLOW_CURSOR_CLOSED
} PgtFlowCursor;

extern PgtFlowCursor pgt_flow_cursor(PgtFlow *flow, uint64_t cursor);

/* The traced interval so far; false if there is none. */
extern bool pgt_flow_interval(const PgtFlow *flow, int64_t *begin,
							  int64_t *end);

/* What can't be right */
typedef struct PgtFlowDoubts
{
	uint64_t	unsure;			/* items put together that a call begins in */
	uint64_t	overlaps;		/* calls of dep=0 that begin before the last
								 * one has ended */
	uint64_t	orphans;		/* calls that have none around them */
	uint64_t	unknown_cursors;	/* lines of cursors without a text */
} PgtFlowDoubts;

extern const PgtFlowDoubts *pgt_flow_doubts(const PgtFlow *flow);

#endif							/* PGT_MODEL_FLOW_H */
