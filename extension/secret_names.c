/*
 * secret_names.c
 *		The words that a name of something secret has in it.
 *
 * Used on names of SQL, and on values, which may hold names of their own: a
 * connection string, JSON, XML, another statement.  After what is found, the
 * search goes on behind the whole name, so that the time is linear in the
 * text's length.
 */
#include <string.h>

#include "extension/secret_names.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool
is_small(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_capital(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_letter(char c)
{
	return is_small(lower(c)) || (unsigned char) c >= 0x80;
}

static bool
is_name(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_quote(char c)
{
	return c == '\'' || c == '"' || c == '$';
}

/* An underscore needn't be there, so anything may be in its place. */
static void
add_to_index(uint64_t *index, char c, int n)
{
	for (int i = 0; i < 256; i++)
	{
		if (c == '_' || lower((char) i) == c)
			index[i] |= UINT64_C(1) << n;
	}
}

const char *
pgt_secret_names_parse(const char *list, PgtSecretNames *names)
{
	const char *p = list;

	memset(names, 0, sizeof(*names));
	while (is_space(*p))
		p++;
	if (*p == '\0')
		return NULL;
	for (;; p++)
	{
		char	   *word;
		int			len = 0;

		if (names->n == PGT_SECRET_WORDS)
			return "There may be up to 64 names.";
		word = names->words[names->n].text;
		while (is_space(*p))
			p++;
		for (; is_name(*p); p++)
		{
			if (len == PGT_SECRET_WORD_LEN)
				return "A name may have up to 63 bytes.";
			word[len++] = lower(*p);
		}
		while (is_space(*p))
			p++;
		if (len == 0 || word[0] == '_' || (*p != ',' && *p != '\0'))
			return "Names have letters, digits and underscores, begin with a letter or digit, and are separated by commas.";
		names->words[names->n].len = len;
		add_to_index(names->first, word[0], names->n);
		add_to_index(names->second, len > 1 ? word[1] : '_', names->n);
		names->n++;
		if (*p == '\0')
			return NULL;
	}
}

/* ----------
 * Names
 * ----------
 */

/* Does a word of a name end, or begin, in front of text[i]? */
static bool
is_boundary(const char *text, size_t len, size_t i)
{
	return i == 0 || i >= len ||
		!is_letter(text[i - 1]) || !is_letter(text[i]) ||
		(is_small(text[i - 1]) && is_capital(text[i]));
}

/* Where the word at text[i] ends, or 0 if it isn't there. */
static size_t
match_word(const char *word, size_t word_len,
		   const char *text, size_t len, size_t i)
{
	for (size_t k = 0; k < word_len; k++)
	{
		if (i < len && lower(text[i]) == word[k])
			i++;
		else if (word[k] == '_' && i < len && text[i] == '-')
			i++;
		else if (word[k] != '_')	/* apikey is as good as api_key */
			return 0;
	}
	return i;
}

/* Where the word that counts at text[i] ends, or 0 if there is none. */
static size_t
match_any(const PgtSecretNames *names, const char *text, size_t len,
		  size_t i, uint64_t candidates)
{
	for (; candidates != 0; candidates &= candidates - 1)
	{
		int			n = __builtin_ctzll(candidates);
		size_t		word_len = names->words[n].len;
		size_t		end = match_word(names->words[n].text, word_len,
									 text, len, i);

		if (end == 0)
			continue;
		if (word_len >= 8 ||
			((is_boundary(text, len, end) ||
			  (lower(text[end]) == 's' && is_boundary(text, len, end + 1))) &&
			 (word_len > 4 || is_boundary(text, len, i))))
			return end;
	}
	return 0;
}

/* The next name with one of the words, from text[*i] on; *i is behind it. */
static bool
find_name(const PgtSecretNames *names, const char *text, size_t len, size_t *i)
{
	for (; *i < len; (*i)++)
	{
		uint64_t	candidates = names->first[(unsigned char) text[*i]];
		size_t		end;

		if (candidates != 0 && *i + 1 < len)
			candidates &= names->second[(unsigned char) text[*i + 1]];
		if (candidates == 0)
			continue;
		end = match_any(names, text, len, *i, candidates);
		if (end > 0)
		{
			*i = end;
			while (*i < len && is_name(text[*i]))
				(*i)++;
			return true;
		}
	}
	return false;
}

bool
pgt_secret_names_find(const PgtSecretNames *names, const char *text,
					  size_t len)
{
	size_t		i = 0;

	return find_name(names, text, len, &i);
}

/* ----------
 * Values
 * ----------
 */

/* Is the value as a whole something like a key? */
static bool
is_path(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (!is_name(value[i]) && (value[i] == '\0' ||
								   strchr(".-$/{},[]", value[i]) == NULL))
			return false;
	}
	return true;
}

/* The word at *p, which is behind it and the space that follows then */
static bool
skip_word(const char **p, const char *end, const char *word)
{
	const char *q = *p;

	while (*word != '\0' && q < end && lower(*q) == *word)
		q++, word++;
	if (*word != '\0' || (q < end && is_name(*q)))
		return false;
	while (q < end && is_space(*q))
		q++;
	*p = q;
	return true;
}

/*
 * Is it a statement that sets passwords or the like?  Then the password may be
 * what is appended to it.
 */
static bool
is_statement(const char *value, size_t len)
{
	static const char *const objects[] = {
		"role", "user", "group", "server", "foreign", "subscription",
		"system", "database"
	};
	const char *p = value;
	const char *end = value + len;

	while (p < end && is_space(*p))
		p++;
	if (!skip_word(&p, end, "alter") && !skip_word(&p, end, "create"))
		return false;
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
	{
		if (skip_word(&p, end, objects[i]))
			return true;
	}
	return false;
}

/* Does a quoted string begin at p, perhaps with letters in front of it? */
static bool
is_string(const char *p, const char *end)
{
	if (p < end && *p == '(')
		for (p++; p < end && is_space(*p); p++)
			;
	if (p < end && is_quote(*p))
		return true;
	if (end - p > 1 && strchr("eEbBxXnN", *p) != NULL && *p != '\0')
		return p[1] == '\'';
	return end - p > 2 && lower(*p) == 'u' && p[1] == '&' && is_quote(p[2]);
}

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (is_space(*p) || *p == '\\'))
		p++;
	return p;
}

/* Is what stands behind the name, from p on, something that is assigned? */
static bool
is_assigned(const char *p, const char *end, PgtValueKind kind)
{
	const char *start = p;

	if (p < end && *p == '>')	/* <password> */
		return true;
	if (end - p > 2 && *p == '%' && p[1] == '3' &&
		(lower(p[2]) == 'd' || lower(p[2]) == 'a'))
		return true;			/* = or : in a URI */
	p = skip_space(p, end);
	if (p == end)				/* something is appended */
		return kind == PGT_VALUE_LITERAL && p > start;
	if (is_quote(*p) && (p == start || p[-1] == '\\'))
	{
		/* it ends the name, or begins a value */
		p++;
		if (p < end && is_name(*p))
			return true;
		p = skip_space(p, end);
		if (p == end)
			return false;
	}
	if (*p == '=' || *p == ':' || is_string(p, end))
		return true;
	if (p == start)
		return false;
	if (*p == '%')				/* format() */
		return true;
	if (end - p > 1 && ((*p == '/' && p[1] == '*') || (*p == '-' && p[1] == '-')))
		return true;
	return skip_word(&p, end, "to") && is_string(p, end);
}

/* scheme://user:password@ */
static bool
has_uri_password(const char *value, size_t len)
{
	const char *p = value;
	const char *end = value + len;

	while ((p = memchr(p, ':', end - p)) != NULL)
	{
		bool		colon = false;

		if (end - p < 3 || p[1] != '/' || p[2] != '/')
		{
			p++;
			continue;
		}
		for (p += 3; p < end && !is_space(*p) && strchr("/?#'\"", *p) == NULL;
			 p++)
		{
			if (*p == '@' && colon)
				return true;
			colon |= *p == ':';
		}
	}
	return false;
}

bool
pgt_secret_names_in_value(const PgtSecretNames *names, const char *value,
						  size_t len, PgtValueKind kind)
{
	size_t		i = 0;
	bool		whole = kind == PGT_VALUE_LITERAL &&
		(is_statement(value, len) || (len < 256 && is_path(value, len)));

	if (has_uri_password(value, len))
		return true;
	while (find_name(names, value, len, &i))
	{
		if (whole || is_assigned(value + i, value + len, kind))
			return true;
	}
	return false;
}
