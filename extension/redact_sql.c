/*
 * redact_sql.c
 *		What is hidden of a statement's text.
 *
 * A statement is sensitive if one of its names is that of something secret, if
 * one of its strings has such a key or a URI with a password, or by its first
 * words, such as CREATE USER MAPPING.  Then all its constants are hidden and
 * nothing of its structure: which constant is the secret can't be known, it may
 * be far from the name.  Comments are no part of that; one that has such a key
 * is hidden by itself.
 *
 * The string that is the body of DO or CREATE FUNCTION is code in which the
 * same holds, as far as it is written in SQL's quotes.
 *
 * A text is read twice, by the same rules: to find out whether anything is to
 * be hidden, and, if so, to write what remains.
 */
#include <string.h>
#include <strings.h>

#include "extension/redact_sql.h"
#include "extension/sql_lexer.h"

#define WORDS		4
#define WORD_LEN	16

/* Where a token is, seen from the last name of a secret */
typedef enum Place
{
	ELSEWHERE,
	BEHIND_NAME,
	BEHIND_ASSIGNMENT,			/* = or the like follows the name */
	BEHIND_VALUE
} Place;

/* The words that are more than names here */
typedef enum Keyword
{
	NO_KEYWORD,
	BEGINS_STATEMENT,			/* or follows one that does */
	NO_VALUE,
	IS_NULL,
	IS_TO,
	IS_VALUES,
	IS_LANGUAGE,
	IS_UESCAPE,
	IS_EXECUTE
} Keyword;

typedef struct Reader
{
	const PgtSqlRedaction *redaction;
	bool		nested;			/* in the body of a function */
	PgtLexer	lexer;

	/* the statement: its first words, in lower case */
	char		words[WORDS][WORD_LEN];
	int			nwords;
	bool		words_complete;
	bool		is_definition;	/* CREATE or ALTER */
	bool		is_sensitive;	/* whatever the names of its options */
	bool		has_body;		/* a function's, as a string */
	bool		has_settings;	/* whose values need no quotes */
	bool		in_values;		/* of INSERT */

	/* the token, and what it is there for */
	PgtToken	token;
	Keyword		keyword;
	Place		place;
	bool		is_secret_name;
	bool		is_value;		/* a name that is assigned to a secret's */
	bool		is_language;	/* follows LANGUAGE */
	bool		name_seen;		/* a secret's, up to here */
	bool		language_next;
	Place		next_place;
} Reader;

/* ----------
 * The statement's first words
 * ----------
 */

static bool
word_is(const Reader *reader, int i, const char *word)
{
	return i < reader->nwords && strcmp(reader->words[i], word) == 0;
}

static bool
any_word_is(const Reader *reader, int i, const char *const *words)
{
	for (; *words != NULL; words++)
	{
		if (word_is(reader, i, *words))
			return true;
	}
	return false;
}

/* What kind of statement it is, as far as that is known by now */
static void
look_at_words(Reader *reader)
{
	static const char *const roles[] = {"role", "user", "group", NULL};
	static const char *const with_settings[] = {
		"system", "database", "role", "user", "function", "procedure",
		"routine", NULL
	};
	static const char *const with_secrets[] = {"server", "subscription", NULL};
	static const char *const with_body[] = {"function", "procedure", NULL};
	bool		create = word_is(reader, 0, "create");
	bool		alter = word_is(reader, 0, "alter");

	reader->is_definition = create || alter;
	reader->is_sensitive = reader->is_definition &&
		(any_word_is(reader, 1, with_secrets) ||
		 (word_is(reader, 1, "user") && word_is(reader, 2, "mapping")) ||
		 (word_is(reader, 1, "foreign") && word_is(reader, 2, "data")) ||
		 (reader->redaction->mode >= PGT_REDACT_FAILED &&
		  any_word_is(reader, 1, roles)));
	reader->has_body = !reader->nested &&
		(word_is(reader, 0, "do") ||
		 (create && any_word_is(reader, word_is(reader, 1, "or") ? 3 : 1,
								with_body)));
	reader->has_settings = word_is(reader, 0, "set") || reader->has_body ||
		(alter && any_word_is(reader, 1, with_settings));
}

static void
begin_statement(Reader *reader)
{
	reader->nwords = 0;
	reader->words_complete = false;
	reader->in_values = false;
	look_at_words(reader);
}

static void
add_word(Reader *reader)
{
	const PgtToken *token = &reader->token;
	size_t		len = token->end - token->start;
	char	   *word = reader->words[reader->nwords];

	if (token->type != PGT_TOKEN_NAME)
	{
		reader->words_complete = true;
		return;
	}
	if (len >= WORD_LEN)
		len = WORD_LEN - 1;
	for (size_t i = 0; i < len; i++)
	{
		char		c = token->start[i];

		word[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
	word[len] = '\0';
	reader->words_complete = ++reader->nwords == WORDS;
	look_at_words(reader);
}

/* By the first letter, since this is asked of each name */
static Keyword
keyword_of(const PgtToken *token)
{
	if (token->type != PGT_TOKEN_NAME || token->end - token->start > 8)
		return NO_KEYWORD;
	switch (*token->start | 0x20)
	{
		case 'b':
			/* IDENTIFIED BY, a habit from elsewhere */
			return pgt_token_is(token, "begin") ? BEGINS_STATEMENT :
				pgt_token_is(token, "by") ? IS_TO : NO_KEYWORD;
		case 'd':
			return pgt_token_is(token, "default") ? NO_VALUE : NO_KEYWORD;
		case 'e':
			return pgt_token_is(token, "else") ? BEGINS_STATEMENT :
				pgt_token_is(token, "execute") ? IS_EXECUTE : NO_KEYWORD;
		case 'l':
			return pgt_token_is(token, "loop") ? BEGINS_STATEMENT :
				pgt_token_is(token, "language") ? IS_LANGUAGE : NO_KEYWORD;
		case 'n':
			return pgt_token_is(token, "null") ? IS_NULL : NO_KEYWORD;
		case 't':
			return pgt_token_is(token, "then") ? BEGINS_STATEMENT :
				pgt_token_is(token, "to") ? IS_TO : NO_KEYWORD;
		case 'u':
			return pgt_token_is(token, "uescape") ? IS_UESCAPE : NO_KEYWORD;
		case 'v':
			return pgt_token_is(token, "values") ? IS_VALUES : NO_KEYWORD;
		default:
			return NO_KEYWORD;
	}
}

/* Notice where statements begin, in the body of a function, too. */
static void
follow_statement(Reader *reader)
{
	if (reader->keyword == BEGINS_STATEMENT ||
		(reader->token.type == PGT_TOKEN_OTHER && *reader->token.start == ';'))
		begin_statement(reader);
	else if (!reader->words_complete)
		add_word(reader);
	reader->in_values |= reader->keyword == IS_VALUES;
}

/* ----------
 * Tokens
 * ----------
 */

static bool
is_secret_name(const Reader *reader)
{
	const PgtToken *token = &reader->token;
	size_t		len;
	const char *name;

	if (token->type != PGT_TOKEN_NAME && token->type != PGT_TOKEN_QUOTED_NAME)
		return false;
	name = pgt_token_value(token, reader->redaction->scratch, &len);
	return pgt_secret_names_find(reader->redaction->names, name, len);
}

/*
 * Is the name that has been read a value that is assigned?  Settings are given
 * such ones; where a statement failed, its quotes may be missing, or be the
 * wrong ones.
 */
static bool
is_value(const Reader *reader)
{
	const PgtToken *token = &reader->token;
	bool		failed = reader->redaction->mode >= PGT_REDACT_FAILED;

	if ((token->type != PGT_TOKEN_NAME &&
		 token->type != PGT_TOKEN_QUOTED_NAME) ||
		reader->keyword == IS_NULL || reader->keyword == NO_VALUE)
		return false;
	switch (reader->place)
	{
		case BEHIND_NAME:
			if (failed && reader->keyword != IS_TO &&
				(reader->is_definition || reader->has_settings))
				return true;
			break;
		case BEHIND_ASSIGNMENT:
			if (failed || reader->has_settings)
				return true;
			break;
		default:
			break;
	}
	return failed && !reader->is_secret_name &&
		((reader->in_values && reader->keyword != IS_VALUES) ||
		 (token->type == PGT_TOKEN_QUOTED_NAME && reader->name_seen));
}

static Place
next_place(const Reader *reader)
{
	const PgtToken *token = &reader->token;

	if (reader->is_value || token->type == PGT_TOKEN_STRING ||
		token->type == PGT_TOKEN_NUMBER)
		return reader->place != ELSEWHERE ? BEHIND_VALUE : ELSEWHERE;
	if (reader->is_secret_name)
		return BEHIND_NAME;
	if (reader->keyword == IS_TO)
		return reader->place == BEHIND_NAME ? BEHIND_ASSIGNMENT : ELSEWHERE;
	if (token->type != PGT_TOKEN_OTHER)
		return ELSEWHERE;
	switch (*token->start)
	{
		case '=':
		case ':':
		case '>':
			return reader->place == BEHIND_NAME ||
				reader->place == BEHIND_ASSIGNMENT ?
				BEHIND_ASSIGNMENT : ELSEWHERE;
		case '(':
			return reader->place == BEHIND_ASSIGNMENT ||
				(reader->place == BEHIND_NAME &&
				 (reader->is_definition || reader->has_settings)) ?
				BEHIND_ASSIGNMENT : ELSEWHERE;
		case ',':
			return reader->place == BEHIND_VALUE && reader->has_settings ?
				BEHIND_ASSIGNMENT : ELSEWHERE;
	}
	return ELSEWHERE;
}

static void
reader_init(Reader *reader, const PgtSqlRedaction *redaction, bool nested,
			const char *text, size_t len)
{
	memset(reader, 0, sizeof(*reader));
	reader->redaction = redaction;
	reader->nested = nested;
	pgt_lexer_init(&reader->lexer, text, len, redaction->standard_strings);
	reader->lexer.cut_ambiguous = redaction->ambiguous && redaction->sensitive;
}

/* The next token, and what it is there for; false at the end */
static bool
reader_next(Reader *reader)
{
	PgtToken   *token = &reader->token;

	pgt_lexer_next(&reader->lexer, token);
	if (token->type == PGT_TOKEN_COMMENT)
		return true;

	reader->keyword = keyword_of(token);
	follow_statement(reader);
	reader->place = reader->next_place;
	reader->is_language = reader->language_next;
	reader->language_next = reader->keyword == IS_LANGUAGE;
	reader->is_secret_name = is_secret_name(reader);
	reader->is_value = is_value(reader);
	reader->name_seen |= reader->is_secret_name;
	reader->next_place = next_place(reader);
	return token->type != PGT_TOKEN_END;
}

static bool
is_dollar_quoted(const PgtToken *token)
{
	return token->type == PGT_TOKEN_STRING && *token->start == '$';
}

static bool
value_is_secret(const Reader *reader, PgtValueKind kind)
{
	size_t		len;
	const char *value = pgt_token_value(&reader->token,
										reader->redaction->scratch, &len);

	return pgt_secret_names_in_value(reader->redaction->names, value, len,
									 kind);
}

/* ----------
 * Whether anything is to be hidden
 * ----------
 */

/* What can be known of a function's body before its language is */
typedef struct Bodies
{
	PgtSqlRedaction code;		/* if they are SQL */
	bool		has_word;
} Bodies;

static void look(PgtSqlRedaction *redaction, bool nested,
				 const char *text, size_t len);

static void
look_at_body(const Reader *reader, Bodies *bodies)
{
	const PgtToken *token = &reader->token;
	const PgtSecretNames *names = reader->redaction->names;
	size_t		len;
	const char *value = pgt_token_value(token, reader->redaction->scratch,
										&len);

	if (pgt_secret_names_find(names, value, len) ||
		pgt_secret_names_in_value(names, value, len, PGT_VALUE_OTHER))
		bodies->has_word = true;
	if (is_dollar_quoted(token))
		look(&bodies->code, true, token->content,
			 token->content_end - token->content);
	else
		bodies->code.sensitive |= bodies->has_word;
}

static bool
is_other_language(const Reader *reader)
{
	size_t		len;
	const char *name = pgt_token_value(&reader->token,
									   reader->redaction->scratch, &len);

	return !(len == 3 && strncasecmp(name, "sql", 3) == 0) &&
		!(len == 7 && strncasecmp(name, "plpgsql", 7) == 0);
}

/* Does the token make the statement sensitive? */
static bool
is_sensitive(const Reader *reader)
{
	const PgtToken *token = &reader->token;
	PgtRedactMode mode = reader->redaction->mode;

	/* PASSWORD NULL is none */
	if (reader->place == BEHIND_NAME && reader->keyword != IS_NULL)
		return true;
	switch (token->type)
	{
		case PGT_TOKEN_NAME:
			/* escapes by another character aren't understood */
			if (reader->keyword == IS_UESCAPE)
				return true;
			/* what it executes isn't known */
			return mode != PGT_REDACT_STATEMENT && !reader->nested &&
				reader->keyword == IS_EXECUTE;
		case PGT_TOKEN_STRING:
			return reader->is_sensitive ||
				value_is_secret(reader, PGT_VALUE_LITERAL);
		case PGT_TOKEN_OTHER:
			return *token->start == '(' && reader->is_sensitive;
		case PGT_TOKEN_END:
			return mode >= PGT_REDACT_FAILED && reader->is_sensitive;
		default:
			return false;
	}
}

/* Once over the text.  Sets what it finds, and never takes it back. */
static void
look(PgtSqlRedaction *redaction, bool nested, const char *text, size_t len)
{
	Reader		reader;
	Bodies		bodies = {*redaction, false};
	bool		more;

	bodies.code.sensitive = bodies.code.comments = false;
	reader_init(&reader, redaction, nested, text, len);
	do
	{
		more = reader_next(&reader);
		if (reader.token.type == PGT_TOKEN_COMMENT)
			redaction->comments |= value_is_secret(&reader, PGT_VALUE_OTHER);
		else if (reader.is_language && reader.has_body)
			redaction->other_language |= is_other_language(&reader);
		else if (reader.token.type == PGT_TOKEN_STRING && reader.has_body)
			look_at_body(&reader, &bodies);
		else if (!redaction->sensitive)
			redaction->sensitive = is_sensitive(&reader);
	} while (more);
	if (redaction->other_language)
		redaction->sensitive |= bodies.has_word;
	else
	{
		redaction->sensitive |= bodies.code.sensitive;
		redaction->comments |= bodies.code.comments;
	}
	redaction->ambiguous |= reader.lexer.ambiguous || bodies.code.ambiguous;
}

bool
pgt_redact_sql_look(PgtSqlRedaction *redaction, const char *text, size_t len)
{
	redaction->comments = false;
	redaction->ambiguous = false;
	redaction->other_language = false;
	look(redaction, false, text, len);
	if (redaction->mode != PGT_REDACT_FOREIGN)
		redaction->ambiguous = false;
	else if (redaction->ambiguous)
	{
		/* sensitive if it is so with one of the two settings */
		redaction->standard_strings = false;
		look(redaction, false, text, len);
		redaction->standard_strings = true;
	}
	if (redaction->harmless)
		redaction->sensitive = false;
	return redaction->sensitive || redaction->comments;
}

/* ----------
 * What remains
 * ----------
 */

static void
put(char **out, size_t *out_len, const char *text, size_t len)
{
	if (*out != NULL)
	{
		memcpy(*out, text, len);
		*out += len;
	}
	*out_len += len;
}

/* What stands for the token, or NULL if it stays */
static const char *
replacement(const Reader *reader, bool sensitive)
{
	const PgtToken *token = &reader->token;

	if (token->type == PGT_TOKEN_COMMENT)
	{
		if (!reader->redaction->comments ||
			!value_is_secret(reader, PGT_VALUE_OTHER))
			return NULL;
		return *token->start == '-' ? "-- ***" : "/* *** */";
	}
	if (!sensitive)
		return NULL;
	switch (token->type)
	{
		case PGT_TOKEN_STRING:
			return "'***'";
		case PGT_TOKEN_NUMBER:
			return "***";
		case PGT_TOKEN_NAME:
			return reader->is_value ? "***" : NULL;
		case PGT_TOKEN_QUOTED_NAME:
			return reader->is_value ? "\"***\"" : NULL;
		default:
			return NULL;
	}
}

static size_t
write_rest(const PgtSqlRedaction *redaction, bool nested,
		   const char *text, size_t len, char *out)
{
	const char *from = text;
	const char *end = text + len;
	size_t		written = 0;
	Reader		reader;

	reader_init(&reader, redaction, nested, text, len);
	while (reader_next(&reader))
	{
		const PgtToken *token = &reader.token;
		const char *instead;

		if (is_dollar_quoted(token) && !redaction->other_language &&
			reader.has_body)
		{
			size_t		body_len;

			put(&out, &written, from, token->content - from);
			body_len = write_rest(redaction, true, token->content,
								  token->content_end - token->content, out);
			if (out != NULL)
				out += body_len;
			written += body_len;
			from = token->content_end;
			continue;
		}
		instead = replacement(&reader, redaction->sensitive);
		if (instead == NULL)
			continue;
		put(&out, &written, from, token->start - from);
		put(&out, &written, instead, strlen(instead));
		from = token->end;
		if (redaction->mode == PGT_REDACT_UNPARSED &&
			token->type != PGT_TOKEN_COMMENT)
			from = reader.lexer.p = end;
	}
	put(&out, &written, from, end - from);
	return written;
}

size_t
pgt_redact_sql_write(const PgtSqlRedaction *redaction, const char *text,
					 size_t len, char *out)
{
	return write_rest(redaction, false, text, len, out);
}
