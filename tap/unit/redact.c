/*
 * redact.c
 *		Unit test: what extension/redact_sql.c hides of texts, and that it takes
 *		linear time and reads nothing beyond them.
 *
 * What a server's parse trees add is tested by tap/170_redaction.pl, with the
 * same statements.
 */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "extension/redact_sql.h"
#include "extension/sql_lexer.h"
#include "extension/traceparent.h"
#include "tap/unit/tap.h"

#define CASES_FILE	"tap/unit/redaction_cases.txt"
#define MAX_CASES	400
#define MAX_TEXT	4096

/* CPU time that a long text may take; what isn't linear takes minutes. */
#define LONG_TEXT	250000
#define MAX_US		750000

typedef enum CaseKind
{
	SECRET,
	UNPARSED,					/* fails in the parser */
	FAILED,						/* fails behind it */
	HARMLESS
} CaseKind;

/* What a server finds in the parse tree */
typedef enum Tree
{
	NOTHING,
	A_SECRET,
	NO_SECRET					/* that is, it is known to be harmless */
} Tree;

typedef struct Case
{
	CaseKind	kind;
	char	   *plain;			/* the statement */
	char	   *shown;			/* what a trace shows of it */
} Case;

static Case cases[MAX_CASES];
static int	ncases = 0;
static PgtSecretNames names;

static void *
allocate(size_t size)
{
	void	   *result = malloc(size > 0 ? size : 1);

	if (result == NULL)
		abort();
	return result;
}

/* ----------
 * The cases
 * ----------
 */

/* What stands for what begins like this */
static const char *
mask(const char *hidden)
{
	if (strncmp(hidden, "--", 2) == 0)
		return "-- ***";
	if (strncmp(hidden, "/*", 2) == 0)
		return "/* *** */";
	if (*hidden == '"')
		return "\"***\"";
	if (strncmp(hidden, "U&'", 3) == 0)
		return "'***'";
	if (strchr("EeNnBbXx", *hidden) != NULL && hidden[1] == '\'')
		return "'***'";
	return *hidden == '\'' || *hidden == '$' ? "'***'" : "***";
}

static void
append(char *text, size_t *len, const char *from, size_t from_len)
{
	if (*len + from_len >= MAX_TEXT)
		abort();
	memcpy(text + *len, from, from_len);
	*len += from_len;
	text[*len] = '\0';
}

/* The character at *line, which may be written as its name; *line goes on. */
static char
next_character(const char **line)
{
	static const struct
	{
		const char *name;
		char		character;
	}			named[] = {{"<LF>", '\n'}, {"<CR>", '\r'}, {"<TAB>", '\t'}};

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
	{
		size_t		len = strlen(named[i].name);

		if (strncmp(*line, named[i].name, len) == 0)
		{
			*line += len;
			return named[i].character;
		}
	}
	return *(*line)++;
}

static void
add_case(CaseKind kind, const char *line)
{
	char		plain[MAX_TEXT] = "";
	char		shown[MAX_TEXT] = "";
	size_t		plain_len = 0;
	size_t		shown_len = 0;
	bool		hidden = false;

	for (const char *p = line; *p != '\0';)
	{
		if (strncmp(p, hidden ? "]]" : "[[", 2) == 0)
		{
			p += 2;
			hidden = !hidden;
			if (hidden)
				append(shown, &shown_len, mask(p), strlen(mask(p)));
		}
		else
		{
			char		c = next_character(&p);

			append(plain, &plain_len, &c, 1);
			if (!hidden)
				append(shown, &shown_len, &c, 1);
		}
	}
	if (ncases == MAX_CASES)
		abort();
	cases[ncases++] = (Case)
	{
		kind, strdup(plain), strdup(shown)
	};
}

static void
read_cases(void)
{
	FILE	   *file = fopen(CASES_FILE, "r");
	CaseKind	kind = SECRET;
	char		line[MAX_TEXT];

	if (file == NULL)
	{
		printf("Bail out! %s cannot be read from here\n", CASES_FILE);
		exit(1);
	}
	while (fgets(line, sizeof(line), file) != NULL)
	{
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "== secret") == 0)
			kind = SECRET;
		else if (strcmp(line, "== unparsed") == 0)
			kind = UNPARSED;
		else if (strcmp(line, "== failed") == 0)
			kind = FAILED;
		else if (strcmp(line, "== harmless") == 0)
			kind = HARMLESS;
		else if (line[0] != '\0' && line[0] != '#')
			add_case(kind, line);
	}
	fclose(file);
}

/* ----------
 * Redacting
 * ----------
 */

/*
 * What is shown of a text, in new memory and with a zero behind it, or NULL if
 * the lengths are wrong.  All memory is of the size that it has to be.
 */
static char *
redact(PgtRedactMode mode, bool standard, Tree tree, const char *from,
	   size_t len)
{
	char	   *text = memcpy(allocate(len), from, len);
	PgtSqlRedaction redaction = {
		.names = &names,
		.mode = mode,
		.standard_strings = standard || mode == PGT_REDACT_FOREIGN,
		.sensitive = tree == A_SECRET,
		.harmless = tree == NO_SECRET,
		.scratch = allocate(len),
	};
	char	   *result = NULL;

	if (pgt_redact_sql_look(&redaction, text, len))
	{
		size_t		size = pgt_redact_sql_write(&redaction, text, len, NULL);
		char	   *shown = allocate(size);

		if (pgt_redact_sql_write(&redaction, text, len, shown) == size &&
			size <= 4 * len + 16)
		{
			result = memcpy(allocate(size + 1), shown, size);
			result[size] = '\0';
		}
		free(shown);
	}
	else
	{
		result = memcpy(allocate(len + 1), text, len);
		result[len] = '\0';
	}
	free(redaction.scratch);
	free(text);
	return result;
}

static char *
redact_all(PgtRedactMode mode, Tree tree, const char *text)
{
	return redact(mode, true, tree, text, strlen(text));
}

/* In one line, so that it can be a test's name */
static const char *
in_a_line(const char *text)
{
	static char line[61];
	size_t		len = 0;

	for (; text[len] != '\0' && len < sizeof(line) - 1; len++)
		line[len] = text[len] < ' ' || text[len] == '#' ? ' ' : text[len];
	line[len] = '\0';
	return line;
}

static void
is_shown(PgtRedactMode mode, Tree tree, const Case *this)
{
	char	   *shown = redact_all(mode, tree, this->plain);

	is(shown == NULL ? "the lengths differ" : shown, this->shown,
	   in_a_line(this->shown));
	free(shown);
}

static void
test_cases(void)
{
	int			count[HARMLESS + 1] = {0};

	for (int i = 0; i < ncases; i++)
	{
		const Case *this = &cases[i];

		Tree		tree = NOTHING;

		/* what is executed, and a role's options */
		if (strstr(this->plain, "EXECUTE q") != NULL ||
			strstr(this->plain, "EXECUTE nosuch") != NULL)
			tree = A_SECRET;
		else if (strncmp(this->plain, "ALTER ROLE password_admin", 25) == 0)
			tree = NO_SECRET;

		count[this->kind]++;
		is_shown(this->kind == UNPARSED ? PGT_REDACT_UNPARSED :
				 this->kind == FAILED ? PGT_REDACT_FAILED :
				 PGT_REDACT_STATEMENT, tree, this);
	}
	ok(count[SECRET] >= 170, "%d statements with secrets", count[SECRET]);
	ok(count[UNPARSED] >= 20 && count[FAILED] >= 4,
	   "%d and %d that fail", count[UNPARSED], count[FAILED]);
	ok(count[HARMLESS] >= 45, "%d without secrets", count[HARMLESS]);
}

/* In pg_stat_activity, the statement of a session that isn't known */
static void
test_foreign(void)
{
	for (int i = 0; i < ncases; i++)
	{
		const Case *this = &cases[i];
		char	   *shown;

		/* whether EXECUTE or a role's options are harmless isn't known */
		if (this->kind == UNPARSED || this->kind == FAILED ||
			(this->kind == HARMLESS &&
			 (strncmp(this->plain, "EXECUTE", 7) == 0 ||
			  strncmp(this->plain, "ALTER ROLE", 10) == 0)))
			continue;
		shown = redact_all(PGT_REDACT_FOREIGN, NOTHING, this->plain);
		if (this->kind == SECRET)
			ok(shown != NULL && strstr(shown, "cr3t") == NULL,
			   "foreign: %s", in_a_line(this->shown));
		else
			is(shown, this->plain, in_a_line(this->plain));
		free(shown);
	}
}

static void
test_ambiguous(void)
{
	/* with the other setting, the string ends elsewhere */
	static const char *const texts[][2] = {
		{"SELECT '\\' AS password, 's3cr3t', ' x'", "SELECT '***'"},
		{"SELECT '\\' AS \"x\", 's3cr3t', ' x'",
		"SELECT '\\' AS \"x\", 's3cr3t', ' x'"},
	};

	for (int i = 0; i < 2; i++)
	{
		char	   *shown = redact_all(PGT_REDACT_FOREIGN, NOTHING, texts[i][0]);

		is(shown, texts[i][1], "a string whose end is not known");
		free(shown);
	}
}

/* Every beginning of every statement, in memory of its size */
static void
test_beginnings(void)
{
	for (int mode = PGT_REDACT_STATEMENT; mode <= PGT_REDACT_UNPARSED; mode++)
	{
		int			failures = 0;
		int			n = 0;

		for (int i = 0; i < ncases; i++)
		{
			for (size_t len = 0; len <= strlen(cases[i].plain); len++)
			{
				char	   *shown = redact((PgtRedactMode) mode, n & 1,
										   NOTHING, cases[i].plain, len);

				n++;
				failures += shown == NULL;
				free(shown);
			}
		}
		ok(failures == 0 && n > 10000, "mode %d: %d beginnings", mode, n);
	}
}

/* What takes long if anything is looked at again and again */
static void
test_time(void)
{
	static const char *const texts[][2] = {
		{"SELECT 1 /*", "password/*"}, {"SELECT '", "password/*"},
		{"", "password/*"}, {"", "password"}, {"SELECT '", "password "},
		{"SELECT '", "password\\"}, {"SELECT '", "password ''"},
		{"SELECT 'password", " "}, {"SELECT '", "://a:"}, {"", "://a:"},
		{"", "password = "}, {"", "password '"}, {"", "'a'\n"},
		{"", "'a' --\n"}, {"'a'", "\n"}, {"'a'", "--\n"}, {"", "$a$"},
		{"", "$a"}, {"$aaaaaaaaaaaaaaaa$", "$aaaaaaaaaaaaaaa"}, {"", "$"},
		{"", "/*"}, {"", "/**/"}, {"", "--"}, {"", "--\n"}, {"", "\""},
		{"", "'"}, {"SELECT E'", "\\"}, {"SELECT E'", "\\x70"},
		{"SELECT '", "alter role "}, {"do ", "$$ password $$"},
		{"do $$", "$a$ password "}, {"SELECT password ", ",1"}, {"", "1"},
		{"", "1e+"}, {"", "("}, {"CREATE SERVER x ", "("}, {"", "a "},
		{"", "pppp"}, {"SELECT '", "tokento"}, {"", "U&\""},
		{"/*", "traceparent='"},
		{"/*", "traceparent=0000000000000000000000000000000000000000"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		char	   *text = allocate(LONG_TEXT);
		size_t		begin_len = strlen(texts[i][0]);
		size_t		part_len = strlen(texts[i][1]);
		char		found[PGT_TRACEPARENT_LEN];
		bool		all = true;
		clock_t		slowest = 0;

		memcpy(text, texts[i][0], begin_len);
		for (size_t at = begin_len; at < LONG_TEXT; at++)
			text[at] = texts[i][1][(at - begin_len) % part_len];
		for (int mode = PGT_REDACT_STATEMENT; mode <= PGT_REDACT_UNPARSED;
			 mode++)
		{
			clock_t		begin = clock();
			char	   *shown = redact((PgtRedactMode) mode, true, NOTHING,
									   text, LONG_TEXT);

			(void) pgt_traceparent_find(text, LONG_TEXT, true, found);
			if (clock() - begin > slowest)
				slowest = clock() - begin;
			all &= shown != NULL;
			free(shown);
		}
		ok(all && slowest * (1000000 / CLOCKS_PER_SEC) < MAX_US,
		   "linear time: %zu, many times '%s'", i, in_a_line(texts[i][1]));
		free(text);
	}
}

/* ----------
 * Names, tokens and trace contexts
 * ----------
 */

/* Names and strings of a text, in bars */
static void
tokens_are(const char *text, const char *expected)
{
	char		scratch[100];
	char		joined[100] = "";
	size_t		len = 0;
	PgtLexer	lexer;
	PgtToken	token;

	pgt_lexer_init(&lexer, text, strlen(text), true);
	for (pgt_lexer_next(&lexer, &token); token.type != PGT_TOKEN_END;
		 pgt_lexer_next(&lexer, &token))
	{
		size_t		value_len;
		const char *value;

		if (token.type < PGT_TOKEN_NAME || token.type > PGT_TOKEN_STRING)
			continue;
		value = pgt_token_value(&token, scratch, &value_len);
		len += (size_t) snprintf(joined + len, sizeof(joined) - len, "%s%.*s",
								 len > 0 ? "|" : "", (int) value_len, value);
	}
	is(joined, expected, "names and strings");
}

static void
test_tokens(void)
{
	tokens_are("a$b$c $1$$x$$ $1", "a$b$c|x");
	tokens_are("a.b\"c\"\"d\"e", "a|b|c\"d|e");
	tokens_are("b'1''0'x'F'", "1|0|F");
	tokens_are("a@--b", "a");
	tokens_are("a/*/**/b*/c", "a|c");
	tokens_are("u&'x' u &'y'", "x|u|y");
	tokens_are("1e5a b", "b");
	tokens_are("a--b\rc", "a|c");
	tokens_are("'a'/**/'b'", "a|b");
	tokens_are("'a'\n/**/'b'", "a|b");
	tokens_are("$a$ $A$ $a$", " $A$ ");
	tokens_are("n'x'E'\\''", "x|'");
}

static void
test_names(void)
{
	static const char *const wrong[] = {"a,", ",a", "a b", "_a", "a;b", "a,,b"};
	PgtSecretNames parsed;
	char		list[300] = "";

	ok(pgt_secret_names_parse("", &parsed) == NULL && parsed.n == 0,
	   "no names");
	ok(pgt_secret_names_parse(" Pin , shoe_size ", &parsed) == NULL &&
	   parsed.n == 2, "two names");
	ok(pgt_secret_names_find(&parsed, "shoeSize", 8) &&
	   pgt_secret_names_find(&parsed, "MY_PIN", 6) &&
	   !pgt_secret_names_find(&parsed, "spinning", 8),
	   "where there is one of them");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(pgt_secret_names_parse(wrong[i], &parsed) != NULL,
		   "no list of names: %s", wrong[i]);

	memset(list, 'x', PGT_SECRET_WORD_LEN);
	ok(pgt_secret_names_parse(list, &parsed) == NULL, "the longest name");
	list[PGT_SECRET_WORD_LEN] = 'x';
	ok(pgt_secret_names_parse(list, &parsed) != NULL, "one that is longer");
	for (int i = 0; i < PGT_SECRET_WORDS; i++)
		memcpy(list + 2 * i, "a,", 2);
	list[2 * PGT_SECRET_WORDS - 1] = '\0';
	ok(pgt_secret_names_parse(list, &parsed) == NULL, "many names");
	strcat(list, ",a");
	ok(pgt_secret_names_parse(list, &parsed) != NULL, "too many");
}

static void
test_traceparent(void)
{
#define VALUE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	static const char *const texts[][2] = {
		{"SELECT 1 /*traceparent='" VALUE "'*/", VALUE},
		{"SELECT 1 -- traceparent: " VALUE, VALUE},
		{"/*traceparent=x,traceparent=" VALUE "*/", VALUE},
		{"SELECT 'traceparent=" VALUE "'", ""},
		{"SELECT 1 /*traceparent='00-0af7'*/", ""},
		{"/*traceparent=" VALUE, VALUE},
		{"/*traceparent", ""},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		size_t		len = strlen(texts[i][0]);
		char	   *text = memcpy(allocate(len), texts[i][0], len);
		char		found[PGT_TRACEPARENT_LEN];
		bool		any = pgt_traceparent_find(text, len, true, found);

		is(found, texts[i][1], "the trace context in comments");
		ok(any == (texts[i][1][0] != '\0'), "and whether there is one");
		free(text);
	}
}

int
main(void)
{
	pgt_secret_names_parse(PGT_SECRET_NAMES_DEFAULT, &names);
	read_cases();
	test_cases();
	test_foreign();
	test_ambiguous();
	test_beginnings();
	test_time();
	test_tokens();
	test_names();
	test_traceparent();
	for (int i = 0; i < ncases; i++)
	{
		free(cases[i].plain);
		free(cases[i].shown);
	}
	return done();
}
