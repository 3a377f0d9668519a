/*
 * needed.h
 *		A library that will be loaded, and those that it brings along.
 */
#ifndef PGT_PROBES_NEEDED_H
#define PGT_PROBES_NEEDED_H

/*
 * Hands over the path of the library, if it is there, and of all that it needs,
 * as far as they are found: what is missed is looked at when it is loaded.
 */
extern void pgt_needed_visit(const char *library,
							 void (*visit) (void *arg, const char *path),
							 void *arg);

#endif							/* PGT_PROBES_NEEDED_H */
