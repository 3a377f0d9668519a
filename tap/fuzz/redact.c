/*
 * redact.c
 *		Fuzz target: what extension/redact_sql.c, sql_lexer.c, secret_names.c
 *		and traceparent.c make of any text.
 *
 * The input's first byte says what is known of the text, its second one where
 * it is cut in a second run; the rest is the text.  Everything is in memory of
 * its own size, so that whoever reads beyond it is noticed.
 *
 * What must hold: the two passes agree on the length, within the bound that is
 * stated; tokens cover the text in order; what is written has no constant left
 * if constants are hidden, and is left as it is if it is read once more.
 */
#include <stdint.h>
#include <string.h>

#include "extension/redact_sql.h"
#include "extension/sql_lexer.h"
#include "extension/traceparent.h"
#include "tap/fuzz/check.h"

#define SLACK	16				/* the bound's "some bytes" */

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static PgtSecretNames names;

static char *
allocate(size_t size)
{
	char	   *result = malloc(size > 0 ? size : 1);

	check(result != NULL);
	return result;
}

/* Tokens are in order, inside the text and each of its own content. */
static void
check_tokens(const char *text, size_t len, bool standard)
{
	char	   *scratch = allocate(len);
	const char *last = text;
	PgtLexer	lexer;
	PgtToken	token;

	pgt_lexer_init(&lexer, text, len, standard);
	do
	{
		pgt_lexer_next(&lexer, &token);
		check(token.start >= last && token.end >= token.start);
		check(token.end <= text + len);
		check(token.end > token.start || token.type == PGT_TOKEN_END);
		last = token.end;
		if (token.type >= PGT_TOKEN_COMMENT && token.type <= PGT_TOKEN_STRING)
		{
			size_t		value_len;
			const char *value;

			check(token.content >= token.start &&
				  token.content_end >= token.content &&
				  token.content_end <= token.end);
			value = pgt_token_value(&token, scratch, &value_len);
			check(value_len <=
				  (size_t) (token.content_end - token.content));
			check(value == scratch || value == token.content);
			(void) pgt_secret_names_in_value(&names, value, value_len,
											 PGT_VALUE_OTHER);
		}
	} while (token.type != PGT_TOKEN_END);
	free(scratch);
}

/* Two masks in a row, such as of 'a'B'1', read as one with a quote in it. */
static bool
is_mask(const PgtToken *token)
{
	for (const char *p = token->content; p < token->content_end; p++)
	{
		if (*p != '*' && *p != '\'')
			return false;
	}
	return true;
}

/*
 * Constants that are left where all are hidden.  Bodies of functions are code
 * and read as such, so they are left to the tests by example.
 */
static void
check_masked(const char *text, size_t len, bool standard)
{
	PgtLexer	lexer;
	PgtToken	token;

	pgt_lexer_init(&lexer, text, len, standard);
	do
	{
		pgt_lexer_next(&lexer, &token);
		check(token.type != PGT_TOKEN_STRING || is_mask(&token));
		check(token.type != PGT_TOKEN_NUMBER);
	} while (token.type != PGT_TOKEN_END);
}

static bool
has_body(const char *text, size_t len)
{
	return memmem(text, len, "$", 1) != NULL;
}

/* Redact a text, into new memory, whose size it returns. */
static size_t
redact(PgtSqlRedaction *redaction, const char *text, size_t len, char **shown)
{
	size_t		size = len;

	*shown = NULL;
	redaction->scratch = allocate(len);
	if (pgt_redact_sql_look(redaction, text, len))
	{
		size = pgt_redact_sql_write(redaction, text, len, NULL);
		check(size <= 4 * len + SLACK);
		*shown = allocate(size);
		check(pgt_redact_sql_write(redaction, text, len, *shown) == size);
	}
	free(redaction->scratch);
	return size;
}

static void
check_redaction(uint8_t known, const char *text, size_t len)
{
	PgtSqlRedaction redaction = {
		.names = &names,
		.mode = (PgtRedactMode) (known & 3),
		.standard_strings = (known & 4) != 0 ||
		(known & 3) == PGT_REDACT_FOREIGN,
		.harmless = (known & 24) == 8,
		.sensitive = (known & 24) == 16,
	};
	PgtSqlRedaction again;
	char	   *shown;
	size_t		size = redact(&redaction, text, len, &shown);

	check(!redaction.harmless || !redaction.sensitive);
	if (shown == NULL)
	{
		check((known & 24) != 16);
		return;
	}
	if (redaction.sensitive && redaction.mode < PGT_REDACT_UNPARSED &&
		!redaction.ambiguous && !has_body(text, len))
	{
		char	   *twice;

		check_masked(shown, size, redaction.standard_strings);
		again = redaction;
		if (redact(&again, shown, size, &twice) == size && twice != NULL)
			check(memcmp(twice, shown, size) == 0);
		free(twice);
	}
	free(shown);
}

static void
check_traceparent(const char *text, size_t len, bool standard)
{
	char		found[PGT_TRACEPARENT_LEN];

	memset(found, 'x', sizeof(found));
	if (pgt_traceparent_find(text, len, standard, found))
	{
		check(strnlen(found, sizeof(found)) == sizeof(found) - 1);
		check(memmem(text, len, found, sizeof(found) - 1) != NULL);
	}
	else
		check(found[0] == '\0');
}

static void
check_text(uint8_t known, const uint8_t *bytes, size_t len)
{
	char	   *text = allocate(len);

	memcpy(text, bytes, len);
	check_tokens(text, len, (known & 4) != 0);
	check_redaction(known, text, len);
	check_traceparent(text, len, (known & 4) != 0);
	free(text);
}

/* A list of names, which ends at the first zero byte. */
static void
check_names(const uint8_t *bytes, size_t len)
{
	char	   *list = allocate(len + 1);
	PgtSecretNames parsed;

	memcpy(list, bytes, len);
	list[len] = '\0';
	if (pgt_secret_names_parse(list, &parsed) == NULL)
	{
		check(parsed.n >= 0 && parsed.n <= PGT_SECRET_WORDS);
		for (int i = 0; i < parsed.n; i++)
			check(pgt_secret_names_find(&parsed, parsed.words[i].text,
										parsed.words[i].len));
	}
	free(list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t		len;

	if (names.n == 0)
		check(pgt_secret_names_parse(PGT_SECRET_NAMES_DEFAULT, &names) == NULL);
	if (size < 2)
		return 0;
	len = size - 2;
	if ((data[0] & 0x80) != 0)
	{
		check_names(data + 2, len);
		return 0;
	}
	check_text(data[0], data + 2, len);
	if (data[1] < len)
		check_text(data[0], data + 2, data[1]);
	return 0;
}
