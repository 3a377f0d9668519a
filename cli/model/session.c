/*
 * session.c
 *		The traced session that a file is of.
 */
#include "cli/model/session.h"
#include "bgworker/trace/grammar.h"

/* Which fact a line of the head, or of the context, tells */
typedef struct FactName
{
	const char *name;
	PgtSessionFact fact;
} FactName;

static const FactName head_facts[] = {
	{"Database name", PGT_SESSION_DATABASE},
	{"User name", PGT_SESSION_USER},
	{"Instance name", PGT_SESSION_INSTANCE},
	{"Node name", PGT_SESSION_HOST},
	{"PostgreSQL", PGT_SESSION_SERVER},
	{"Oracle Database", PGT_SESSION_SERVER},
};

static const FactName context_facts[] = {
	{PGT_NOTE_SESSION, PGT_SESSION_ID},
	{PGT_NOTE_CLIENT, PGT_SESSION_CLIENT},
	{PGT_NOTE_SERVICE, PGT_SESSION_SERVICE},
	{PGT_NOTE_MODULE, PGT_SESSION_MODULE},
	{PGT_NOTE_ACTION, PGT_SESSION_ACTION},
	{PGT_NOTE_ROLE, PGT_SESSION_USER_ID},
};

void
pgt_session_init(PgtSession *session)
{
	memset(session, 0, sizeof(*session));
}

static void
set_fact(PgtSession *session, PgtSessionFact fact, PgtSpan value)
{
	char	   *target = session->facts[fact];

	if (value.len >= PGT_SESSION_FACT_LEN)
		value.len = PGT_SESSION_FACT_LEN - 1;
	memset(target, 0, PGT_SESSION_FACT_LEN);
	(void) pgt_span_unescape(value, target);
	session->changes++;
}

static void
set_named_fact(PgtSession *session, const FactName *names, size_t n,
			   PgtSpan name, PgtSpan value)
{
	for (size_t i = 0; i < n; i++)
	{
		if (pgt_span_is(name, names[i].name))
			set_fact(session, names[i].fact, value);
	}
}

/* "15.20 (Debian ...) with pg_trace_bgw 1.0 format=2" */
static void
note_format(PgtSession *session, PgtSpan value)
{
	const char *format = memmem(value.at, value.len, PGT_HEAD_FORMAT,
								sizeof(PGT_HEAD_FORMAT) - 1);

	if (format == NULL)
		return;
	format += sizeof(PGT_HEAD_FORMAT) - 1;
	(void) pgt_take_int64(&format, value.at + value.len, &session->format);
}

/* "24771, image: client backend" */
static void
note_process(PgtSession *session, PgtSpan value)
{
	const char *p = value.at;
	const char *end = value.at + value.len;

	(void) pgt_take_int64(&p, end, &session->pid);
	if ((size_t) (end - p) > sizeof(PGT_HEAD_IMAGE) - 1)
	{
		p += sizeof(PGT_HEAD_IMAGE) - 1;
		set_fact(session, PGT_SESSION_IMAGE, pgt_span(p, end - p));
	}
}

static void
note_head(PgtSession *session, const PgtEntryHead *head)
{
	set_named_fact(session, head_facts,
				   sizeof(head_facts) / sizeof(head_facts[0]), head->name,
				   head->value);
	if (pgt_span_is(head->name, "PostgreSQL"))
		note_format(session, head->value);
	else if (pgt_span_is(head->name, "Unix process pid"))
		note_process(session, head->value);
	else if (pgt_span_is(head->name, "Oracle Database"))
		session->is_oracle = true;
}

static void
note_clock(PgtSession *session, const PgtEntry *entry)
{
	const PgtEntryStars *stars = &entry->of.stars;

	if (!session->has_clock && !session->clock_lacks_tim)
		session->first_clock_us = stars->time_us;
	session->clock_us = stars->time_us;
	session->offset_s = stars->offset_s;
	session->clock_lacks_tim = !entry->has_tim;
	if (entry->has_tim)
	{
		session->clock_tim = entry->tim;
		session->has_clock = true;
	}
}

static void
note_tim(PgtSession *session, int64_t tim)
{
	if (!session->has_tim)
	{
		session->has_tim = true;
		session->first_tim = session->last_tim = tim;
	}
	else if (tim > session->last_tim)
		session->last_tim = tim;
}

void
pgt_session_note(PgtSession *session, const PgtEntry *entry)
{
	if (entry->has_tim)
	{
		note_tim(session, entry->tim);
		if (session->clock_lacks_tim && entry->kind != PGT_ENTRY_STAMP)
		{
			session->clock_tim = entry->tim;
			session->has_clock = true;
			session->clock_lacks_tim = false;
		}
	}
	switch (entry->kind)
	{
		case PGT_ENTRY_HEAD:
			note_head(session, &entry->of.head);
			break;
		case PGT_ENTRY_CONTEXT:
			set_named_fact(session, context_facts,
						   sizeof(context_facts) / sizeof(context_facts[0]),
						   entry->of.stars.label, entry->of.stars.value);
			break;
		case PGT_ENTRY_STAMP:
			note_clock(session, entry);
			break;
		case PGT_ENTRY_PARALLEL_LEADER:
			session->leader = entry->of.stars.number;
			break;
		case PGT_ENTRY_LOST:
			session->lost++;
			break;
		case PGT_ENTRY_LIMITED:
			session->limited = true;
			break;
		case PGT_ENTRY_ENDED:
			session->ended = true;
			break;
		default:
			break;
	}
}
