/*
 * redact.c
 *		Keeps passwords and the like out of the trace.
 *
 * Whatever is sent to the worker that a client has written comes through here:
 * the texts of statements, binds, the identifiers of a session.  What is hidden
 * of a text is decided in redact_sql.c; here is what the server knows about it
 * in addition: the parse tree of a utility statement and the prepared statement
 * that EXECUTE runs.
 */
#include "postgres.h"

#include "commands/prepare.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "extension/redact.h"
#include "extension/redact_sql.h"

/* pg_trace.redact_names */
static PgtSecretNames secret_names;

void
pgt_redact_set_names(const char *list)
{
	if (pgt_secret_names_parse(list, &secret_names) != NULL)
		secret_names.n = 0;
}

static void *
try_alloc(Size size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, Max(size, 1),
									  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
}

bool
pgt_strings_are_standard(void)
{
	/* not all versions have a variable that one can see */
	const char *setting = GetConfigOption("standard_conforming_strings",
										  true, false);

	return setting == NULL || strcmp(setting, "off") != 0;
}

/* ----------
 * Parse trees
 * ----------
 */

static bool
is_name_secret(const char *name)
{
	return name != NULL &&
		pgt_secret_names_find(&secret_names, name, strlen(name));
}

/* A role's options are harmless unless it is given a password. */
static void
look_at_role(List *options, PgtSqlRedaction *redaction)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "password") == 0 && option->arg != NULL)
			redaction->sensitive = true;
	}
	redaction->harmless = !redaction->sensitive;
}

/* Is a prepared statement's text sensitive?  If that can't be known, it is. */
static bool
is_prepared_sensitive(const char *name)
{
	PreparedStatement *prepared = FetchPreparedStatement(name, false);
	PgtSqlRedaction redaction = {.names = &secret_names};
	const char *text;
	Size		len;

	if (prepared == NULL)
		return true;
	text = prepared->plansource->query_string;
	len = strlen(text);
	redaction.standard_strings = pgt_strings_are_standard();
	redaction.scratch = try_alloc(len);
	if (redaction.scratch == NULL)
		return true;
	pgt_redact_sql_look(&redaction, text, len);
	pfree(redaction.scratch);
	return redaction.sensitive;
}

static void look_at_tree(const Node *utility, PgtSqlRedaction *redaction);

/* The query of EXPLAIN or CREATE TABLE AS may be a utility statement. */
static void
look_at_query(const Node *query, PgtSqlRedaction *redaction)
{
	if (query != NULL && IsA(query, Query) &&
		((const Query *) query)->utilityStmt != NULL)
		look_at_tree(((const Query *) query)->utilityStmt, redaction);
}

static void
look_at_setting(const VariableSetStmt *statement, PgtSqlRedaction *redaction)
{
	redaction->sensitive |= is_name_secret(statement->name);
}

/* What the parse tree says about a text; the rest is a matter of its names. */
static void
look_at_tree(const Node *utility, PgtSqlRedaction *redaction)
{
	switch (nodeTag(utility))
	{
		case T_CreateRoleStmt:
			look_at_role(((const CreateRoleStmt *) utility)->options, redaction);
			break;
		case T_AlterRoleStmt:
			look_at_role(((const AlterRoleStmt *) utility)->options, redaction);
			break;
		case T_CreateUserMappingStmt:
		case T_AlterUserMappingStmt:
		case T_CreateForeignServerStmt:
		case T_AlterForeignServerStmt:
		case T_CreateFdwStmt:
		case T_AlterFdwStmt:
		case T_CreateSubscriptionStmt:
		case T_AlterSubscriptionStmt:
			redaction->sensitive = true;
			break;
		case T_VariableSetStmt:
			look_at_setting((const VariableSetStmt *) utility, redaction);
			break;
		case T_AlterSystemStmt:
			look_at_setting(((const AlterSystemStmt *) utility)->setstmt,
							redaction);
			break;
		case T_AlterRoleSetStmt:
			look_at_setting(((const AlterRoleSetStmt *) utility)->setstmt,
							redaction);
			break;
		case T_AlterDatabaseSetStmt:
			look_at_setting(((const AlterDatabaseSetStmt *) utility)->setstmt,
							redaction);
			break;
		case T_ExecuteStmt:
			redaction->sensitive |=
				is_prepared_sensitive(((const ExecuteStmt *) utility)->name);
			break;
		case T_ExplainStmt:
			look_at_query(((const ExplainStmt *) utility)->query, redaction);
			break;
		case T_CreateTableAsStmt:
			look_at_query(((const CreateTableAsStmt *) utility)->query,
						  redaction);
			break;
		default:
			break;
	}
}

/* ----------
 * Texts
 * ----------
 */

static char *
write_text(const PgtSqlRedaction *redaction, const char *text, Size *len)
{
	Size		result_len = pgt_redact_sql_write(redaction, text, *len, NULL);
	char	   *result = try_alloc(result_len);

	if (result != NULL)
		*len = pgt_redact_sql_write(redaction, text, *len, result);
	return result;
}

/* nested: in a statement that is sensitive.  Leaves what it is by itself. */
static char *
redact(PgtSqlRedaction *redaction, const char *text, Size *len, bool nested)
{
	char	   *result = NULL;
	bool		hide = true;

	redaction->names = &secret_names;
	redaction->scratch = try_alloc(*len);
	if (redaction->scratch != NULL)
	{
		PgtSqlRedaction shown;

		hide = pgt_redact_sql_look(redaction, text, *len) || nested;
		shown = *redaction;
		shown.sensitive |= nested;
		if (hide)
			result = write_text(&shown, text, len);
		pfree(redaction->scratch);
	}
	else
		redaction->sensitive = true;
	if (hide && result == NULL)
	{
		*len = 0;
		result = try_alloc(1);
	}
	return result;
}

char *
pgt_redact(const char *text, Size *len, const Node *utility,
		   bool nested_in_secret, bool *hides_values)
{
	PgtSqlRedaction redaction = {.mode = PGT_REDACT_STATEMENT};
	char	   *result;

	*hides_values = false;
	if (secret_names.n == 0)
		return NULL;
	redaction.standard_strings = pgt_strings_are_standard();
	if (utility != NULL)
		look_at_tree(utility, &redaction);
	result = redact(&redaction, text, len, nested_in_secret);
	*hides_values = redaction.sensitive;
	return result;
}

char *
pgt_redact_failed(const char *text, Size *len, bool parsed,
				  bool nested_in_secret)
{
	PgtSqlRedaction redaction = {
		.mode = parsed ? PGT_REDACT_FAILED : PGT_REDACT_UNPARSED
	};

	if (secret_names.n == 0)
		return NULL;
	redaction.standard_strings = pgt_strings_are_standard();
	return redact(&redaction, text, len, nested_in_secret);
}

char *
pgt_redact_foreign(const char *text, Size *len)
{
	PgtSqlRedaction redaction = {
		.mode = PGT_REDACT_FOREIGN,
		.standard_strings = true
	};

	if (secret_names.n == 0)
		return NULL;
	return redact(&redaction, text, len, false);
}

bool
pgt_redact_value(const char *value, Size len)
{
	return secret_names.n > 0 &&
		pgt_secret_names_in_value(&secret_names, value, len, PGT_VALUE_OTHER);
}
