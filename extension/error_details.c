/*
 * error_details.c
 *		What is known of an error besides its code.
 *
 * The line of an error is sent when the call that it ends does, and by then
 * PL/pgSQL may have forgotten it.  So what is shown is kept when it is raised, in
 * memory that is there already: none is asked for while an error is handled.
 * PostgreSQL shows an error that is being raised only as a copy, which is made
 * in memory of our own.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "extension/error_details.h"
#include "extension/redact.h"
#include "extension/sql_text.h"

#define HIDDEN	"***"

static PgtErrorDetails kept;
static int	kept_sqlstate = 0;
static bool sent = false;

static MemoryContext memory = NULL; /* of copies */
static MemoryContext caller;	/* while there is one */

static void
keep_name(NameData *name, const char *value)
{
	memset(name, 0, sizeof(*name));
	if (value != NULL)
		memcpy(NameStr(*name), value,
			   pgt_clip(value, strnlen(value, NAMEDATALEN), NAMEDATALEN - 1));
}

static void
keep_message(const char *message)
{
	Size		len = message != NULL ? strnlen(message, PGT_MESSAGE_LEN) : 0;

	if (len > 0 && pgt_redact_value(message, len))
	{
		message = HIDDEN;
		len = strlen(message);
	}
	len = pgt_clip(message, len, PGT_MESSAGE_LEN - 1);
	if (len > 0)
		memcpy(kept.message, message, len);
	kept.message[len] = '\0';
}

void
pgt_error_details_keep(const ErrorData *edata)
{
	sent = false;
	kept_sqlstate = edata->sqlerrcode;
	keep_message(edata->message);
	keep_name(&kept.schema, edata->schema_name);
	keep_name(&kept.table, edata->table_name);
	keep_name(&kept.column, edata->column_name);
	keep_name(&kept.constraint, edata->constraint_name);
}

void
pgt_error_prepare(void)
{
	if (memory == NULL)
		memory = AllocSetContextCreate(TopMemoryContext,
									   "pg_trace_bgw errors",
									   ALLOCSET_DEFAULT_SIZES);
}

const ErrorData *
pgt_error_copy(void)
{
	static const ErrorData out_of_memory = {
		.elevel = ERROR,
		.sqlerrcode = ERRCODE_OUT_OF_MEMORY,
	};

	caller = MemoryContextSwitchTo(memory);
	/* there may be none for the copy, either */
	if (geterrcode() == ERRCODE_OUT_OF_MEMORY)
		return &out_of_memory;
	return CopyErrorData();
}

void
pgt_error_copy_free(void)
{
	MemoryContextSwitchTo(caller);
	MemoryContextReset(memory);
}

bool
pgt_error_details_are_sent(int sqlstate)
{
	return sent || kept_sqlstate == 0 || sqlstate != kept_sqlstate;
}

void
pgt_error_details_fill(PgtErrorDetails *details, int sqlstate, bool hide)
{
	if (kept_sqlstate == 0 || sqlstate != kept_sqlstate)
		return;
	*details = kept;
	sent = true;
	if (hide)
		strlcpy(details->message, HIDDEN, sizeof(details->message));
}

/*
 * PostgreSQL tells only in words, and these may be translated: "unnamed portal
 * parameter $1 = '...'".
 */
int
pgt_error_bind(const ErrorData *edata)
{
	const char *number = edata->context != NULL ?
		strchr(edata->context, '$') : NULL;

	if (number == NULL || number[1] < '1' || number[1] > '9')
		return 0;
	return (int) Min(strtoul(number + 1, NULL, 10), PG_UINT16_MAX);
}
