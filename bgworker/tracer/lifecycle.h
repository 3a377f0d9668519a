/*
 * lifecycle.h
 *		How the trace of one process begins, follows the process, and ends.
 */
#ifndef PGT_TRACER_LIFECYCLE_H
#define PGT_TRACER_LIFECYCLE_H

#include "bgworker/probes/probes.h"
#include "bgworker/tracer/tracer.h"

/*
 * Begin the trace that is asked for in a slot; or, if resume is set, continue
 * the one that was active when the worker was restarted.  file is the new file
 * if there is one already, else NULL.  probes is NULL if waits can't be
 * observed; probe_error says why.  Returns false with a reason in error.
 */
extern bool pgt_tracer_begin(PgtTracer *tracer, int slot, bool resume,
							 const PgtWriter *file, PgtProbes *probes, const char *probe_error,
							 char *error, size_t error_len);

/* The process's hooks are to send no records any longer. */
extern void pgt_tracer_clear_flag(const PgtTracer *tracer);

/*
 * worker is a parallel worker of leader, and both have just been drained: say
 * so in both files.
 */
extern void pgt_tracer_link(PgtTracer *leader, PgtTracer *worker);

/*
 * Look at the entry in shared memory again: does it still describe this trace?
 * It isn't to go on otherwise.
 */
extern void pgt_tracer_check_entry(PgtTracer *tracer);

/*
 * Has the backend let go of the queue, so that the trace can end?  It is
 * given a second.
 */
extern bool pgt_tracer_can_end(PgtTracer *tracer);

/*
 * Detach the probes.  A last round of note, drain and flush must follow, then
 * pgt_tracer_end().
 */
extern void pgt_tracer_detach(PgtTracer *tracer, PgtProbes *probes);

/*
 * A process that doesn't let go of the queue keeps its slot from being used
 * again.  After the end of such a trace, or after a restart of the worker,
 * pgt_tracer_hold() watches it, and pgt_tracer_release() is called when it is
 * gone.
 */
extern void pgt_tracer_hold(PgtTracer *tracer, int slot);
extern void pgt_tracer_release(PgtTracer *tracer);

/* The worker stops; its successor continues the file. */
extern void pgt_tracer_leave(PgtTracer *tracer);

/*
 * Complete and close the file.  reason is the last line's text.  If
 * tracer->successor is set, returns the slot in which the process is to go on
 * with that, or NULL if it isn't to, or there is none.
 */
extern PgtSession *pgt_tracer_end(PgtTracer *tracer, const char *reason);

#endif							/* PGT_TRACER_LIFECYCLE_H */
