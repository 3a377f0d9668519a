/*
 * parse.c
 *		Finds out of what kind an entry is.
 *
 * By its first letters; lines.c and stars.c read the rest.
 */
#include "cli/parse/fields.h"
#include "cli/parse/lines.h"
#include "cli/parse/parse.h"
#include "bgworker/trace/grammar.h"

typedef void (*ParseLine) (PgtEntry *entry, const char *p, const char *end);

typedef struct Keyword
{
	const char *word;
	uint8_t		len;
	uint8_t		kind;			/* PgtEntryKind */
	char		behind;			/* what stands behind the cursor's number; 0:
								 * there is no number */
	ParseLine	parse;
	uint16_t	size;			/* of its member of PgtEntry.of */
} Keyword;

#define SIZE_OF(member)	sizeof(((PgtEntry *) NULL)->of.member)
#define KEYWORD(word, kind, behind, parse, member) \
	{word, sizeof(word) - 1, kind, behind, parse, SIZE_OF(member)}

/* Those with the same first letter stand together; the frequent ones first. */
static const Keyword keywords[] = {
	KEYWORD(PGT_LINE_BIND, PGT_ENTRY_BIND, '\0', pgt_parse_bind, bind),
	KEYWORD(PGT_STARS, PGT_ENTRY_NOTE, '\0', pgt_parse_stars, stars),
	KEYWORD(PGT_LINE_BINDS " #", PGT_ENTRY_BINDS, ':', NULL, call),
	KEYWORD(PGT_LINE_CLOSE " #", PGT_ENTRY_CLOSE, ':', pgt_parse_call, call),
	KEYWORD(PGT_LINE_EXEC " #", PGT_ENTRY_EXEC, ':', pgt_parse_call, call),
	KEYWORD(PGT_LINE_ERROR " #", PGT_ENTRY_ERROR, ':', pgt_parse_error, error),
	KEYWORD(PGT_LINE_FETCH " #", PGT_ENTRY_FETCH, ':', pgt_parse_call, call),
	KEYWORD("LOB", PGT_ENTRY_LOB, '\0', pgt_parse_lob, call),
	KEYWORD(PGT_LINE_PARSE " #", PGT_ENTRY_PARSE, ':', pgt_parse_call, call),
	KEYWORD(PGT_LINE_CURSOR " #", PGT_ENTRY_CURSOR, '\0', pgt_parse_cursor, cursor_of),
	KEYWORD(PGT_LINE_PARSE_ERROR " #", PGT_ENTRY_PARSE_ERROR, ':',
			pgt_parse_error, error),
	KEYWORD(PGT_LINE_STAT " #", PGT_ENTRY_STAT, '\0', pgt_parse_stat, stat),
	KEYWORD("SORT UNMAP #", PGT_ENTRY_UNMAP, ':', pgt_parse_call, call),
	KEYWORD("UNMAP #", PGT_ENTRY_UNMAP, ':', pgt_parse_call, call),
	KEYWORD(PGT_LINE_WAIT " #", PGT_ENTRY_WAIT, ':', pgt_parse_wait, wait),
	KEYWORD(PGT_LINE_XCTEND " ", PGT_ENTRY_XCTEND, '\0', pgt_parse_xctend, xctend),
};

#define NKEYWORDS	(sizeof(keywords) / sizeof(keywords[0]))

/* What a line of the head begins with, ours and Oracle's */
static const char *const heads[] = {
	PGT_HEAD_FILE, PGT_HEAD_SERVER, PGT_HEAD_VERSION_NUM, PGT_HEAD_SYSTEM,
	PGT_HEAD_NODE, PGT_HEAD_RELEASE, PGT_HEAD_VERSION, PGT_HEAD_MACHINE,
	PGT_HEAD_INSTANCE, PGT_HEAD_DATABASE, PGT_HEAD_USER, PGT_HEAD_NUMBER,
	PGT_HEAD_PID, PGT_HEAD_START, "Oracle Database ", "Build label:",
	"ORACLE_HOME", "CLID:", "Instance number:", "Database unique name:",
	"Database id:", "Redo thread mounted by this instance:",
	"Oracle process number:", "System name:", "Node name:", "Release:",
	"Version:", "Machine:", "Instance name:", "Database name:",
};

/* "Database name: shop", "Release:\t6.1" */
static bool
parse_head(PgtEntry *entry, const char *p, const char *end)
{
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
	{
		size_t		len = strlen(heads[i]);
		size_t		name_len = len;

		if (heads[i][0] != *p || (size_t) (end - p) < len ||
			memcmp(heads[i], p, len) != 0)
			continue;
		while (strchr(": \t", heads[i][name_len - 1]) != NULL)
			name_len--;
		entry->kind = PGT_ENTRY_HEAD;
		entry->of.head.name = pgt_span(p, name_len);
		while (len < (size_t) (end - p) && (p[len] == ' ' || p[len] == '\t'))
			len++;
		entry->of.head.value = pgt_span(p + len, end - p - len);
		return true;
	}
	return false;
}

static bool
is_empty(const char *p, const char *end)
{
	if (p == end || (end - p == 1 && *p == '\r'))
		return true;
	return (TAKE(&p, end, PGT_LINE_SEPARATOR) ||
			TAKE(&p, end, PGT_LINE_END_OF_STMT)) && p == end;
}

/* "12:" behind the "#" of a keyword */
static bool
take_cursor(PgtEntry *entry, const Keyword *keyword, const char **p,
			const char *end)
{
	if (keyword->word[keyword->len - 1] != '#' ||
		keyword->kind == PGT_ENTRY_BIND)
		return true;
	if (!pgt_take_uint64(p, end, &entry->cursor))
		return false;
	entry->has_cursor = true;
	if (keyword->behind == '\0')
		return *p == end || **p == ' ';
	return TAKE(p, end, ":");
}

void
pgt_entry_parse(PgtEntry *entry)
{
	const char *p = entry->raw.at;
	const char *end = pgt_entry_first_end(entry);

	if (is_empty(p, end))
	{
		entry->kind = PGT_ENTRY_EMPTY;
		return;
	}
	for (const Keyword *keyword = keywords; keyword < keywords + NKEYWORDS;
		 keyword++)
	{
		if (keyword->word[0] != *p ||
			!take_text_at(&p, end, keyword->word, keyword->len))
			continue;
		if (!take_cursor(entry, keyword, &p, end))
			break;
		entry->kind = keyword->kind;
		memset(&entry->of, 0, keyword->size);
		if (keyword->kind == PGT_ENTRY_LOB)
			p = entry->raw.at;
		if (keyword->parse != NULL)
			keyword->parse(entry, p, end);
		entry->has_tim = entry->tim != PGT_ENTRY_NO_TIM;
		return;
	}
	entry->has_cursor = false;
	if (!parse_head(entry, entry->raw.at, end))
		entry->kind = PGT_ENTRY_UNKNOWN;
}

bool
pgt_entry_text_len(PgtSpan line, uint64_t *len, bool *has_end)
{
	const char *p = line.at;
	const char *end = p + line.len;
	PgtField	field;

	if (line.len < 6 || p[0] != 'P' || p[1] != 'A')
		return false;
	*has_end = TAKE(&p, end, PGT_LINE_CURSOR " #");
	if (!*has_end && !TAKE(&p, end, PGT_LINE_PARSE_ERROR " #"))
		return false;
	p = memchr(p, *has_end ? ' ' : ':', end - p);
	if (p == NULL)
		return false;
	for (p++; pgt_field_next(&p, end, ' ', &field);)
	{
		const char *digits = field.value.at;

		if (pgt_span_is(field.name, PGT_FIELD_LEN))
			return digits != NULL &&
				pgt_take_uint64(&digits, digits + field.value.len, len);
	}
	return false;
}
