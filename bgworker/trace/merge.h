/*
 * merge.h
 *		Puts a session's records and waits into one order.
 */
#ifndef PGT_TRACE_MERGE_H
#define PGT_TRACE_MERGE_H

#include "bpf/pg_trace.h"
#include "extension/queue.h"

/* Waits of one session that aren't written yet, oldest first. */
typedef struct PgtMerge
{
	char	   *waits;			/* one behind the other, in bytes: */
	Size		first;
	Size		end;
	Size		capacity;
	uint64		text_left;		/* bytes of a record's text still to come */
	uint64		dropped;		/* waits for which there was no memory */
} PgtMerge;

/* Where the merged stream goes. */
typedef struct PgtMergeSink
{
	void		(*record) (void *arg, const PgtRecord *record);
	void		(*wait) (void *arg, const struct pgt_wait_event *wait);

	/* the text being sent ends here, left bytes short */
	void		(*text_missing) (void *arg, uint64 left);
	/* what the queue held isn't a record; once in a run */
	void		(*corrupt) (void *arg);
	void	   *arg;
} PgtMergeSink;

extern void pgt_merge_init(PgtMerge *merge);
extern void pgt_merge_free(PgtMerge *merge);

/* Add a wait that the BPF program has sent, with its target if it has one.  Never raises an error. */
extern void pgt_merge_add_wait(PgtMerge *merge,
							   const struct pgt_wait_event *wait);

/*
 * Hand what is known to be in order to the sink: the queue's records up to
 * head, and the waits before them or before safe_ns, a time that lies before
 * head was read.  head must have been read before the BPF ring buffer was
 * drained.  The sink gets copies that nobody else can change, and only sound
 * records.  It is for a bounded time.  Returns how many items went to the sink;
 * *held tells whether something was kept for the next time.
 */
extern int	pgt_merge_run(PgtMerge *merge, PgtQueueReader *queue, uint64 head,
						  uint64 safe_ns, const PgtMergeSink *sink,
						  bool *held);

/* Is nothing left of the queue up to head, and of the waits? */
extern bool pgt_merge_is_done(const PgtMerge *merge,
							  const PgtQueueReader *queue, uint64 head);

#endif							/* PGT_TRACE_MERGE_H */
