/*
 * table.h
 *	  What a bench has measured, by two things that vary: as a table to read,
 *	  and as JSON.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdio.h>

#define MAX_ROUNDS		99

/* A figure, as often as it was measured */
typedef struct Series
{
	double		value[MAX_ROUNDS];
	int			count;
} Series;

typedef struct Table
{
	const char *title;
	const char *unit;
	int			decimals;
	int			nrows;
	int			ncolumns;
	const char *const *rows;	/* names */
	const int  *columns;		/* the same */
	const char *const *failures;	/* why a row has no figures, or NULL */
	Series	   *series;			/* [nrows][ncolumns]; may be empty */
} Table;

/* No more than MAX_ROUNDS. */
extern void series_add(Series *series, double value);

/* To be called before the other two. */
extern void table_sort(const Table *table);

/* Both show median, minimum and maximum. */
extern void table_print(const Table *table);
extern void table_write(FILE *file, const Table *table);

#endif							/* BENCH_TABLE_H */
