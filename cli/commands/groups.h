/*
 * groups.h
 *		What times are added up by: the rows of a profile.
 *
 * Memory is that of the groups, of which there are PGT_GROUPS_MAX at the most.
 * What would be one more goes to a group of the others, which says how many.
 */
#ifndef PGT_COMMANDS_GROUPS_H
#define PGT_COMMANDS_GROUPS_H

#include "cli/model/catalog.h"
#include "cli/model/histogram.h"

#define PGT_GROUPS_MAX	65536

/* What a time is, apart from whose */
typedef enum PgtPart
{
	PGT_PART_CPU,
	PGT_PART_WAIT,
	PGT_PART_CLIENT,			/* waits for the client */
	PGT_PART_RUN_QUEUE,
	PGT_PART_TRACER,
	PGT_PART_PROTOCOL,			/* what no call has of the work for the client */
	PGT_PART_REST_WITHIN,		/* unaccounted for within calls; may be
								 * negative */
	PGT_PART_REST_BETWEEN,		/* and between calls */
	PGT_PARTS
} PgtPart;

/* 0, below 10 us, below 100 us, ... */
#define PGT_DECADES		13

typedef struct PgtGroup
{
	char	   *key;
	uint64_t	hash;
	bool		is_think;		/* the client's think time */
	char	   *label;			/* what is known of it besides; may be NULL */
	int64_t		parts[PGT_PARTS];
	int64_t		inclusive;		/* of a statement: with the calls below */
	PgtStatement *statement;	/* if it is one */
	PgtHistogram durations;
	uint64_t	decade_counts[PGT_DECADES];
	int64_t		decade_sums[PGT_DECADES];
} PgtGroup;

typedef struct PgtGroups PgtGroups;

extern PgtGroups *pgt_groups_create(void);

/* The group of that key, which is made if there is none */
extern PgtGroup *pgt_groups_find(PgtGroups *groups, const char *key,
								 size_t len);
extern void pgt_group_set_label(PgtGroup *group, PgtSpan label);

/* A single duration, for count, percentiles and histogram */
extern void pgt_group_add_duration(PgtGroup *group, int64_t us);

extern int64_t pgt_group_total(const PgtGroup *group);

/* All that have any time, the longest first; how many there are */
extern int	pgt_groups_sorted(PgtGroups *groups, PgtGroup ***sorted);

/* How many keys the group of the others stands for */
extern uint64_t pgt_groups_others(const PgtGroups *groups);

#endif							/* PGT_COMMANDS_GROUPS_H */
