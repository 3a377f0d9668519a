/*
 * fields.h
 *		Takes the fields of a line, <name>=<value>, by their names.
 */
#ifndef PGT_PARSE_FIELDS_H
#define PGT_PARSE_FIELDS_H

#include "cli/parse/entry.h"

typedef enum PgtFieldType
{
	PGT_FIELD_INT64,
	PGT_FIELD_SPAN,				/* a text, without its quotes */
	PGT_FIELD_KNOWN				/* nobody asks for it */
} PgtFieldType;

/* A field that a kind of line can have, and where in PgtEntry it goes */
typedef struct PgtFieldRule
{
	const char *name;
	uint8_t		len;
	uint8_t		type;
	uint16_t	offset;
} PgtFieldRule;

#define PGT_RULE(name, type, member) \
	{name, sizeof(name) - 1, type, offsetof(PgtEntry, member)}
#define PGT_RULE_INT64(name, member)	PGT_RULE(name, PGT_FIELD_INT64, member)
#define PGT_RULE_SPAN(name, member)		PGT_RULE(name, PGT_FIELD_SPAN, member)
#define PGT_RULE_KNOWN(name)			{name, sizeof(name) - 1, PGT_FIELD_KNOWN, 0}

/*
 * Take the fields between p and end, in which blanks or commas separate them,
 * as separator says.  In a file they are in the order of the rules, most often.
 */
extern void pgt_fields_take(PgtEntry *entry, const char *p, const char *end,
							char separator, const PgtFieldRule *rules,
							int nrules);

/*
 * The next field at *p, which moves behind it; false if there is none.  A word
 * that isn't a field has a name only.
 */
typedef struct PgtField
{
	PgtSpan		name;
	PgtSpan		value;			/* without its quotes; NULL if there is none */
	char		quote;			/* 0 if there is none, or it isn't closed */
} PgtField;

extern bool pgt_field_next(const char **p, const char *end, char separator,
						   PgtField *field);

/*
 * Any field of an entry by its name, also one that the reader doesn't know.
 * The value is without its quotes.  Of entries with several lines, those of the
 * first one, and of a BIND all; of a STAT, those in parentheses as well.
 */
extern bool pgt_entry_field(const PgtEntry *entry, const char *name,
							PgtSpan *value);

#endif							/* PGT_PARSE_FIELDS_H */
