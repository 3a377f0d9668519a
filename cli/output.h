/*
 * output.h
 *		What commands print: tables as text, CSV or JSON.
 *
 *		PgtTable   *table = pgt_table_create("events", columns, ncolumns);
 *
 *		pgt_table_text(table, event->name);
 *		pgt_table_number(table, count);
 *		pgt_table_seconds(table, us);
 *		...								the cells of a row, row after row
 *		pgt_table_print(table);			prints and frees it
 *		pgt_output_end();				after the last one
 *
 * As JSON, all tables are members of one object, {"events": [{...}, ...], ...}.  As
 * CSV, an empty line is between them.
 */
#ifndef PGT_CLI_OUTPUT_H
#define PGT_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"

typedef enum PgtOutputFormat
{
	PGT_OUTPUT_TEXT,
	PGT_OUTPUT_CSV,
	PGT_OUTPUT_JSON
} PgtOutputFormat;

extern PgtOutputFormat pgt_output_format;

/* An entry of a command's table of options */
extern const char *pgt_output_set_format(void *target, const char *value);

#define PGT_OUTPUT_OPTION \
	{"format", "text|csv|json", "how to print it", PGT_OPTION_SET, NULL, \
	pgt_output_set_format}

typedef struct PgtColumn
{
	const char *name;			/* in CSV and JSON */
	const char *title;			/* in text */
	bool		right;			/* numbers: flush right */
} PgtColumn;

typedef struct PgtTable PgtTable;

/* name: what it is called in JSON.  columns must stay. */
extern PgtTable *pgt_table_create(const char *name, const PgtColumn *columns,
								  int ncolumns);

/* The next cell: of any text, which is copied; of a number; empty */
extern void pgt_table_text(PgtTable *table, const char *text);
extern void pgt_table_number(PgtTable *table, int64_t number);
extern void pgt_table_none(PgtTable *table);

/* Of us, as seconds with six digits; of a share, in percent with one digit */
extern void pgt_table_seconds(PgtTable *table, int64_t us);
extern void pgt_table_percent(PgtTable *table, int64_t part, int64_t whole);

/* Of a number with decimal places */
extern void pgt_table_decimal(PgtTable *table, double number, int places);

/* A line of dashes before the next row, in text only */
extern void pgt_table_rule(PgtTable *table);

extern int	pgt_table_rows(const PgtTable *table);
extern void pgt_table_print(PgtTable *table);
extern void pgt_output_end(void);

/* Text for people between tables: printf(), if the format is text */
extern void pgt_output_note(const char *format,...)
			__attribute__((format(printf, 1, 2)));

/*
 * A text on one line of at most that many bytes, with blanks for any white
 * space, and "..." at its end if it is cut.  Freed by pg_free().
 */
extern char *pgt_one_line(const char *text, size_t len, size_t max);

/* Write a string of JSON, with its quotes, or a field of CSV, to stdout. */
extern void pgt_json_string(const char *text, size_t len);
extern void pgt_csv_field(const char *text, size_t len);

#endif							/* PGT_CLI_OUTPUT_H */
