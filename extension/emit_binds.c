/*
 * emit_binds.c
 *		Sends the bind values of an execution.
 *
 * Runs in the ExecutorStart hook, before the call begins.  The user's statement
 * must not suffer from it: value.c says what is converted, and between two
 * values the statement can be cancelled.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "extension/calls.h"
#include "extension/emit.h"
#include "extension/emit_binds.h"
#include "extension/nesting.h"
#include "extension/redact.h"
#include "extension/value.h"
#include "extension/variable_name.h"

/* Enough for the text of all but large values, so that it is there already */
#define CONTEXT_SIZE	65536

static MemoryContext bind_context = NULL;

/* Oracle's code of the nearest type, which readers know */
static int
oracle_type(const PgtType *type)
{
	if (OidIsValid(type->element))
		return PGT_ORACLE_ARRAY;
	if (pgt_value_is_identifier(type->base))
		return PGT_ORACLE_NUMBER;
	switch (type->base)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case XID8OID:
			return PGT_ORACLE_NUMBER;
		case FLOAT4OID:
			return PGT_ORACLE_FLOAT;
		case FLOAT8OID:
			return PGT_ORACLE_DOUBLE;
		case BPCHAROID:
			return PGT_ORACLE_CHAR;
		case DATEOID:
			return PGT_ORACLE_DATE;
		case TIMESTAMPOID:
			return PGT_ORACLE_TIMESTAMP;
		case TIMESTAMPTZOID:
			return PGT_ORACLE_TIMESTAMPTZ;
		case INTERVALOID:
			return PGT_ORACLE_INTERVAL;
		case BYTEAOID:
			return PGT_ORACLE_RAW;
		case BOOLOID:
			return PGT_ORACLE_BOOLEAN;
		case JSONOID:
		case JSONBOID:
		case XMLOID:
			return PGT_ORACLE_CLOB;
		case TIDOID:
			return PGT_ORACLE_ROWID;
		case REFCURSOROID:
			return PGT_ORACLE_CURSOR;
		default:
			return type->is_composite ? PGT_ORACLE_OBJECT :
				PGT_ORACLE_VARCHAR2;
	}
}

static void
send_bind(int index, Oid oid, const PgtType *type, const PgtValue *bind,
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
	record->oracle_type = PGT_ORACLE_VARCHAR2;
	if (type != NULL)
	{
		record->oracle_type = oracle_type(type);
		record->type_len = type->len;
		record->type_name = type->name;
	}
	pgt_emit_commit();
}

/* For the value that is sent next */
static void
send_name(ParamListInfo params, int index, const PgtCursor *cursor)
{
	char		name[PGT_VARIABLE_LEN];

	if (pgt_variable_name(params, index, name) &&
		pgt_emit_begin(PGT_RECORD_BIND_NAME, sizeof(PgtRecord),
					   name, strlen(name), cursor->number,
					   cursor->depth) != NULL)
		pgt_emit_commit();
}

/* *number is the value's, if there is one. */
static void
send_param(ParamListInfo params, int index, int *number,
		   const PgtCursor *cursor)
{
	ParamExternData workspace;
	ParamExternData *param = &params->params[index];
	const PgtType *type;
	PgtValue	value = {PGT_BIND_NULL, NULL, 0, 0};

	/* speculative: the fetch function must not fail */
	if (params->paramFetch != NULL)
		param = params->paramFetch(params, index + 1, true, &workspace);

	/* PL/pgSQL has a parameter for each variable, most of them unused */
	if (!OidIsValid(param->ptype))
		return;

	type = pgt_value_type(param->ptype);
	if (type == NULL)
		pgt_value_omit(&value, "type does not exist");
	else if (cursor->hides_values || pgt_values_hidden)
		pgt_value_omit(&value, "redacted");
	else if (param->isnull)
		;
	else if (type->is_shell)
		pgt_value_omit(&value, "type is only a shell");
	else
		pgt_value_convert(type, param->value, &value);
	if (value.state == PGT_BIND_VALUE &&
		pgt_redact_value(value.text, value.len))
		pgt_value_omit(&value, "redacted");

	if (params->paramFetch != NULL)
		send_name(params, index, cursor);
	/* those of an array's elements may have taken its place */
	send_bind((*number)++, param->ptype, pgt_value_type(param->ptype), &value,
			  cursor);
}

static void
send_params(ParamListInfo params, const PgtCursor *cursor)
{
	int			number = 0;

	if (bind_context == NULL)
		bind_context = AllocSetContextCreate(TopMemoryContext,
											 "pg_trace_bgw binds",
											 CONTEXT_SIZE, CONTEXT_SIZE,
											 ALLOCSET_DEFAULT_MAXSIZE);
	for (int index = 0; index < params->numParams; index++)
	{
		MemoryContext caller = MemoryContextSwitchTo(bind_context);

		send_param(params, index, &number, cursor);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(bind_context);
		CHECK_FOR_INTERRUPTS();
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
	send_params(params, cursor);
}
