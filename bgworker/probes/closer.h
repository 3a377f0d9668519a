/*
 * closer.h
 *		A helper thread that closes file descriptors.
 *
 * Pure C: knows neither PostgreSQL nor libbpf.
 */
#ifndef PGT_PROBES_CLOSER_H
#define PGT_PROBES_CLOSER_H

/*
 * Returns the closer, or -1 if there can be none, which the other functions
 * take as well: then they close at once.
 */
extern int	pgt_closer_start(void);

/* The file descriptor is the closer's from now on. */
extern void pgt_closer_close(int closer, int fd);

/* Returns at once; the closer still closes what it was given. */
extern void pgt_closer_stop(int closer);

#endif							/* PGT_PROBES_CLOSER_H */
