/*
 * variable_name.c
 *		Names of the variables of PL/pgSQL.
 *
 * A statement of PL/pgSQL has a parameter for each variable of its function, and
 * says so by the function that parses them, which no other language has.  Then
 * the state of the function's execution, which is behind the parameters, has
 * the variables' names.
 */
#include "postgres.h"

#include <dlfcn.h>

#include "plpgsql.h"

#include "extension/variable_name.h"

/* Is it plpgsql_parser_setup()?  To find out takes a while. */
static bool
is_plpgsql(ParserSetupHook setup)
{
	static ParserSetupHook known = NULL;
	static ParserSetupHook known_other = NULL;
	Dl_info		info;
	const char *base;

	if (setup == known)
		return true;
	if (setup == known_other ||
		dladdr((void *) setup, &info) == 0 || info.dli_sname == NULL ||
		info.dli_fname == NULL || info.dli_saddr != (void *) setup)
		return false;
	base = strrchr(info.dli_fname, '/');
	if (strcmp(info.dli_sname, "plpgsql_parser_setup") == 0 &&
		base != NULL && strcmp(base, "/plpgsql" DLSUFFIX) == 0)
	{
		known = setup;
		return true;
	}
	known_other = setup;
	return false;
}

bool
pgt_variable_name(ParamListInfo params, int index, char name[PGT_VARIABLE_LEN])
{
	const PLpgSQL_execstate *state;
	const PLpgSQL_datum *datum;
	const PLpgSQL_recfield *field;

	if (params->paramFetch == NULL || params->paramFetchArg == NULL ||
		params->parserSetup == NULL || !is_plpgsql(params->parserSetup))
		return false;
	state = (const PLpgSQL_execstate *) params->paramFetchArg;
	if (index >= state->ndatums)
		return false;
	datum = state->datums[index];
	switch (datum->dtype)
	{
		case PLPGSQL_DTYPE_VAR:
		case PLPGSQL_DTYPE_PROMISE:
		case PLPGSQL_DTYPE_ROW:
		case PLPGSQL_DTYPE_REC:
			strlcpy(name, ((const PLpgSQL_variable *) datum)->refname,
					PGT_VARIABLE_LEN);
			return true;
		case PLPGSQL_DTYPE_RECFIELD:
			field = (const PLpgSQL_recfield *) datum;
			snprintf(name, PGT_VARIABLE_LEN, "%s.%s",
					 ((const PLpgSQL_variable *)
					  state->datums[field->recparentno])->refname,
					 field->fieldname);
			return true;
		default:
			return false;
	}
}
