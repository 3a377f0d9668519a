/*
 * libbpf_log.h
 *		What libbpf has to say, in the server's log.
 */
#ifndef PGT_PROBES_LIBBPF_LOG_H
#define PGT_PROBES_LIBBPF_LOG_H

/* Have libbpf's messages kept; to be called before what may have some. */
extern void pgt_libbpf_log_start(void);

/* Log those that have come since; to be called when libbpf has returned. */
extern void pgt_libbpf_log_report(void);

#endif							/* PGT_PROBES_LIBBPF_LOG_H */
