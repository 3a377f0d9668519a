/*
 * redact_text.c
 *		What extension/redact_sql.c makes of texts, outside a server.
 *
 * Reads requests from stdin: a line "<what> <standard> <length>" and as many
 * bytes of text.  what is s, f, a or u for a statement, a foreign one, one whose
 * analysis failed, or an unparsed one: the answer is a line "<sensitive> <CPU
 * time in µs> <length>" and the text that is shown.  t is for tokens, each a
 * line "<type> <length>" and its value, up to one of length 0 at the end; v for
 * a value, and n for a list of names, which is used from then on: the answer is
 * a line with 1 or 0.  Each text is in memory of its own size, so that the
 * sanitizers notice who reads beyond it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "extension/redact_sql.h"
#include "extension/sql_lexer.h"
#include "tap/programs/fail.h"

static PgtSecretNames names;

static void *
allocate(size_t size)
{
	void	   *result = malloc(size > 0 ? size : 1);

	if (result == NULL)
		fail("out of memory");
	return result;
}

static uint64_t
cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
answer_redacted(PgtRedactMode mode, bool standard, const char *text, size_t len)
{
	PgtSqlRedaction redaction = {
		.names = &names,
		.mode = mode,
		.standard_strings = standard,
		.scratch = allocate(len)
	};
	uint64_t	begin_us = cpu_us();
	size_t		size = len;
	char	   *shown;

	if (pgt_redact_sql_look(&redaction, text, len))
	{
		size = pgt_redact_sql_write(&redaction, text, len, NULL);
		shown = allocate(size);
		if (pgt_redact_sql_write(&redaction, text, len, shown) != size)
			fail("the length is wrong");
		if (size > 4 * len + 16)
			fail("%zu bytes become %zu", len, size);
	}
	else
	{
		shown = allocate(len);
		memcpy(shown, text, len);
	}
	printf("%d %llu %zu\n", redaction.sensitive,
		   (unsigned long long) (cpu_us() - begin_us), size);
	fwrite(shown, 1, size, stdout);
	free(shown);
	free(redaction.scratch);
}

static void
answer_tokens(bool standard, const char *text, size_t len)
{
	char	   *scratch = allocate(len);
	PgtLexer	lexer;
	PgtToken	token;

	pgt_lexer_init(&lexer, text, len, standard);
	do
	{
		size_t		value_len;
		const char *value;

		pgt_lexer_next(&lexer, &token);
		value = pgt_token_value(&token, scratch, &value_len);
		printf("%d %zu\n", token.type, value_len);
		fwrite(value, 1, value_len, stdout);
	} while (token.type != PGT_TOKEN_END);
	free(scratch);
}

static void
answer(char what, bool standard, const char *text, size_t len)
{
	char	   *list;

	switch (what)
	{
		case 's':
			answer_redacted(PGT_REDACT_STATEMENT, standard, text, len);
			break;
		case 'f':
			answer_redacted(PGT_REDACT_FOREIGN, true, text, len);
			break;
		case 'a':
			answer_redacted(PGT_REDACT_FAILED, standard, text, len);
			break;
		case 'u':
			answer_redacted(PGT_REDACT_UNPARSED, standard, text, len);
			break;
		case 't':
			answer_tokens(standard, text, len);
			break;
		case 'v':
			printf("%d\n", pgt_secret_names_in_value(&names, text, len,
													 PGT_VALUE_OTHER));
			break;
		case 'n':
			list = allocate(len + 1);
			memcpy(list, text, len);
			list[len] = '\0';
			printf("%d\n", pgt_secret_names_parse(list, &names) == NULL);
			free(list);
			break;
		default:
			fail("'%c' is nothing to ask for", what);
	}
}

int
main(void)
{
	char		what;
	int			standard;
	size_t		len;

	pgt_secret_names_parse(PGT_SECRET_NAMES_DEFAULT, &names);
	while (scanf("%c %d %zu", &what, &standard, &len) == 3 && getchar() == '\n')
	{
		char	   *text = allocate(len);

		if (fread(text, 1, len, stdin) != len)
			fail("the text is too short");
		answer(what, standard, text, len);
		free(text);
	}
	return 0;
}
