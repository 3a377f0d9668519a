/*
 * sql_tokens.c
 *		The tokens that extension/sql_lexer.c finds in texts, outside a server.
 *
 * Reads requests from stdin: a line "<standard> <length>" and as many bytes of
 * text.  The answer is for each token a line "<type> <length>" and its value,
 * up to one of length 0 at the end.  Each text is in memory of its own size,
 * so that the sanitizers notice who reads beyond it.
 */
#include <stdbool.h>
#include <string.h>

#include "extension/sql_lexer.h"
#include "tap/programs/fail.h"

static void *
allocate(size_t size)
{
	void	   *result = malloc(size > 0 ? size : 1);

	if (result == NULL)
		fail("out of memory");
	return result;
}

static void
answer(bool standard, const char *text, size_t len)
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

int
main(void)
{
	int			standard;
	size_t		len;

	while (scanf("%d %zu", &standard, &len) == 2 && getchar() == '\n')
	{
		char	   *text = allocate(len);

		if (fread(text, 1, len, stdin) != len)
			fail("the text is too short");
		answer(standard, text, len);
		free(text);
	}
	return 0;
}
