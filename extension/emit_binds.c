/*
 * emit_binds.c
 *		Sends the bind values of an execution.
 *
 * Runs in the ExecutorStart hook, so the user's statement must not suffer
 * from it: types are looked up in the system cache without insisting that
 * they exist, output functions run with interrupts held and their errors
 * caught, long values are cut before they are converted where the type allows
 * it, and not converted at all where it doesn't.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "extension/calls.h"
#include "extension/emit.h"
#include "extension/emit_binds.h"
#include "extension/guc.h"
#include "extension/redact.h"

/*
 * Values that are larger than this many times pg_trace.max_bind_length, and
 * than so many bytes, aren't converted just to be cut.
 */
#define CONVERSION_FACTOR	16
#define CONVERSION_MINIMUM	65536

/* What is needed of a type, from pg_type */
typedef struct BindType
{
	Oid			oid;
	Oid			output;
	int16		len;
	NameData	name;
} BindType;

/* A value, ready to be sent */
typedef struct BindText
{
	PgtBindState state;
	const char *text;
	Size		len;
	Size		full_len;		/* 0, or the length of what was cut */
} BindText;

/*
 * The types last used, by Oid.  A type's name may change behind it; it is
 * looked up again in the next session.
 */
#define NTYPES	64
static BindType type_cache[NTYPES];

static MemoryContext bind_context = NULL;

static const BindType *
lookup_type(Oid oid)
{
	BindType   *type = &type_cache[oid % NTYPES];
	HeapTuple	tuple;
	Form_pg_type form;

	if (type->oid == oid && OidIsValid(oid))
		return type;

	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (Form_pg_type) GETSTRUCT(tuple);
	type->oid = oid;
	type->output = form->typisdefined ? form->typoutput : InvalidOid;
	type->len = form->typlen;
	type->name = form->typname;
	ReleaseSysCache(tuple);
	return type;
}

static void
set_omitted(BindText *bind, const char *reason)
{
	bind->state = PGT_BIND_OMITTED;
	bind->text = reason;
	bind->len = strlen(reason);
	bind->full_len = 0;
}

/* Cut a text, at a character's end. */
static void
set_text(BindText *bind, const char *text, Size len, Size full_len)
{
	Size		limit = pgt_max_bind_length;

	bind->state = PGT_BIND_VALUE;
	bind->text = text;
	bind->len = len <= limit ? len : (Size) pg_mbcliplen(text, len, limit);
	bind->full_len = bind->len < full_len ? full_len : 0;
}

/* text and the types that are stored like it: only the beginning is read. */
static void
convert_text(Datum value, BindText *bind)
{
	Size		full_len = toast_raw_datum_size(value) - VARHDRSZ;
	text	   *slice =
		DatumGetTextPSlice(value, 0, Min(full_len, pgt_max_bind_length + 16));

	set_text(bind, VARDATA_ANY(slice), VARSIZE_ANY_EXHDR(slice), full_len);
}

/* The value's text, in the current memory context.  May raise an error. */
static void
convert_value(const BindType *type, Datum value, BindText *bind)
{
	char	   *text;

	switch (type->oid)
	{
		case INT4OID:
			text = palloc(12);
			pg_ltoa(DatumGetInt32(value), text);
			break;
		case INT8OID:
			text = palloc(MAXINT8LEN + 1);
			pg_lltoa(DatumGetInt64(value), text);
			break;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
		case XMLOID:
			convert_text(value, bind);
			return;
		default:
			if (type->len == -1 &&
				toast_raw_datum_size(value) >
				Max((Size) CONVERSION_MINIMUM,
					(Size) pgt_max_bind_length * CONVERSION_FACTOR))
			{
				set_omitted(bind, psprintf("%zu bytes, too long to convert",
										   (Size) toast_raw_datum_size(value)));
				return;
			}
			text = OidOutputFunctionCall(type->output, value);
			break;
	}
	set_text(bind, text, strlen(text), strlen(text));
}

static void
send_bind(int index, Oid oid, const BindType *type, const BindText *bind,
		  const PgtCursor *cursor)
{
	PgtBindRecord *record =
		pgt_emit_begin(PGT_RECORD_BIND, sizeof(PgtBindRecord),
					   bind->text, bind->len, cursor->number, cursor->depth);

	if (record == NULL)
		return;
	record->total_len = bind->len;
	record->value_len = bind->full_len;
	record->type = oid;
	record->index = index;
	record->state = bind->state;
	if (type != NULL)
	{
		record->type_len = type->len;
		record->type_name = type->name;
	}
	pgt_emit_commit();
}

static void
send_param(ParamListInfo params, int index, const PgtCursor *cursor)
{
	ParamExternData workspace;
	ParamExternData *param = &params->params[index];
	const BindType *type;
	BindText	bind = {PGT_BIND_NULL, NULL, 0, 0};

	/* speculative: the fetch function must not fail */
	if (params->paramFetch != NULL)
		param = params->paramFetch(params, index + 1, true, &workspace);

	/* PL/pgSQL has a parameter for each variable, most of them unused */
	if (!OidIsValid(param->ptype))
		return;

	type = lookup_type(param->ptype);
	if (type == NULL)
		set_omitted(&bind, "type does not exist");
	else if (cursor->hides_values || pgt_calls_hide_values())
		set_omitted(&bind, "redacted");
	else if (param->isnull)
		;
	else if (!OidIsValid(type->output))
		set_omitted(&bind, "type is only a shell");
	else
		convert_value(type, param->value, &bind);
	if (bind.state == PGT_BIND_VALUE && pgt_redact_value(bind.text, bind.len))
		set_omitted(&bind, "redacted");

	send_bind(index, param->ptype, type, &bind, cursor);
}

/* All binds from index on; *index tells how far it got if there is an error. */
static void
send_params(ParamListInfo params, volatile int *index,
			const PgtCursor *cursor)
{
	if (bind_context == NULL)
		bind_context = AllocSetContextCreate(TopMemoryContext,
											 "pg_trace_bgw binds",
											 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(bind_context);
	for (; *index < params->numParams; (*index)++)
	{
		send_param(params, *index, cursor);
		MemoryContextReset(bind_context);
	}
}

/* As above, but never fails: a value whose conversion did is left out. */
static void
send_params_safely(ParamListInfo params, const PgtCursor *cursor)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile int index = 0;

	while (index < params->numParams)
	{
		/* errfinish() forgets the count, so it has to be restored */
		uint32		holdoff = InterruptHoldoffCount;
		BindText	bind;

		HOLD_INTERRUPTS();
		PG_TRY();
		{
			send_params(params, &index, cursor);
		}
		PG_CATCH();
		{
			FlushErrorState();
			set_omitted(&bind, "its output function failed");
			send_bind(index, InvalidOid, NULL, &bind, cursor);
			index++;
		}
		PG_END_TRY();
		InterruptHoldoffCount = holdoff;
		MemoryContextSwitchTo(caller);
	}
}

void
pgt_emit_binds(ParamListInfo params, const PgtCursor *cursor)
{
	PgtBindsRecord *record;

	if (params == NULL || params->numParams <= 0)
		return;

	record = pgt_emit_begin(PGT_RECORD_BINDS, sizeof(PgtBindsRecord), NULL, 0,
							cursor->number, pgt_call_depth);
	if (record == NULL)
		return;
	record->nbinds = params->numParams;
	pgt_emit_commit();
	send_params_safely(params, cursor);
}
