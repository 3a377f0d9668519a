/*
 * aio.h
 *		Where the server keeps asynchronous I/O.
 */
#ifndef PGT_PROBES_AIO_H
#define PGT_PROBES_AIO_H

#include "bpf/pg_trace.h"

/* All 0 in a server that has none. */
extern void pgt_aio_describe(struct pgt_aio_layout *layout);

#endif							/* PGT_PROBES_AIO_H */
