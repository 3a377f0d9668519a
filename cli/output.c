/*
 * output.c
 *		What commands print: tables as text, CSV or JSON.
 *
 * A table is kept until it is printed, since the widths of its columns are
 * those of all its cells: so whoever fills it puts a bound to its rows.
 */
#include "postgres_fe.h"

#include "cli/output.h"

typedef struct Cell
{
	char	   *text;			/* NULL: none */
	bool		is_number;
} Cell;

struct PgtTable
{
	const char *name;
	const PgtColumn *columns;
	int			ncolumns;
	Cell	   *cells;			/* row after row */
	int			ncells;
	int			max_cells;
	int			rule;			/* a rule is before this row; -1: none */
};

PgtOutputFormat pgt_output_format = PGT_OUTPUT_TEXT;

/* Tables that were printed */
static int	tables;

const char *
pgt_output_set_format(void *target, const char *value)
{
	(void) target;
	if (strcmp(value, "text") == 0)
		pgt_output_format = PGT_OUTPUT_TEXT;
	else if (strcmp(value, "csv") == 0)
		pgt_output_format = PGT_OUTPUT_CSV;
	else if (strcmp(value, "json") == 0)
		pgt_output_format = PGT_OUTPUT_JSON;
	else
		return "it is none of text, csv, json";
	return NULL;
}

void
pgt_output_note(const char *format,...)
{
	va_list		args;

	if (pgt_output_format != PGT_OUTPUT_TEXT)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

/* ----------
 * Filling a table
 * ----------
 */

PgtTable *
pgt_table_create(const char *name, const PgtColumn *columns, int ncolumns)
{
	PgtTable   *table = pg_malloc0(sizeof(PgtTable));

	table->name = name;
	table->columns = columns;
	table->ncolumns = ncolumns;
	table->rule = -1;
	return table;
}

static void
add_cell(PgtTable *table, char *text, bool is_number)
{
	if (table->ncells == table->max_cells)
	{
		table->max_cells = Max(2 * table->max_cells, 64);
		table->cells = pg_realloc(table->cells,
								  table->max_cells * sizeof(Cell));
	}
	table->cells[table->ncells].text = text;
	table->cells[table->ncells++].is_number = is_number;
}

void
pgt_table_text(PgtTable *table, const char *text)
{
	add_cell(table, pg_strdup(text), false);
}

void
pgt_table_number(PgtTable *table, int64_t number)
{
	add_cell(table, psprintf("%lld", (long long) number), true);
}

void
pgt_table_none(PgtTable *table)
{
	add_cell(table, NULL, false);
}

void
pgt_table_seconds(PgtTable *table, int64_t us)
{
	uint64_t	magnitude = us < 0 ? -(uint64_t) us : (uint64_t) us;

	add_cell(table, psprintf("%s%llu.%06u", us < 0 ? "-" : "",
							 (unsigned long long) (magnitude / 1000000),
							 (unsigned) (magnitude % 1000000)), true);
}

void
pgt_table_percent(PgtTable *table, int64_t part, int64_t whole)
{
	if (whole == 0)
		pgt_table_none(table);
	else
		pgt_table_decimal(table, 100.0 * part / whole, 1);
}

void
pgt_table_decimal(PgtTable *table, double number, int places)
{
	add_cell(table, psprintf("%.*f", places, number), true);
}

void
pgt_table_rule(PgtTable *table)
{
	table->rule = pgt_table_rows(table);
}

int
pgt_table_rows(const PgtTable *table)
{
	return table->ncells / table->ncolumns;
}

/* ----------
 * Printing
 * ----------
 */

/* Characters of UTF-8, which are what most terminals make one column of */
static int
width_of(const char *text)
{
	int			width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char) *text & 0xC0) != 0x80;
	return width;
}

static void
print_padded(const char *text, int width, bool right, bool is_last)
{
	int			padding = width - width_of(text);

	if (right)
		printf("%*s%s", Max(padding, 0), "", text);
	else
		printf("%s%*s", text, is_last ? 0 : Max(padding, 0), "");
}

static void
print_rule(const PgtTable *table, const int *widths)
{
	for (int i = 0; i < table->ncolumns; i++)
	{
		for (int n = 0; n < widths[i]; n++)
			putchar('-');
		if (i < table->ncolumns - 1)
			printf("  ");
	}
	putchar('\n');
}

static void
print_text(const PgtTable *table)
{
	int		   *widths = pg_malloc(table->ncolumns * sizeof(int));

	for (int i = 0; i < table->ncolumns; i++)
	{
		widths[i] = width_of(table->columns[i].title);
		for (int cell = i; cell < table->ncells; cell += table->ncolumns)
		{
			if (table->cells[cell].text != NULL)
				widths[i] = Max(widths[i], width_of(table->cells[cell].text));
		}
	}
	for (int i = 0; i < table->ncolumns; i++)
	{
		print_padded(table->columns[i].title, widths[i],
					 table->columns[i].right, i == table->ncolumns - 1);
		printf("%s", i < table->ncolumns - 1 ? "  " : "\n");
	}
	print_rule(table, widths);
	for (int cell = 0; cell < table->ncells; cell++)
	{
		int			column = cell % table->ncolumns;
		bool		is_last = column == table->ncolumns - 1;
		const char *text = table->cells[cell].text;

		if (column == 0 && cell / table->ncolumns == table->rule)
			print_rule(table, widths);
		print_padded(text != NULL ? text : "", widths[column],
					 table->columns[column].right, is_last);
		printf("%s", is_last ? "\n" : "  ");
	}
	pg_free(widths);
}

void
pgt_csv_field(const char *text, size_t len)
{
	bool		quoted = len == 0;

	for (size_t i = 0; i < len && !quoted; i++)
		quoted = strchr("\",\r\n", text[i]) != NULL;
	if (!quoted)
	{
		fwrite(text, 1, len, stdout);
		return;
	}
	putchar('"');
	for (size_t i = 0; i < len; i++)
	{
		if (text[i] == '"')
			putchar('"');
		putchar(text[i]);
	}
	putchar('"');
}

static void
print_csv(const PgtTable *table)
{
	if (tables > 0)
		putchar('\n');
	for (int i = 0; i < table->ncolumns; i++)
		printf("%s%s", i > 0 ? "," : "", table->columns[i].name);
	putchar('\n');
	for (int cell = 0; cell < table->ncells; cell++)
	{
		const char *text = table->cells[cell].text;

		if (cell % table->ncolumns > 0)
			putchar(',');
		if (text != NULL)
			pgt_csv_field(text, strlen(text));
		if (cell % table->ncolumns == table->ncolumns - 1)
			putchar('\n');
	}
}

void
pgt_json_string(const char *text, size_t len)
{
	putchar('"');
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = text[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void
print_json(const PgtTable *table)
{
	printf("%s", tables > 0 ? ",\n " : "{");
	pgt_json_string(table->name, strlen(table->name));
	printf(": [");
	for (int cell = 0; cell < table->ncells; cell++)
	{
		int			column = cell % table->ncolumns;
		const Cell *it = &table->cells[cell];

		printf("%s", column > 0 ? ", " : cell > 0 ? "},\n  {" : "\n  {");
		pgt_json_string(table->columns[column].name,
						strlen(table->columns[column].name));
		printf(": ");
		if (it->text == NULL)
			printf("null");
		else if (it->is_number)
			printf("%s", it->text);
		else
			pgt_json_string(it->text, strlen(it->text));
	}
	printf("%s", table->ncells > 0 ? "}]" : "]");
}

void
pgt_table_print(PgtTable *table)
{
	switch (pgt_output_format)
	{
		case PGT_OUTPUT_TEXT:
			print_text(table);
			break;
		case PGT_OUTPUT_CSV:
			print_csv(table);
			break;
		case PGT_OUTPUT_JSON:
			print_json(table);
			break;
	}
	tables++;
	for (int i = 0; i < table->ncells; i++)
		pg_free(table->cells[i].text);
	pg_free(table->cells);
	pg_free(table);
}

void
pgt_output_end(void)
{
	if (pgt_output_format == PGT_OUTPUT_JSON)
		printf("%s\n", tables > 0 ? "}" : "{}");
	tables = 0;
}

char *
pgt_one_line(const char *text, size_t len, size_t max)
{
	static const char dots[] = "...";
	char	   *line = pg_malloc(max + sizeof(dots));
	size_t		n = 0;
	bool		blank = false;

	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = text[i];

		if (c <= ' ')
		{
			blank = n > 0;
			continue;
		}
		/* room for the dots, and no half of a character before them */
		if (n + blank + 1 > max - (sizeof(dots) - 1))
		{
			while (n > 0 && ((unsigned char) line[n - 1] & 0xC0) == 0x80)
				n--;
			if (n > 0 && (unsigned char) line[n - 1] >= 0xC0)
				n--;
			memcpy(line + n, dots, sizeof(dots));
			return line;
		}
		if (blank)
			line[n++] = ' ';
		blank = false;
		line[n++] = c;
	}
	line[n] = '\0';
	return line;
}
