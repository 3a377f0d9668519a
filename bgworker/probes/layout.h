/*
 * layout.h
 *		Does the server keep its data where this library was built to look?
 */
#ifndef PGT_PROBES_LAYOUT_H
#define PGT_PROBES_LAYOUT_H

#include <stddef.h>

#define PGT_SERVER_LAYOUT_HINT \
	"Build pg_trace_bgw with the headers of the server that runs, install it and restart the server."

/*
 * In a process that has a PGPROC.  Returns false, with the reason in error, if
 * something is found elsewhere.
 */
extern bool pgt_server_layout_fits(char *error, size_t error_len);

#endif							/* PGT_PROBES_LAYOUT_H */
