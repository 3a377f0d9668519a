/*
 * groups.c
 *		What times are added up by: the rows of a profile.
 */
#include "postgres_fe.h"
#include "common/logging.h"

#include "cli/commands/groups.h"
#include "cli/model/hash.h"

typedef struct GroupKey
{
	const char *text;
	size_t		len;
	uint64_t	hash;
} GroupKey;

typedef struct GroupEntry
{
	GroupKey	key;
	uint32		hash;
	PgtGroup   *group;
	char		status;
} GroupEntry;

#define SH_PREFIX			keys
#define SH_ELEMENT_TYPE		GroupEntry
#define SH_KEY_TYPE			GroupKey
#define SH_KEY				key
#define SH_HASH_KEY(table, key)	((uint32) (key).hash)
#define SH_EQUAL(table, a, b)	\
	((a).len == (b).len && memcmp((a).text, (b).text, (a).len) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry)	((entry)->hash)
#define SH_RAW_ALLOCATOR	palloc0
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct PgtGroups
{
	keys_hash  *by_key;
	PgtGroup   *last;			/* what was found last */
	size_t		last_len;
	PgtGroup   *others;
	uint64_t	nothers;		/* lookups that ended there */
};

PgtGroups *
pgt_groups_create(void)
{
	PgtGroups  *groups = pg_malloc0(sizeof(PgtGroups));

	groups->by_key = keys_create(64, NULL);
	return groups;
}

static PgtGroup *
new_group(const char *key, size_t len)
{
	PgtGroup   *group = pg_malloc0(sizeof(PgtGroup));

	group->key = pg_malloc(len + 1);
	memcpy(group->key, key, len);
	group->key[len] = '\0';
	return group;
}

PgtGroup *
pgt_groups_find(PgtGroups *groups, const char *text, size_t len)
{
	GroupKey	key = {text, len, 0};
	GroupEntry *found;
	bool		is_there;

	if (groups->last != NULL && groups->last_len == len &&
		memcmp(groups->last->key, text, len) == 0)
		return groups->last;
	key.hash = pgt_hash_text(text, len);
	found = keys_lookup(groups->by_key, key);
	if (found == NULL)
	{
		if (groups->by_key->members >= PGT_GROUPS_MAX)
		{
			if (groups->others == NULL)
				groups->others = new_group("(others)", strlen("(others)"));
			groups->nothers++;
			return groups->others;
		}
		found = keys_insert(groups->by_key, key, &is_there);
		found->group = new_group(text, len);
		found->key.text = found->group->key;
	}
	groups->last = found->group;
	groups->last_len = len;
	return found->group;
}

void
pgt_group_set_label(PgtGroup *group, PgtSpan label)
{
	if (group->label != NULL)
		return;
	group->label = pg_malloc(label.len + 1);
	group->label[pgt_span_unescape(label, group->label)] = '\0';
}

void
pgt_group_add_duration(PgtGroup *group, int64_t us)
{
	int			decade = 0;

	for (int64_t limit = 1; us >= limit && decade < PGT_DECADES - 1; limit *= 10)
		decade++;
	group->decade_counts[decade]++;
	group->decade_sums[decade] += us;
	pgt_histogram_add(&group->durations, us);
}

int64_t
pgt_group_total(const PgtGroup *group)
{
	int64_t		total = 0;

	for (int i = 0; i < PGT_PARTS; i++)
		total += group->parts[i];
	return total;
}

uint64_t
pgt_groups_others(const PgtGroups *groups)
{
	return groups->nothers;
}

/* The longest first; then by name, so that the order is always the same */
static int
compare(const void *a, const void *b)
{
	const PgtGroup *one = *(PgtGroup *const *) a;
	const PgtGroup *other = *(PgtGroup *const *) b;
	int64_t		one_total = pgt_group_total(one);
	int64_t		other_total = pgt_group_total(other);

	if (one_total != other_total)
		return one_total < other_total ? 1 : -1;
	return strcmp(one->key, other->key);
}

/* A group that was only made for its label has nothing to show. */
static bool
has_time(const PgtGroup *group)
{
	for (int i = 0; i < PGT_PARTS; i++)
	{
		if (group->parts[i] != 0)
			return true;
	}
	return group->durations.count > 0 || group->inclusive != 0;
}

int
pgt_groups_sorted(PgtGroups *groups, PgtGroup ***sorted)
{
	keys_iterator iterator;
	GroupEntry *entry;
	int			n = 0;

	*sorted = pg_malloc((groups->by_key->members + 1) * sizeof(PgtGroup *));
	keys_start_iterate(groups->by_key, &iterator);
	while ((entry = keys_iterate(groups->by_key, &iterator)) != NULL)
	{
		if (has_time(entry->group))
			(*sorted)[n++] = entry->group;
	}
	if (groups->others != NULL)
		(*sorted)[n++] = groups->others;
	qsort(*sorted, n, sizeof(PgtGroup *), compare);
	return n;
}
