/*
 * table.c
 *	  What a bench has measured, by two things that vary: as a table to read,
 *	  and as JSON.
 */
#include <stdlib.h>

#include "bench/table.h"

void
series_add(Series *series, double value)
{
	series->value[series->count++] = value;
}

static int
compare(const void *a, const void *b)
{
	double		difference = *(const double *) a - *(const double *) b;

	return difference < 0 ? -1 : difference > 0;
}

void
table_sort(const Table *table)
{
	for (int i = 0; i < table->nrows * table->ncolumns; i++)
		qsort(table->series[i].value, table->series[i].count, sizeof(double),
			  compare);
}

/* In Markdown */
void
table_print(const Table *table)
{
	printf("\n| %s |", table->title);
	for (int n = 0; n < table->ncolumns; n++)
		printf(" %d |", table->columns[n]);
	printf("\n|---|");
	for (int n = 0; n < table->ncolumns; n++)
		printf("---|");
	printf("\n");
	for (int i = 0; i < table->nrows; i++)
	{
		printf("| %s |", table->rows[i]);
		if (table->failures[i] != NULL)
			printf(" %s |", table->failures[i]);
		for (int n = 0; n < table->ncolumns && table->failures[i] == NULL; n++)
		{
			const Series *series = &table->series[i * table->ncolumns + n];

			if (series->count == 0)
				printf(" |");
			else
				printf(" %.*f (%.*f-%.*f) |",
					   table->decimals, series->value[series->count / 2],
					   table->decimals, series->value[0],
					   table->decimals, series->value[series->count - 1]);
		}
		printf("\n");
	}
}

/* "row": {"column": {"median": ..., "min": ..., "max": ...}, ...}, ... */
void
table_write(FILE *file, const Table *table)
{
	fprintf(file, ",\n \"%s\": {\"unit\": \"%s\"", table->title,
			table->unit);
	for (int i = 0; i < table->nrows; i++)
	{
		fprintf(file, ",\n  \"%s\": {", table->rows[i]);
		if (table->failures[i] != NULL)
			fprintf(file, "\"failure\": \"%s\"", table->failures[i]);
		for (int n = 0; n < table->ncolumns && table->failures[i] == NULL; n++)
		{
			const Series *series = &table->series[i * table->ncolumns + n];

			if (series->count > 0)
				fprintf(file, "%s\"%d\": {\"median\": %f, \"min\": %f, \"max\": %f}",
						n > 0 ? ", " : "", table->columns[n],
						series->value[series->count / 2], series->value[0],
						series->value[series->count - 1]);
		}
		fprintf(file, "}");
	}
	fprintf(file, "}");
}
