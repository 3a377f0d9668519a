/*
 * context.c
 *		Whose work a session does: client, module, action, user.
 *
 * These are the keys by which a file, or many, are cut into the parts that
 * belong to one business task.  They travel ahead of the first call after a
 * change and become the *** lines of the file.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "extension/context.h"
#include "extension/emit.h"
#include "extension/guc.h"
#include "extension/nesting.h"
#include "extension/redact.h"

/* Longer values are cut; a key of this length isn't one. */
#define VALUE_LEN	256

/* What the file shows at the moment */
static char shown[PGT_CONTEXT_KINDS][VALUE_LEN];
static Oid	shown_user = InvalidOid;

/*
 * The module is what the application says, or, as most applications say
 * nothing, their application_name.
 */
static const char *
current_value(PgtContextKind kind)
{
	const char *value = NULL;

	switch (kind)
	{
		case PGT_CONTEXT_CLIENT:
			value = pgt_client_id;
			break;
		case PGT_CONTEXT_MODULE:
			value = pgt_module != NULL && pgt_module[0] != '\0' ?
				pgt_module : application_name;
			break;
		case PGT_CONTEXT_ACTION:
			value = pgt_action;
			break;
		case PGT_CONTEXT_USER:
		case PGT_CONTEXT_OPTIONS:
			break;
	}
	return value != NULL ? value : "";
}

static bool
send(PgtContextKind kind, const char *value)
{
	Size		len = strnlen(value, VALUE_LEN - 1);
	bool		hide = pgt_redact_value(value, len);
	PgtContextRecord *record =
		pgt_emit_begin(PGT_RECORD_CONTEXT, sizeof(PgtContextRecord),
					   hide ? "***" : value, hide ? 3 : len,
					   0, pgt_call_depth);

	if (record == NULL)
		return false;
	record->kind = kind;
	record->userid = GetUserId();
	pgt_emit_commit();
	return true;
}

void
pgt_context_reset(void)
{
	memset(shown, 0, sizeof(shown));
	shown_user = GetUserId();
	/* the header has the application's name as the module */
	if (application_name != NULL)
		strlcpy(shown[PGT_CONTEXT_MODULE], application_name, VALUE_LEN);
}

void
pgt_context_send(void)
{
	for (PgtContextKind kind = 0; kind < PGT_CONTEXT_USER; kind++)
	{
		const char *value = current_value(kind);

		if (strncmp(shown[kind], value, VALUE_LEN - 1) != 0 &&
			send(kind, value))
			strlcpy(shown[kind], value, VALUE_LEN);
	}
	if (shown_user != GetUserId() && send(PGT_CONTEXT_USER, ""))
		shown_user = GetUserId();
}
