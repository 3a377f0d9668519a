/*
 * selftest.h
 *		Does a kind of probes work here?  It has to prove that.
 */
#ifndef PGT_PROBES_SELFTEST_H
#define PGT_PROBES_SELFTEST_H

#include "bgworker/probes/attach.h"

/*
 * Have probes of a kind observe what this process, the worker, does, unless
 * that was tried before.  Returns NULL if they do, or why not.
 */
extern const char *pgt_selftest(PgtAttacher *attacher, enum pgt_probe probe);

/* Forget what was found out. */
extern void pgt_selftest_reset(void);

/* The kinds that were found not to work, and why; "" if there are none. */
extern void pgt_selftest_unusable(char *buffer, size_t len);

#endif							/* PGT_PROBES_SELFTEST_H */
