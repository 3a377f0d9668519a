/*
 * value.h
 *		The text of a value, made without any code that may fail or take long.
 */
#ifndef PGT_VALUE_H
#define PGT_VALUE_H

#include "lib/stringinfo.h"

#include "extension/record.h"

/* What is needed of a type, from pg_type; of a domain, what is below it */
typedef struct PgtType
{
	Oid			oid;
	Oid			base;			/* the same, but for a domain */
	Oid			element;		/* of an array, else 0 */
	int16		len;
	bool		by_value;
	char		align;
	char		delimiter;		/* between its values in an array */
	bool		is_enum;
	bool		is_shell;
	bool		is_composite;
	NameData	name;
} PgtType;

/* A value, ready to be sent */
typedef struct PgtValue
{
	PgtBindState state;
	const char *text;
	Size		len;
	Size		full_len;		/* 0, or the length of what was cut; where
								 * that isn't known, what the value takes as
								 * stored */
} PgtValue;

/* NULL if there is no such type.  Valid until the next call. */
extern const PgtType *pgt_value_type(Oid oid);

/* There is no text, for this reason. */
extern void pgt_value_omit(PgtValue *value, const char *reason);

/*
 * The text of a datum, of pg_trace.max_bind_length bytes at the most, in the
 * current memory context or where the datum is.  Whatever can't be converted
 * cheaply, and without functions that anybody has made, is omitted.
 */
extern void pgt_value_convert(const PgtType *type, Datum datum,
							  PgtValue *value);

/* Is a varlena in memory as it is, or compressed, with nothing elsewhere? */
static inline bool
pgt_value_is_inline(Datum datum)
{
	return !VARATT_IS_EXTERNAL(DatumGetPointer(datum));
}

static inline bool
pgt_value_is_compressed(Datum datum)
{
	return VARATT_IS_COMPRESSED(DatumGetPointer(datum));
}

/* May it be copied as a whole? */
extern bool pgt_value_is_small(Datum datum);

/* Is it a type whose values are stored as their text? */
extern bool pgt_value_is_text(Oid type);

/* Is it a 32-bit number without a sign: an OID, by whichever name, or the like? */
extern bool pgt_value_is_identifier(Oid type);

/*
 * For containers: append the text of a datum that is in memory and of a type
 * that isn't one itself, up to about limit bytes.  Returns false if it can't
 * be converted; *cut is set if it was cut.
 */
extern bool pgt_value_put(StringInfo out, const PgtType *type, Datum datum,
						  Size limit, bool *cut);

/* Likewise, of arrays and jsonb (value_container.c) */
extern bool pgt_value_put_array(StringInfo out, const PgtType *type,
								Datum datum, Size limit, bool *cut);
extern bool pgt_value_put_jsonb(StringInfo out, Datum datum, Size limit,
								bool *cut);

#endif							/* PGT_VALUE_H */
