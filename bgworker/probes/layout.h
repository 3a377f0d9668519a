/*
 * layout.h
 *		Where the server keeps what is read of it, and is it there?
 */
#ifndef PGT_PROBES_LAYOUT_H
#define PGT_PROBES_LAYOUT_H

#include <stddef.h>

#include "bpf/pg_trace.h"

#define PGT_SERVER_LAYOUT_HINT \
	"Build pg_trace_bgw with the headers of the server that runs, install it and restart the server."

/*
 * In a process that has a PGPROC.  Returns false, with the reason in error, if
 * something is found elsewhere.
 */
extern bool pgt_server_layout_fits(char *error, size_t error_len);

/* For the BPF program.  layout is all 0 before. */
extern void pgt_server_layout_describe(struct pgt_layout *layout);

#endif							/* PGT_PROBES_LAYOUT_H */
