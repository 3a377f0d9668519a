/*
 * value.c
 *		The text of a value, made without any code that may fail or take long.
 *
 * Bind values are shown by the hook of a statement that may never look at them
 * (emit_binds.c).  An output function may do anything: a few bytes of numeric
 * become 130 kB, those of users have side effects, and an error can't be
 * caught without a subtransaction.  So there are lists of types whose text is
 * made by us, or by functions of PostgreSQL that can't fail for a value of the
 * type and whose result is no larger than a small multiple of it: scalars in
 * value_scalar.c, what consists of them in value_container.c.  Whatever is
 * in neither is not converted.  Nothing is read that is stored out of
 * line: the table might be gone.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "utils/varbit.h"

#include "extension/guc.h"
#include "extension/sql_text.h"
#include "extension/value.h"

void
pgt_value_omit(PgtValue *value, const char *reason)
{
	value->state = PGT_BIND_OMITTED;
	value->text = reason;
	value->len = strlen(reason);
	value->full_len = 0;
}

/* Cut a text, at a character's end. */
static void
set_text(PgtValue *value, const char *text, Size len, Size full_len)
{
	value->state = PGT_BIND_VALUE;
	value->text = text;
	value->len = pgt_clip(text, len, pgt_max_bind_length);
	value->full_len = value->len < full_len ? full_len : 0;
}

/* How long the text would be that was cut, or what can be said of it */
static Size
full_length(const PgtType *type, Datum datum)
{
	Size		size;

	if (type->len != -1)
		return 0;
	size = toast_raw_datum_size(datum) - VARHDRSZ;
	switch (type->base)
	{
		case BYTEAOID:
			return 2 + 2 * size;
		case BITOID:
		case VARBITOID:
			return VARBITLEN((VarBit *) PG_DETOAST_DATUM(datum));
		default:
			return size;
	}
}

void
pgt_value_convert(const PgtType *found, Datum datum, PgtValue *value)
{
	/* an array's elements may take its place in the cache */
	PgtType		copy = *found;
	const PgtType *type = &copy;
	Size		limit = pgt_max_bind_length;
	bool		cut = false;
	bool		done;
	StringInfoData out;

	if (type->len == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(datum)))
	{
		pgt_value_omit(value, "stored out of line, not read");
		return;
	}
	/* the most frequent kind needs no copy */
	if (pgt_value_is_text(type->base) && pgt_value_is_inline(datum) &&
		!pgt_value_is_compressed(datum))
	{
		Size		len = VARSIZE_ANY_EXHDR(DatumGetPointer(datum));

		set_text(value, VARDATA_ANY(DatumGetPointer(datum)), len, len);
		return;
	}

	initStringInfo(&out);
	if (type->base == UNKNOWNOID || type->base == CSTRINGOID)
	{
		const char *text = DatumGetCString(datum);

		set_text(value, text, strlen(text), strlen(text));
		return;
	}
	if (OidIsValid(type->element))
		done = pgt_value_put_array(&out, type, datum, limit, &cut);
	else if (type->base == JSONBOID)
		done = pgt_value_is_inline(datum) && pgt_value_is_small(datum) &&
			pgt_value_put_jsonb(&out, datum, limit, &cut);
	else
		done = pgt_value_put(&out, type, datum, limit, &cut);
	if (done)
		set_text(value, out.data, out.len,
				 cut ? Max(full_length(type, datum), (Size) out.len + 1) :
				 (Size) out.len);
	else
		pgt_value_omit(value, "not converted");
}
