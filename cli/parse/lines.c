/*
 * lines.c
 *		Reads the lines that tell what the traced process did.
 *
 * Fields are taken by their names, so those that a file has in addition don't
 * matter: they are counted.
 */
#include "cli/parse/fields.h"
#include "cli/parse/lines.h"
#include "bgworker/trace/grammar.h"

#define TAKE_FIELDS(entry, p, end, separator, rules) \
	pgt_fields_take(entry, p, end, separator, rules, \
					(int) (sizeof(rules) / sizeof(rules[0])))

/* ----------
 * Calls
 * ----------
 */

void
pgt_parse_call(PgtEntry *entry, const char *p, const char *end)
{
	static const PgtFieldRule rules[] = {
		PGT_RULE_INT64(PGT_FIELD_C, of.call.c),
		PGT_RULE_INT64(PGT_FIELD_E, of.call.e),
		PGT_RULE_INT64(PGT_FIELD_P, of.call.p),
		PGT_RULE_INT64(PGT_FIELD_CR, of.call.cr),
		PGT_RULE_INT64(PGT_FIELD_CU, of.call.cu),
		PGT_RULE_INT64(PGT_FIELD_MIS, of.call.mis),
		PGT_RULE_INT64(PGT_FIELD_R, of.call.r),
		PGT_RULE_INT64(PGT_FIELD_DEP, of.call.dep),
		PGT_RULE_INT64(PGT_FIELD_TYPE, of.call.type),
		PGT_RULE_INT64(PGT_FIELD_OG, of.call.og),
		PGT_RULE_INT64(PGT_FIELD_PLH, of.call.plh),
		PGT_RULE_INT64(PGT_FIELD_TIM, tim),
	};

	entry->of.call.type = -1;
	TAKE_FIELDS(entry, p, end, ',', rules);
}

/* LOBREAD: c=..., LOBWRITE: type=...,bytes=...,c=... */
void
pgt_parse_lob(PgtEntry *entry, const char *p, const char *end)
{
	static const PgtFieldRule rules[] = {
		PGT_RULE_KNOWN(PGT_FIELD_TYPE),
		PGT_RULE_KNOWN("bytes"),
		PGT_RULE_INT64(PGT_FIELD_C, of.call.c),
		PGT_RULE_INT64(PGT_FIELD_E, of.call.e),
		PGT_RULE_INT64(PGT_FIELD_P, of.call.p),
		PGT_RULE_INT64(PGT_FIELD_CR, of.call.cr),
		PGT_RULE_INT64(PGT_FIELD_CU, of.call.cu),
		PGT_RULE_INT64(PGT_FIELD_TIM, tim),
	};
	const char *colon = memchr(p, ':', end - p);

	if (colon == NULL)
		colon = end;
	entry->of.call.type = -1;
	entry->of.call.name = pgt_span(p, colon - p);
	TAKE_FIELDS(entry, colon < end ? colon + 1 : end, end, ',', rules);
}

/* ----------
 * Waits
 * ----------
 */

/* The three parameters; Oracle's names of these have blanks, and more. */
static const char *
take_parameters(PgtEntry *entry, const char *p, const char *end)
{
	PgtEntryWait *wait = &entry->of.wait;

	for (int i = 0; i < PGT_ENTRY_PARAMETERS; i++)
	{
		const char *name;
		const char *value;
		const char *equals;

		while (p < end && *p == ' ')
			p++;
		name = p;
		equals = memchr(p, '=', end - p);
		if (equals == NULL)
			return name;
		value = equals + 1;
		/* fewer than three, then obj# or type or tim follow */
		if ((equals - name == 4 && memcmp(name, "obj#", 4) == 0) ||
			(equals - name == 3 && memcmp(name, "tim", 3) == 0) ||
			!pgt_take_int64(&value, end, &wait->parameter[i].value) ||
			(value < end && *value != ' '))
		{
			wait->parameter[i].value = 0;
			return name;
		}
		wait->parameter[i].name = pgt_span(name, equals - name);
		p = value;
	}
	return p;
}

void
pgt_parse_wait(PgtEntry *entry, const char *p, const char *end)
{
	static const PgtFieldRule rules[] = {
		PGT_RULE_SPAN(PGT_FIELD_TYPE, of.wait.type),
		PGT_RULE_INT64(PGT_FIELD_NODE, of.wait.node),
		PGT_RULE_SPAN(PGT_FIELD_FORK, of.wait.fork),
		PGT_RULE_SPAN(PGT_FIELD_FILE, of.wait.file),
		PGT_RULE_KNOWN(PGT_FIELD_DBID),
		PGT_RULE_KNOWN("field4"),
		PGT_RULE_SPAN(PGT_FIELD_REASON, of.wait.reason),
		PGT_RULE_SPAN(PGT_FIELD_MODE, of.wait.mode),
		PGT_RULE_SPAN(PGT_FIELD_BLOCKER, of.wait.blocker),
		PGT_RULE_SPAN(PGT_FIELD_BLOCKERS, of.wait.blockers),
		PGT_RULE_SPAN(PGT_FIELD_BLOCKER_SQLID, of.wait.blocker_sqlid),
		PGT_RULE_SPAN(PGT_FIELD_BLOCKER_STATE, of.wait.blocker_state),
		PGT_RULE_SPAN(PGT_FIELD_BLOCKER_XACT, of.wait.blocker_xact),
		PGT_RULE_INT64(PGT_FIELD_CPU, of.wait.cpu),
		PGT_RULE_INT64(PGT_FIELD_PROTOCOL, of.wait.protocol),
		PGT_RULE_INT64(PGT_FIELD_CONT, of.wait.cont),
		PGT_RULE_INT64(PGT_FIELD_PARTIAL, of.wait.partial),
		PGT_RULE_INT64(PGT_FIELD_OBJECT_NUMBER, of.wait.obj),
		PGT_RULE_INT64(PGT_FIELD_TIM, tim),
	};
	PgtEntryWait *wait = &entry->of.wait;
	const char *quote;

	wait->obj = wait->node = wait->cpu = -1;
	if (!TAKE(&p, end, " " PGT_FIELD_NAM "='") ||
		(quote = memchr(p, '\'', end - p)) == NULL)
	{
		entry->problem = "a wait without a name";
		return;
	}
	wait->nam = pgt_span(p, quote - p);
	p = quote + 1;
	if (!TAKE(&p, end, " " PGT_FIELD_ELA "="))
	{
		entry->problem = "a wait without ela=";
		return;
	}
	while (p < end && *p == ' ')
		p++;
	if (!pgt_take_int64(&p, end, &wait->ela))
		entry->problem = "a field isn't the number that it should be";
	p = take_parameters(entry, p, end);
	TAKE_FIELDS(entry, p, end, ' ', rules);
}

/* ----------
 * Statements
 * ----------
 */

/* What is below the first line, without the line end and "behind" */
static PgtSpan
text_below(const PgtEntry *entry, const char *end, const char *behind)
{
	const char *begin = end + 1;
	const char *last = entry->raw.at + entry->raw.len;
	size_t		behind_len = strlen(behind);

	if (begin > last)
		return pgt_span(NULL, 0);
	if ((size_t) (last - begin) >= behind_len &&
		memcmp(last - behind_len, behind, behind_len) == 0)
		last -= behind_len;
	if (last > begin && last[-1] == '\n')
		last--;
	return pgt_span(begin, last - begin);
}

void
pgt_parse_cursor(PgtEntry *entry, const char *p, const char *end)
{
	static const PgtFieldRule rules[] = {
		PGT_RULE_INT64(PGT_FIELD_LEN, of.cursor_of.len),
		PGT_RULE_INT64(PGT_FIELD_DEP, of.cursor_of.dep),
		PGT_RULE_INT64(PGT_FIELD_UID, of.cursor_of.uid),
		PGT_RULE_INT64(PGT_FIELD_OCT, of.cursor_of.oct),
		PGT_RULE_INT64(PGT_FIELD_LID, of.cursor_of.lid),
		PGT_RULE_INT64(PGT_FIELD_TIM, tim),
		PGT_RULE_INT64(PGT_FIELD_HV, of.cursor_of.hv),
		PGT_RULE_SPAN(PGT_FIELD_AD, of.cursor_of.ad),
		PGT_RULE_SPAN(PGT_FIELD_SQLID, of.cursor_of.sqlid),
		PGT_RULE_INT64(PGT_FIELD_QUERYID, of.cursor_of.queryid),
		PGT_RULE_SPAN(PGT_FIELD_TRACEPARENT, of.cursor_of.traceparent),
		PGT_RULE_INT64(PGT_FIELD_CUT, of.cursor_of.cut),
	};

	TAKE_FIELDS(entry, p, end, ' ', rules);
	entry->of.cursor_of.text = text_below(entry, end,
										  PGT_LINE_END_OF_STMT "\n");
}

void
pgt_parse_error(PgtEntry *entry, const char *p, const char *end)
{
	static const PgtFieldRule rules[] = {
		PGT_RULE_INT64(PGT_FIELD_LEN, of.error.len),
		PGT_RULE_INT64(PGT_FIELD_DEP, of.error.dep),
		PGT_RULE_INT64(PGT_FIELD_UID, of.error.uid),
		PGT_RULE_INT64(PGT_FIELD_OCT, of.error.oct),
		PGT_RULE_INT64(PGT_FIELD_LID, of.error.lid),
		PGT_RULE_INT64(PGT_FIELD_ERR, of.error.err),
		PGT_RULE_INT64(PGT_FIELD_TIM, tim),
		PGT_RULE_INT64(PGT_FIELD_ERR, of.error.err),
		PGT_RULE_SPAN(PGT_FIELD_SQLSTATE, of.error.sqlstate),
		PGT_RULE_SPAN(PGT_FIELD_MESSAGE, of.error.message),
		PGT_RULE_SPAN(PGT_FIELD_SCHEMA, of.error.schema),
		PGT_RULE_SPAN(PGT_FIELD_TABLE, of.error.table),
		PGT_RULE_SPAN(PGT_FIELD_COLUMN, of.error.column),
		PGT_RULE_SPAN(PGT_FIELD_CONSTRAINT, of.error.constraint),
		PGT_RULE_INT64(PGT_FIELD_BIND, of.error.bind),
		PGT_RULE_SPAN(PGT_FIELD_STATEMENT, of.error.statement),
		PGT_RULE_INT64(PGT_FIELD_POS, of.error.pos),
		PGT_RULE_INT64(PGT_FIELD_CUT, of.error.cut),
	};

	entry->of.error.bind = -1;
	TAKE_FIELDS(entry, p, end, ' ', rules);
	if (entry->kind == PGT_ENTRY_PARSE_ERROR)
		entry->of.error.text = text_below(entry, end, "");
}

void
pgt_parse_xctend(PgtEntry *entry, const char *p, const char *end)
{
	static const PgtFieldRule rules[] = {
		PGT_RULE_INT64(PGT_FIELD_RLBK, of.xctend.rlbk),
		PGT_RULE_INT64(PGT_FIELD_RD_ONLY, of.xctend.rd_only),
		PGT_RULE_INT64(PGT_FIELD_TIM, tim),
	};

	TAKE_FIELDS(entry, p, end, ',', rules);
}

/* ----------
 * Bind values
 * ----------
 */

/* "5", "\"text\"", "NULL", "<reason>" */
static void
set_value(PgtEntryBind *bind, PgtSpan value)
{
	char		first = value.len > 0 ? value.at[0] : '\0';
	char		last = value.len > 1 ? value.at[value.len - 1] : '\0';

	bind->kind = PGT_ENTRY_VALUE_PLAIN;
	if (first == '"')
		bind->kind = PGT_ENTRY_VALUE_QUOTED;
	else if (first == '<' && last == '>')
		bind->kind = PGT_ENTRY_VALUE_OMITTED;
	else if (pgt_span_is(value, "NULL"))
		bind->kind = PGT_ENTRY_VALUE_NULL;
	if (bind->kind == PGT_ENTRY_VALUE_QUOTED ||
		bind->kind == PGT_ENTRY_VALUE_OMITTED)
	{
		/* the closing quote is missing if the file ends in the value */
		value = pgt_span_from(value, 1);
		if (last == (first == '"' ? '"' : '>'))
			value.len--;
	}
	bind->value = value;
}

void
pgt_parse_bind(PgtEntry *entry, const char *p, const char *end)
{
	static const PgtFieldRule rules[] = {
		PGT_RULE_INT64(PGT_FIELD_OACDTY, of.bind.oacdty),
		PGT_RULE_KNOWN(PGT_FIELD_MXL),
		PGT_RULE_KNOWN("mxlc"),
		PGT_RULE_KNOWN("mal"),
		PGT_RULE_KNOWN("scl"),
		PGT_RULE_KNOWN("pre"),
		PGT_RULE_SPAN(PGT_FIELD_TYP, of.bind.typ),
		PGT_RULE_INT64(PGT_FIELD_TYPOID, of.bind.typoid),
		PGT_RULE_SPAN(PGT_FIELD_NAME, of.bind.name),
		PGT_RULE_KNOWN("kxsbbbfp"),
		PGT_RULE_KNOWN(PGT_FIELD_BLN),
		PGT_RULE_INT64(PGT_FIELD_AVL, of.bind.avl),
		PGT_RULE_KNOWN("flg"),
		PGT_RULE_INT64(PGT_FIELD_SHOWN, of.bind.shown),
	};
	PgtEntryBind *bind = &entry->of.bind;
	const char *last = entry->raw.at + entry->raw.len;

	bind->shown = -1;
	if (!pgt_take_int64(&p, end, &bind->number))
		entry->problem = "a value without a number";
	for (p = end + 1; p < last; p = end + 1)
	{
		end = memchr(p, '\n', last - p);
		if (end == NULL)
			end = last;
		if (TAKE(&p, end, "  " PGT_FIELD_VALUE "="))
			set_value(bind, pgt_span(p, end - p));
		else
			TAKE_FIELDS(entry, p, end, ' ', rules);
	}
}

/* ----------
 * Plan nodes
 * ----------
 */

/* What is in the parentheses at the end of op= */
static void
take_figures(PgtEntry *entry)
{
	static const PgtFieldRule rules[] = {
		PGT_RULE_INT64(PGT_FIELD_CR, of.stat.cr),
		PGT_RULE_INT64(PGT_FIELD_PR, of.stat.pr),
		PGT_RULE_INT64(PGT_FIELD_PW, of.stat.pw),
		PGT_RULE_INT64(PGT_FIELD_STR, of.stat.str),
		PGT_RULE_INT64(PGT_FIELD_TIME, of.stat.time),
		PGT_RULE_INT64(PGT_FIELD_COST, of.stat.cost),
		PGT_RULE_INT64(PGT_FIELD_SIZE, of.stat.size),
		PGT_RULE_INT64(PGT_FIELD_CARD, of.stat.card),
		PGT_RULE_KNOWN(PGT_FIELD_PLANNED),
		PGT_RULE_KNOWN(PGT_FIELD_LAUNCHED),
		PGT_RULE_INT64(PGT_FIELD_FILTERED, of.stat.filtered),
		PGT_RULE_KNOWN(PGT_FIELD_JOIN_FILTERED),
		PGT_RULE_KNOWN(PGT_FIELD_RECHECKED),
		PGT_RULE_KNOWN(PGT_FIELD_HEAP_FETCHES),
		PGT_RULE_KNOWN(PGT_FIELD_SORT_METHOD),
		PGT_RULE_KNOWN(PGT_FIELD_BUCKETS),
		PGT_RULE_KNOWN(PGT_FIELD_BATCHES),
		PGT_RULE_KNOWN(PGT_FIELD_MEMORY),
		PGT_RULE_KNOWN(PGT_FIELD_DISK),
		PGT_RULE_KNOWN(PGT_FIELD_JIT_FUNCTIONS),
		PGT_RULE_KNOWN(PGT_FIELD_JIT_TIME),
		PGT_RULE_KNOWN(PGT_FIELD_WAL_RECORDS),
		PGT_RULE_KNOWN(PGT_FIELD_WAL_FPI),
		PGT_RULE_KNOWN(PGT_FIELD_WAL_BYTES),
		PGT_RULE_INT64(PGT_FIELD_WAIT, of.stat.wait),
		PGT_RULE_INT64(PGT_FIELD_WAITS, of.stat.waits),
		PGT_RULE_SPAN(PGT_FIELD_TIMING, of.stat.timing),
		PGT_RULE_INT64(PGT_FIELD_SAMPLES, of.stat.samples),
		PGT_RULE_KNOWN(PGT_FIELD_START_TIME),
		PGT_RULE_KNOWN(PGT_FIELD_FINISH_TIME),
		PGT_RULE_KNOWN(PGT_FIELD_PROCS),
		PGT_RULE_KNOWN(PGT_FIELD_PROCS_TIME),
		PGT_RULE_KNOWN(PGT_FIELD_LEADER_CNT),
		PGT_RULE_KNOWN(PGT_FIELD_LEADER_STR),
		PGT_RULE_KNOWN(PGT_FIELD_EXACT),
	};
	PgtEntryStat *stat = &entry->of.stat;
	PgtSpan		op = stat->op;
	const char *open;

	if (op.len < 2 || op.at[op.len - 1] != ')' ||
		(open = memrchr(op.at, '(', op.len)) == NULL)
		return;
	stat->more = pgt_span(open + 1, op.at + op.len - 1 - (open + 1));
	TAKE_FIELDS(entry, stat->more.at, stat->more.at + stat->more.len, ' ',
				rules);
	stat->op.len = open - op.at;
	while (stat->op.len > 0 && op.at[stat->op.len - 1] == ' ')
		stat->op.len--;
}

void
pgt_parse_stat(PgtEntry *entry, const char *p, const char *end)
{
	static const PgtFieldRule rules[] = {
		PGT_RULE_INT64(PGT_FIELD_ID, of.stat.id),
		PGT_RULE_INT64(PGT_FIELD_CNT, of.stat.cnt),
		PGT_RULE_INT64(PGT_FIELD_PID, of.stat.pid),
		PGT_RULE_INT64(PGT_FIELD_POS, of.stat.pos),
		PGT_RULE_INT64(PGT_FIELD_OBJ, of.stat.obj),
		PGT_RULE_SPAN(PGT_FIELD_OP, of.stat.op),
	};
	PgtEntryStat *stat = &entry->of.stat;

	stat->wait = stat->waits = stat->samples = stat->filtered = -1;
	stat->time = -1;
	TAKE_FIELDS(entry, p, end, ' ', rules);
	if (stat->op.at == NULL)
		entry->problem = "a plan node without op=";
	else
		take_figures(entry);
}
