/*
 * value_container.c
 *		The texts of arrays and jsonb.
 *
 * Element by element, as their output functions make them, until there is
 * enough: so the time that it takes depends on what is shown, not on the value.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/arrayaccess.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "extension/sql_text.h"
#include "extension/value.h"

/* ----------
 * Arrays
 * ----------
 */

/* Does an element's text have to be quoted in an array? */
static bool
needs_quotes(const char *text, Size len, char delimiter)
{
	if (len == 0 || (len == 4 && pg_strncasecmp(text, "NULL", 4) == 0))
		return true;
	for (Size i = 0; i < len; i++)
	{
		char		c = text[i];

		if (c == '"' || c == '\\' || c == '{' || c == '}' || c == delimiter ||
			c == ' ' || (c >= '\t' && c <= '\r'))
			return true;
	}
	return false;
}

static void
put_element(StringInfo out, const char *text, Size len, char delimiter)
{
	if (!needs_quotes(text, len, delimiter))
	{
		appendBinaryStringInfo(out, text, len);
		return;
	}
	appendStringInfoCharMacro(out, '"');
	for (Size i = 0; i < len; i++)
	{
		if (text[i] == '"' || text[i] == '\\')
			appendStringInfoCharMacro(out, '\\');
		appendStringInfoCharMacro(out, text[i]);
	}
	appendStringInfoCharMacro(out, '"');
}

/* How many dimensions begin, or end, at the i-th element */
static void
put_braces(StringInfo out, int i, int ndim, const int *dims, char brace)
{
	int64		size = 1;

	for (int d = ndim - 1; d >= 0; d--)
	{
		size *= dims[d];
		if (i % size != 0)
			return;
		appendStringInfoCharMacro(out, brace);
	}
}

static void
put_bounds(StringInfo out, int ndim, const int *dims, const int *lower)
{
	bool		usual = true;

	for (int d = 0; d < ndim; d++)
		usual = usual && lower[d] == 1;
	if (usual)
		return;
	for (int d = 0; d < ndim; d++)
		appendStringInfo(out, "[%d:%d]", lower[d], lower[d] + dims[d] - 1);
	appendStringInfoCharMacro(out, '=');
}

/* Is it in memory, or at least not too large to be decompressed? */
static bool
is_at_hand(Datum datum)
{
	struct varlena *data = (struct varlena *) DatumGetPointer(datum);

	if (VARATT_IS_EXTERNAL_EXPANDED(data))
		return true;
	if (VARATT_IS_EXTERNAL(data))
		return false;
	return !VARATT_IS_COMPRESSED(data) ||
		toast_raw_datum_size(datum) <= 1024 * 1024;
}

bool
pgt_value_put_array(StringInfo out, const PgtType *type, Datum datum,
					Size limit, bool *cut)
{
	PgtType		element;
	const PgtType *found = pgt_value_type(type->element);
	AnyArrayType *array;
	array_iter	iter;
	StringInfoData text;
	int			ndim;
	int			nitems;

	if (found == NULL || OidIsValid(found->element) || !is_at_hand(datum))
		return false;
	element = *found;
	array = DatumGetAnyArrayP(datum);
	if (AARR_ELEMTYPE(array) != type->element)
		return false;

	ndim = AARR_NDIM(array);
	nitems = ArrayGetNItems(ndim, AARR_DIMS(array));
	if (nitems == 0)
	{
		appendStringInfoString(out, "{}");
		return true;
	}
	put_bounds(out, ndim, AARR_DIMS(array), AARR_LBOUND(array));
	initStringInfo(&text);
	array_iter_setup(&iter, array);
	for (int i = 0; i < nitems; i++)
	{
		bool		is_null;
		Datum		item = array_iter_next(&iter, &is_null, i, element.len,
										   element.by_value, element.align);

		if ((Size) out->len > limit)
		{
			*cut = true;
			return true;
		}
		if (i > 0)
			appendStringInfoCharMacro(out, element.delimiter);
		put_braces(out, i, ndim, AARR_DIMS(array), '{');
		resetStringInfo(&text);
		if (is_null)
			appendStringInfoString(out, "NULL");
		else if (pgt_value_put(&text, &element, item, limit, cut))
			put_element(out, text.data, text.len, element.delimiter);
		else
			return false;
		if (*cut)
			return true;
		put_braces(out, i + 1, ndim, AARR_DIMS(array), '}');
	}
	return true;
}

/* ----------
 * jsonb
 * ----------
 */

/* Strings are cut before they are escaped, which makes them longer only. */
static void
put_json_string(StringInfo out, const JsonbValue *value, Size limit, bool *cut)
{
	Size		len = value->val.string.len;
	Size		shown = pgt_clip(value->val.string.val, len, limit);

	escape_json(out, pnstrdup(value->val.string.val, shown));
	*cut = *cut || shown < len;
}

static bool
put_json_scalar(StringInfo out, const JsonbValue *value, Size limit, bool *cut)
{
	static const PgtType numeric = {.oid = NUMERICOID, .base = NUMERICOID,
		.len = -1};

	switch (value->type)
	{
		case jbvNull:
			appendStringInfoString(out, "null");
			return true;
		case jbvBool:
			appendStringInfoString(out, value->val.boolean ? "true" : "false");
			return true;
		case jbvString:
			put_json_string(out, value, limit, cut);
			return true;
		case jbvNumeric:
			return pgt_value_put(out, &numeric,
								 PointerGetDatum(value->val.numeric), limit,
								 cut);
		default:
			return false;
	}
}

/* As jsonb_out() writes it */
bool
pgt_value_put_jsonb(StringInfo out, Datum datum, Size limit, bool *cut)
{
	JsonbIterator *iter =
		JsonbIteratorInit(&DatumGetJsonbP(datum)->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	bool		first = true;
	bool		is_scalar = false;

	while ((token = JsonbIteratorNext(&iter, &value, false)) != WJB_DONE)
	{
		if ((Size) out->len > limit || *cut)
		{
			*cut = true;
			return true;
		}
		if (token == WJB_KEY || token == WJB_ELEM ||
			token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT)
		{
			if (!first)
				appendStringInfoString(out, ", ");
		}
		switch (token)
		{
			case WJB_BEGIN_ARRAY:
				is_scalar = value.val.array.rawScalar;
				if (!is_scalar)
					appendStringInfoChar(out, '[');
				first = true;
				break;
			case WJB_BEGIN_OBJECT:
				appendStringInfoChar(out, '{');
				first = true;
				break;
			case WJB_KEY:
				put_json_string(out, &value, limit, cut);
				appendStringInfoString(out, ": ");
				/* no comma before what follows */
				first = true;
				break;
			case WJB_ELEM:
			case WJB_VALUE:
				if (!put_json_scalar(out, &value, limit, cut))
					return false;
				first = false;
				break;
			case WJB_END_ARRAY:
				if (!is_scalar)
					appendStringInfoChar(out, ']');
				first = false;
				break;
			case WJB_END_OBJECT:
				appendStringInfoChar(out, '}');
				first = false;
				break;
			default:
				return false;
		}
	}
	return true;
}
