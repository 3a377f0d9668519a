/*
 * value_scalar.c
 *		The texts of values that aren't made of others.
 *
 * value.c says why not all have one; value_container.c comes here for each element.
 * All three learn here what there is to know of a type.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/pg_lsn.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/varbit.h"

#include "extension/guc.h"
#include "extension/sql_text.h"
#include "extension/value.h"

/*
 * Values are not decompressed or copied as a whole if they are larger than this
 * many times pg_trace.max_bind_length, and than so many bytes.
 */
#define COPY_FACTOR		16
#define COPY_MINIMUM	65536

/* Digits of a numeric that are worth it */
#define NUMERIC_DIGITS	16384

/*
 * The types last used, by Oid.  A type's name may change behind it; it is
 * looked up again in the next session.
 */
#define NTYPES	64
static PgtType type_cache[NTYPES];

/* ----------
 * Types
 * ----------
 */

static bool
fill_type(PgtType *type, Oid oid, bool is_base)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(oid));
	Form_pg_type form;
	Oid			below;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_type) GETSTRUCT(tuple);
	if (!is_base)
	{
		type->len = form->typlen;
		type->name = form->typname;
	}
	type->base = oid;
	type->element = IsTrueArrayType(form) ? form->typelem : InvalidOid;
	type->by_value = form->typbyval;
	type->align = form->typalign;
	type->delimiter = form->typdelim;
	type->is_enum = form->typtype == TYPTYPE_ENUM;
	type->is_shell = !form->typisdefined;
	type->is_composite = form->typtype == TYPTYPE_COMPOSITE;
	below = form->typtype == TYPTYPE_DOMAIN ? form->typbasetype : InvalidOid;
	ReleaseSysCache(tuple);
	return !OidIsValid(below) || fill_type(type, below, true);
}

const PgtType *
pgt_value_type(Oid oid)
{
	PgtType    *type = &type_cache[oid % NTYPES];

	if (type->oid == oid && OidIsValid(oid))
		return type;
	type->oid = InvalidOid;
	if (!fill_type(type, oid, false))
		return NULL;
	type->oid = oid;
	return type;
}

/* ----------
 * Texts
 * ----------
 */

bool
pgt_value_is_small(Datum datum)
{
	return toast_raw_datum_size(datum) <=
		Max((Size) COPY_MINIMUM, (Size) pgt_max_bind_length * COPY_FACTOR);
}

/* The first bytes of a varlena that is inline */
static const char *
first_bytes(Datum datum, Size wanted, Size *len)
{
	struct varlena *data = (struct varlena *) DatumGetPointer(datum);

	if (pgt_value_is_compressed(datum))
		data = (struct varlena *) PG_DETOAST_DATUM_SLICE(datum, 0, wanted);
	*len = Min(VARSIZE_ANY_EXHDR(data), wanted);
	return VARDATA_ANY(data);
}

bool
pgt_value_is_text(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
		case XMLOID:
		case REFCURSOROID:
			return true;
		default:
			return false;
	}
}

static void
put_text(StringInfo out, Datum datum, Size limit, bool *cut)
{
	Size		len;

	/* all of the last character, so that it can be cut off */
	const char *text = first_bytes(datum, limit + MAX_MULTIBYTE_CHAR_LEN,
								   &len);

	*cut = toast_raw_datum_size(datum) - VARHDRSZ > limit;
	appendBinaryStringInfo(out, text, pgt_clip(text, len, limit));
}

/* As with bytea_output = hex, whatever the setting is */
static void
put_bytea(StringInfo out, Datum datum, Size limit, bool *cut)
{
	static const char digits[] = "0123456789abcdef";
	Size		full_len = toast_raw_datum_size(datum) - VARHDRSZ;
	Size		len;
	const char *bytes = first_bytes(datum, limit / 2 + 1, &len);

	appendStringInfoString(out, "\\x");
	for (Size i = 0; i < len; i++)
	{
		appendStringInfoCharMacro(out, digits[(bytes[i] >> 4) & 15]);
		appendStringInfoCharMacro(out, digits[bytes[i] & 15]);
	}
	*cut = len < full_len;
}

static void
put_bits(StringInfo out, Datum datum, Size limit, bool *cut)
{
	VarBit	   *bits = (VarBit *) PG_DETOAST_DATUM(datum);
	Size		len = Min((Size) VARBITLEN(bits), limit + 1);

	for (Size i = 0; i < len; i++)
		appendStringInfoCharMacro(out, VARBITS(bits)[i / BITS_PER_BYTE] &
								  (0x80 >> (i % BITS_PER_BYTE)) ? '1' : '0');
	*cut = len < (Size) VARBITLEN(bits);
}

/*
 * Has a numeric so few digits that they can be shown?  utils/adt/numeric.c
 * keeps its layout to itself, but it is that of the tables.
 */
static bool
is_short_numeric(Datum datum)
{
	uint16		head;
	int16		weight;
	int			scale;
	Size		len;
	const char *data = first_bytes(datum, sizeof(head) + sizeof(weight), &len);

	memcpy(&head, data, sizeof(head));
	if ((head & 0xC000) == 0xC000)
		return true;			/* NaN or infinity */
	if ((head & 0xC000) == 0x8000)
	{
		weight = (head & 0x0040 ? ~0x003F : 0) | (head & 0x003F);
		scale = (head & 0x1F80) >> 7;
	}
	else
	{
		memcpy(&weight, data + sizeof(head), sizeof(weight));
		scale = head & 0x3FFF;
	}
	return (weight + 1) * 4 + scale <= NUMERIC_DIGITS;
}

/* An enum whose label is gone has no text. */
static bool
put_enum(StringInfo out, Datum datum)
{
	HeapTuple	tuple = SearchSysCache1(ENUMOID, datum);

	if (!HeapTupleIsValid(tuple))
		return false;
	appendStringInfoString(out,
						   NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel));
	ReleaseSysCache(tuple);
	return true;
}

/*
 * The output function of a type with values of a fixed size, or that are at
 * most a few times longer as a text.  It doesn't fail, at least not for this
 * value.
 */
static PGFunction
safe_output(Oid type, Datum datum)
{
	switch (type)
	{
		case CHAROID:
			return charout;
		case FLOAT4OID:
			return float4out;
		case FLOAT8OID:
			return float8out;
		case DATEOID:
			return IS_VALID_DATE(DatumGetDateADT(datum)) ||
				DATE_NOT_FINITE(DatumGetDateADT(datum)) ? date_out : NULL;
		case TIMEOID:
			return time_out;
		case TIMETZOID:
			return timetz_out;
		case TIMESTAMPOID:
			return IS_VALID_TIMESTAMP(DatumGetTimestamp(datum)) ||
				TIMESTAMP_NOT_FINITE(DatumGetTimestamp(datum)) ?
				timestamp_out : NULL;
		case TIMESTAMPTZOID:
			return IS_VALID_TIMESTAMP(DatumGetTimestamp(datum)) ||
				TIMESTAMP_NOT_FINITE(DatumGetTimestamp(datum)) ?
				timestamptz_out : NULL;
		case INTERVALOID:
			return interval_out;
		case UUIDOID:
			return uuid_out;
		case MACADDROID:
			return macaddr_out;
		case MACADDR8OID:
			return macaddr8_out;
		case MONEYOID:
			return cash_out;
		case TIDOID:
			return tidout;
		case PG_LSNOID:
			return pg_lsn_out;
		case POINTOID:
			return point_out;
		case LSEGOID:
			return lseg_out;
		case BOXOID:
			return box_out;
		case LINEOID:
			return line_out;
		case CIRCLEOID:
			return circle_out;
			/* varlena */
		case NUMERICOID:
			return is_short_numeric(datum) ? numeric_out : NULL;
		case INETOID:
			return inet_out;
		case CIDROID:
			return cidr_out;
		case TSVECTOROID:
			return tsvectorout;
		default:
			return NULL;
	}
}

/* Names would have to be looked up: the types that begin with reg are numbers. */
bool
pgt_value_is_identifier(Oid type)
{
	switch (type)
	{
		case OIDOID:
		case XIDOID:
		case CIDOID:
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGNAMESPACEOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGROLEOID:
		case REGTYPEOID:
			return true;
		default:
			return false;
	}
}

static bool
put_number(StringInfo out, Oid type, Datum datum)
{
	switch (type)
	{
		case INT2OID:
			appendStringInfo(out, "%d", DatumGetInt16(datum));
			return true;
		case INT4OID:
			appendStringInfo(out, "%d", DatumGetInt32(datum));
			return true;
		case INT8OID:
			appendStringInfo(out, INT64_FORMAT, DatumGetInt64(datum));
			return true;
		case XID8OID:
			appendStringInfo(out, UINT64_FORMAT, DatumGetUInt64(datum));
			return true;
		case BOOLOID:
			appendStringInfoChar(out, DatumGetBool(datum) ? 't' : 'f');
			return true;
		default:
			if (!pgt_value_is_identifier(type))
				return false;
			appendStringInfo(out, "%u", DatumGetUInt32(datum));
			return true;
	}
}

bool
pgt_value_put(StringInfo out, const PgtType *type, Datum datum, Size limit,
			  bool *cut)
{
	bool		is_varlena = type->len == -1;
	PGFunction	output;

	if (put_number(out, type->base, datum))
		return true;
	if (type->is_enum)
		return put_enum(out, datum);
	if (type->base == NAMEOID)
	{
		appendStringInfoString(out, NameStr(*DatumGetName(datum)));
		return true;
	}
	if (is_varlena && !pgt_value_is_inline(datum))
		return false;
	if (pgt_value_is_text(type->base))
	{
		put_text(out, datum, limit, cut);
		return true;
	}
	if (type->base == BYTEAOID)
	{
		put_bytea(out, datum, limit, cut);
		return true;
	}
	if (is_varlena && !pgt_value_is_small(datum))
		return false;
	if (type->base == BITOID || type->base == VARBITOID)
	{
		put_bits(out, datum, limit, cut);
		return true;
	}
	output = safe_output(type->base, datum);
	if (output == NULL)
		return false;
	appendStringInfoString(out,
						   DatumGetCString(DirectFunctionCall1(output, datum)));
	return true;
}
