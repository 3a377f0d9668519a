/*
 * waits_sample.h
 *	  What waits_sample.c and waits_main.c know of each other.
 */
#ifndef WAITS_SAMPLE_H
#define WAITS_SAMPLE_H

#include <stdint.h>

/* Of the program, as is the word that it points to */
extern uint32_t *my_wait_event_info;

/* They take 50 instructions, and no compiler sees into them. */
extern void opaque(void);
extern int	opaque_sum(int a, int b, int c);

extern int	sample_run(int n);

#endif							/* WAITS_SAMPLE_H */
