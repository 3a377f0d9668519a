/*
 * profile.h
 *		A response-time profile: what its figures are, for profile.c, which
 *		collects them, and profile_print.c, which prints them.
 */
#ifndef PGT_COMMANDS_PROFILE_H
#define PGT_COMMANDS_PROFILE_H

#include "cli/commands/call_tree.h"
#include "cli/commands/groups.h"
#include "cli/commands/keys.h"

/* A single long wait, or execution */
typedef struct PgtWorst
{
	int64_t		us;
	const PgtGroup *group;
	const char *file;
	uint64_t	line;
	char		time[48];		/* when it began */
	char		session[48];
} PgtWorst;

#define PGT_WORST_MAX	1000

typedef struct PgtProfile
{
	const PgtKey *key;
	PgtGroups  *groups;
	PgtCatalog *catalog;
	PgtCallTree tree;			/* by statement: of the calls */

	int64_t		think_us;		/* a wait for the client that long is think
								 * time */
	int64_t		top;			/* rows to show, 0: all */
	int64_t		nworst;			/* of these: */
	PgtWorst	worst[PGT_WORST_MAX];	/* a heap, the shortest first */
	int			worst_there;

	/* What has been read */
	int			files;
	int			left_out;		/* files of parallel workers */
	int64_t		interval;		/* traced time, of all files */
	int64_t		think_time;		/* waits for the client, of think_us or longer */
	bool		has_times;
	char		first_time[64];
	char		last_time[64];
	PgtFlowDoubts doubts;
	uint64_t	lost;			/* lines that say that something is missing */
	int			incomplete;		/* files without an end */
} PgtProfile;

/* False if there is nothing to print. */
extern bool pgt_profile_print(PgtProfile *profile, int histograms);

#endif							/* PGT_COMMANDS_PROFILE_H */
