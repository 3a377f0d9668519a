/*
 * bind_values.c
 *		Statements with their bind values filled in.
 *
 * Where a text has $1 as a parameter, and where in a constant, is told as the
 * server's lexer does, for the usual kinds of constants and comments.
 */
#include "postgres_fe.h"
#include "common/logging.h"

#include "cli/commands/bind_values.h"
#include "cli/model/hash.h"
#include "cli/output.h"

/* A longer value is cut */
#define VALUE_LEN	40

typedef struct Values
{
	int			n;				/* 0: there are none */
	char		name[PGT_BIND_VALUES][VALUE_LEN];
	char		value[PGT_BIND_VALUES][VALUE_LEN + 4];
} Values;

typedef struct ValuesEntry
{
	uint64_t	cursor;
	Values	   *values;
	char		status;
} ValuesEntry;

#define SH_PREFIX			bound
#define SH_ELEMENT_TYPE		ValuesEntry
#define SH_KEY_TYPE			uint64_t
#define SH_KEY				cursor
#define SH_HASH_KEY(table, key)	((uint32) pgt_hash_number(key))
#define SH_EQUAL(table, a, b)	((a) == (b))
#define SH_RAW_ALLOCATOR	palloc0
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct PgtBindValues
{
	bound_hash *by_cursor;
	Values	   *binding;		/* whose values are being read */
};

PgtBindValues *
pgt_bind_values_create(void)
{
	PgtBindValues *values = pg_malloc0(sizeof(PgtBindValues));

	values->by_cursor = bound_create(64, NULL);
	return values;
}

void
pgt_bind_values_free(PgtBindValues *values)
{
	bound_iterator iterator;
	ValuesEntry *entry;

	bound_start_iterate(values->by_cursor, &iterator);
	while ((entry = bound_iterate(values->by_cursor, &iterator)) != NULL)
		pg_free(entry->values);
	bound_destroy(values->by_cursor);
	pg_free(values);
}

static void
note_value(Values *values, const PgtEntryBind *bind)
{
	const char *quote = bind->kind == PGT_ENTRY_VALUE_QUOTED ? "'" : "";
	int			len = Min(bind->value.len, VALUE_LEN - 6);
	const char *dots = bind->value.len > (size_t) len || bind->shown >= 0 ?
		"..." : "";

	if (bind->number != values->n || values->n == PGT_BIND_VALUES)
		return;
	snprintf(values->value[values->n], sizeof(values->value[0]),
			 "%s%.*s%s%s", quote, len, len > 0 ? bind->value.at : "", dots,
			 quote);
	if (bind->kind == PGT_ENTRY_VALUE_NONE)
		strlcpy(values->value[values->n], "?", VALUE_LEN);
	/* a parameter without a name is called $1 in PL/pgSQL, too */
	snprintf(values->name[values->n], VALUE_LEN, "%.*s",
			 (int) bind->name.len, bind->name.len > 0 ? bind->name.at : "");
	if (values->name[values->n][0] == '$')
		values->name[values->n][0] = '\0';
	values->n++;
}

void
pgt_bind_values_note(PgtBindValues *values, const PgtEntry *entry)
{
	bool		is_there;
	ValuesEntry *found;

	if (entry->kind == PGT_ENTRY_BIND && values->binding != NULL)
		note_value(values->binding, &entry->of.bind);
	if (entry->kind == PGT_ENTRY_CURSOR)
	{
		/* the number means something else now */
		found = bound_lookup(values->by_cursor, entry->cursor);
		if (found != NULL)
			found->values->n = 0;
	}
	if (entry->kind != PGT_ENTRY_BINDS)
		return;
	found = bound_insert(values->by_cursor, entry->cursor, &is_there);
	if (!is_there)
		found->values = pg_malloc(sizeof(Values));
	found->values->n = 0;
	values->binding = found->values;
}

/* ----------
 * Filling in
 * ----------
 */

/* The end of a constant, a comment or a name in quotes that begins at p, or p */
static const char *
skip_quoted(const char *p)
{
	const char *end = NULL;

	if (*p == '\'' || *p == '"')
		end = strchr(p + 1, *p);
	else if (p[0] == '-' && p[1] == '-')
		end = strchr(p, '\n');
	else if (p[0] == '/' && p[1] == '*')
	{
		end = strstr(p + 2, "*/");
		if (end != NULL)
			end++;
	}
	else
		return p;
	return end != NULL ? end + 1 : p + strlen(p);
}

/* The value for "$n" at p; *len is how long that is.  NULL: it is no parameter */
static const char *
find_value(const Values *values, const char *p, int *len)
{
	int			number = 0;
	int			n = 1;

	while (p[n] >= '0' && p[n] <= '9' && number <= PGT_BIND_VALUES)
		number = number * 10 + (p[n++] - '0');
	if (number < 1 || number > values->n || values->name[number - 1][0] != '\0')
		return NULL;
	*len = n;
	return values->value[number - 1];
}

static char *
fill(const Values *values, const char *text)
{
	/* a parameter has two bytes at least */
	size_t		size = strlen(text) * (VALUE_LEN + 4) / 2 + 1 +
		values->n * 2 * (VALUE_LEN + 4);
	char	   *filled = pg_malloc(size);
	size_t		n = 0;

	for (const char *p = text; *p != '\0';)
	{
		const char *next = skip_quoted(p);
		int			len;
		const char *value = *p == '$' ? find_value(values, p, &len) : NULL;

		if (value != NULL)
		{
			memcpy(filled + n, value, strlen(value));
			n += strlen(value);
			p += len;
			continue;
		}
		if (next == p)
			next++;
		memcpy(filled + n, p, next - p);
		n += next - p;
		p = next;
	}
	filled[n] = '\0';
	return filled;
}

char *
pgt_bind_values_fill(PgtBindValues *values, const PgtEntry *entry,
					 const PgtStatement *statement, size_t max)
{
	ValuesEntry *found = NULL;
	char	   *filled;
	char	   *line;

	/* planning may be without them */
	if (entry->has_cursor && entry->kind != PGT_ENTRY_PARSE)
		found = bound_lookup(values->by_cursor, entry->cursor);
	if (found == NULL || found->values->n == 0)
		return pgt_one_line(statement->text, statement->text_len, max);
	filled = fill(found->values, statement->text);
	line = pgt_one_line(filled, strlen(filled), max);
	pg_free(filled);
	for (int i = 0; i < found->values->n; i++)
	{
		char	   *longer;

		if (found->values->name[i][0] == '\0')
			continue;
		longer = psprintf("%s [%s = %s]", line, found->values->name[i],
						  found->values->value[i]);
		pg_free(line);
		line = longer;
	}
	return line;
}
