/*
 * convert_oracle.c
 *		A trace in the grammar of Oracle's files and nothing else: for convert.c.
 *
 * Readers of such files that trip over additions, or that know waits by their
 * names, get what they expect.  Lines that Oracle hasn't are left out, and
 * counted.
 */
#include "postgres_fe.h"

#include "cli/commands/convert.h"
#include "cli/commands/oracle_names.h"
#include "cli/parse/fields.h"
#include "bgworker/trace/grammar.h"

uint64_t	pgt_convert_left_out;

static void
put_span(PgtSpan span)
{
	fwrite(span.at, 1, span.len, stdout);
}

static void
put_wait(const PgtEntry *entry)
{
	const PgtEntryWait *wait = &entry->of.wait;
	char		name[PGT_ORACLE_NAME_LEN];

	pgt_oracle_event(wait, name);
	printf("WAIT #%llu: nam='%s' ela= %lld", (unsigned long long) entry->cursor,
		   name, (long long) wait->ela);
	for (int i = 0; i < PGT_ENTRY_PARAMETERS; i++)
	{
		/* it is called so there, whatever the network is */
		if (pgt_span_is(wait->type, "Client"))
			printf(" %s=%lld", i == 0 ? "driver id" : i == 1 ? "#bytes" : "p3",
				   i == 1 ? (long long) wait->parameter[0].value : 0LL);
		else if (wait->parameter[i].name.at == NULL)
			printf(" p%d=0", i + 1);
		else
			printf(" %.*s=%lld", (int) wait->parameter[i].name.len,
				   wait->parameter[i].name.at,
				   (long long) wait->parameter[i].value);
	}
	printf(" obj#=%lld tim=%lld\n", (long long) wait->obj,
		   (long long) entry->tim);
}

static void
put_call(const PgtEntry *entry)
{
	const PgtEntryCall *call = &entry->of.call;

	if (entry->kind == PGT_ENTRY_LOB)
	{
		put_span(entry->raw);
		return;
	}
	printf("%s #%llu:c=%lld,e=%lld", pgt_entry_kind_name(entry->kind),
		   (unsigned long long) entry->cursor, (long long) call->c,
		   (long long) call->e);
	if (entry->kind == PGT_ENTRY_CLOSE)
		printf(",dep=%lld,type=%lld", (long long) call->dep,
			   (long long) call->type);
	else
		printf(",p=%lld,cr=%lld,cu=%lld,mis=%lld,r=%lld,dep=%lld,og=%lld,plh=%lld",
			   (long long) call->p, (long long) call->cr,
			   (long long) call->cu, (long long) call->mis,
			   (long long) call->r, (long long) call->dep,
			   (long long) call->og, (long long) call->plh);
	printf(",tim=%lld\n", (long long) entry->tim);
}

static void
put_text(PgtSpan span)
{
	char	   *text = pg_malloc(span.len + 1);

	memcpy(text, span.at, span.len);
	pgt_oracle_placeholders(text, span.len);
	fwrite(text, 1, span.len, stdout);
	putchar('\n');
	pg_free(text);
}

static void
put_cursor(const PgtEntry *entry)
{
	const PgtEntryCursor *cursor = &entry->of.cursor_of;

	printf(PGT_LINE_SEPARATOR "\n" PGT_LINE_CURSOR
		   " #%llu len=%llu dep=%lld uid=%lld oct=%lld lid=%lld tim=%lld hv=%lld ad='%.*s' sqlid='%.*s'\n",
		   (unsigned long long) entry->cursor,
		   (unsigned long long) cursor->text.len, (long long) cursor->dep,
		   (long long) cursor->uid, (long long) cursor->oct,
		   (long long) cursor->lid, (long long) entry->tim,
		   (long long) cursor->hv, (int) cursor->ad.len, cursor->ad.at,
		   (int) cursor->sqlid.len, cursor->sqlid.at);
	put_text(cursor->text);
	printf(PGT_LINE_END_OF_STMT "\n");
}

static void
put_bind(const PgtEntry *entry)
{
	const PgtEntryBind *bind = &entry->of.bind;
	PgtSpan		mxl;

	if (!pgt_span_begins(entry->raw, PGT_LINE_BIND))
		return;
	mxl.len = 0;
	(void) pgt_entry_field(entry, "mxl", &mxl);
	printf(PGT_LINE_BIND "%lld\n"
		   "  oacdty=%02lld mxl=%.*s mxlc=00 mal=00 scl=00 pre=00\n"
		   "  oacflg=03 fl2=1000000 frm=00 csi=00 siz=%lld off=0\n"
		   "  kxsbbbfp=00000000  bln=%lld  avl=%02lld  flg=05\n",
		   (long long) bind->number, (long long) bind->oacdty,
		   (int) mxl.len, mxl.len > 0 ? mxl.at : "", (long long) bind->avl,
		   (long long) bind->avl, (long long) bind->avl);
	if (bind->kind == PGT_ENTRY_VALUE_NONE)
		return;
	printf("  value=");
	if (bind->kind == PGT_ENTRY_VALUE_NULL)
		printf("NULL");
	else if (bind->kind == PGT_ENTRY_VALUE_PLAIN)
		put_span(bind->value);
	else
		printf(bind->kind == PGT_ENTRY_VALUE_QUOTED ? "\"%.*s\"" : "\"<%.*s>\"",
			   (int) bind->value.len, bind->value.at);
	putchar('\n');
}

static void
put_stat(const PgtEntry *entry)
{
	const PgtEntryStat *stat = &entry->of.stat;

	printf("STAT #%llu id=%lld cnt=%lld pid=%lld pos=%lld obj=%lld op='%.*s (cr=%lld pr=%lld pw=%lld str=%lld",
		   (unsigned long long) entry->cursor, (long long) stat->id,
		   (long long) stat->cnt, (long long) stat->pid,
		   (long long) stat->pos, (long long) stat->obj,
		   (int) stat->op.len, stat->op.at, (long long) stat->cr,
		   (long long) stat->pr, (long long) stat->pw, (long long) stat->str);
	/* no time is better than one that isn't true */
	if (stat->time >= 0)
		printf(" time=%lld us", (long long) stat->time);
	printf(" cost=%lld size=%lld card=%lld)'\n", (long long) stat->cost,
		   (long long) stat->size, (long long) stat->card);
}

static void
put_error(const PgtEntry *entry)
{
	const PgtEntryError *error = &entry->of.error;
	long long	number = pgt_oracle_error(error);

	if (entry->kind == PGT_ENTRY_ERROR)
	{
		printf("ERROR #%llu:err=%lld tim=%lld\n",
			   (unsigned long long) entry->cursor, number,
			   (long long) entry->tim);
		return;
	}
	printf("PARSE ERROR #%llu:len=%llu dep=%lld uid=%lld oct=%lld lid=%lld tim=%lld err=%lld\n",
		   (unsigned long long) entry->cursor,
		   (unsigned long long) error->text.len, (long long) error->dep,
		   (long long) error->uid, (long long) error->oct,
		   (long long) error->lid, (long long) entry->tim, number);
	put_text(error->text);
}

static void
put_stars(const PgtEntry *entry)
{
	const PgtEntryStars *stars = &entry->of.stars;
	const char *end;

	if (entry->kind == PGT_ENTRY_STAMP)
	{
		end = memchr(stars->text.at, ' ', stars->text.len);
		printf("\n" PGT_STARS "%.*s\n",
			   (int) (end != NULL ? end - stars->text.at : (long) stars->text.len),
			   stars->text.at);
	}
	else if (entry->kind == PGT_ENTRY_LIMITED ||
			 (entry->kind == PGT_ENTRY_CONTEXT &&
			  !pgt_span_is(stars->label, PGT_NOTE_ROLE)))
		put_span(entry->raw);
	else
		pgt_convert_left_out++;
}

/* The format's version is ours: what is written hasn't that format. */
static void
put_head(const PgtEntry *entry)
{
	const char *end = entry->raw.at + entry->raw.len;
	const char *format = memmem(entry->raw.at, entry->raw.len, PGT_HEAD_FORMAT,
								strlen(PGT_HEAD_FORMAT));

	if (pgt_span_begins(entry->raw, PGT_HEAD_SERVER) && format != NULL)
		printf("%.*s\n", (int) (format - entry->raw.at), entry->raw.at);
	else if (pgt_span_begins(entry->raw, PGT_HEAD_NUMBER))
		printf("Oracle process number: %.*s",
			   (int) (end - entry->raw.at - strlen(PGT_HEAD_NUMBER)),
			   entry->raw.at + strlen(PGT_HEAD_NUMBER));
	else
		put_span(entry->raw);
}

void
pgt_convert_oracle(const PgtEntry *entry)
{
	if (pgt_entry_is_call(entry))
		put_call(entry);
	else if (pgt_entry_is_stars(entry))
		put_stars(entry);
	else if (entry->kind == PGT_ENTRY_WAIT)
		put_wait(entry);
	else if (entry->kind == PGT_ENTRY_CURSOR)
		put_cursor(entry);
	else if (entry->kind == PGT_ENTRY_BINDS)
		printf(PGT_LINE_BINDS " #%llu:\n", (unsigned long long) entry->cursor);
	else if (entry->kind == PGT_ENTRY_BIND)
		put_bind(entry);
	else if (entry->kind == PGT_ENTRY_STAT)
		put_stat(entry);
	else if (entry->kind == PGT_ENTRY_XCTEND)
		printf(PGT_LINE_XCTEND " rlbk=%lld, rd_only=%lld, tim=%lld\n",
			   (long long) entry->of.xctend.rlbk,
			   (long long) entry->of.xctend.rd_only, (long long) entry->tim);
	else if (entry->kind == PGT_ENTRY_ERROR ||
			 entry->kind == PGT_ENTRY_PARSE_ERROR)
		put_error(entry);
	else if (entry->kind == PGT_ENTRY_HEAD)
		put_head(entry);
	else if (entry->kind != PGT_ENTRY_EMPTY)
		pgt_convert_left_out++;
}
