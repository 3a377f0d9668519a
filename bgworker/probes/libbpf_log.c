/*
 * libbpf_log.c
 *		What libbpf has to say, in the server's log.
 *
 * libbpf hands its messages to a callback, in the middle of its work.
 * ereport() may run out of memory, and its error would jump through libbpf,
 * which keeps what it was about to free.  So the callback only keeps messages,
 * in memory that is there already, and they are logged when libbpf has
 * returned.
 */
#include "postgres.h"

#include <bpf/libbpf.h>

#include "bgworker/probes/libbpf_log.h"

#define MAX_MESSAGE		1024

/* Room for messages: a load has 1,200 details of less than 100 bytes each. */
#define WARNINGS_ROOM	(16 * MAX_MESSAGE)
#define DETAILS_ROOM	(512 * MAX_MESSAGE)

typedef struct Messages
{
	char	   *text;			/* each message ends with a null */
	Size		size;
	Size		used;
	int			nleft_out;
} Messages;

static char warnings_text[WARNINGS_ROOM];
static Messages warnings = {.text = warnings_text, .size = WARNINGS_ROOM};
static Messages details;		/* no room if nobody wants to see them */

static void
keep(Messages *messages, const char *message, Size len)
{
	if (len + 1 > messages->size - messages->used)
	{
		messages->nleft_out++;
		return;
	}
	memcpy(messages->text + messages->used, message, len);
	messages->text[messages->used + len] = '\0';
	messages->used += len + 1;
}

static int	keep_message(enum libbpf_print_level level, const char *format,
						 va_list args) pg_attribute_printf(2, 0);

static int
keep_message(enum libbpf_print_level level, const char *format, va_list args)
{
	char		message[MAX_MESSAGE];
	Size		len;

	if (level != LIBBPF_WARN && details.text == NULL)
		return 0;
	vsnprintf(message, sizeof(message), format, args);
	len = strlen(message);
	while (len > 0 && message[len - 1] == '\n')
		len--;
	keep(level == LIBBPF_WARN ? &warnings : &details, message, len);
	return 0;
}

static void
report(Messages *messages, int level)
{
	Size		at = 0;

	while (at < messages->used)
	{
		ereport(level, (errmsg_internal("%s", messages->text + at)));
		at += strlen(messages->text + at) + 1;
	}
	if (messages->nleft_out > 0)
		ereport(level,
				(errmsg_internal("libbpf: %d more messages",
								 messages->nleft_out)));
	messages->used = 0;
	messages->nleft_out = 0;
}

void
pgt_libbpf_log_start(void)
{
	if (details.text == NULL && message_level_is_interesting(DEBUG2))
	{
		details.text = palloc(DETAILS_ROOM);
		details.size = DETAILS_ROOM;
	}
	/* its type lacks the attribute */
	libbpf_set_print((libbpf_print_fn_t) keep_message);
}

/* The caller says in one sentence what went wrong; here is why. */
void
pgt_libbpf_log_report(void)
{
	report(&details, DEBUG2);
	if (details.text != NULL)
		pfree(details.text);
	details.text = NULL;
	report(&warnings, LOG);
}
