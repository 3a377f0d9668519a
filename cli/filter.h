/*
 * filter.h
 *		Options that all commands have: whose entries count, when, and which
 *		zone times are shown in.
 *
 * A context line holds for what follows it in its file, so what counts is what
 * the session is called where the entry stands.
 */
#ifndef PGT_CLI_FILTER_H
#define PGT_CLI_FILTER_H

#include "cli/model/session.h"
#include "cli/options.h"

/* The table of these options; what they set is global to the program. */
extern const PgtOption pgt_filter_options[];

/* Does what the session is called now match?  true if there are no filters. */
extern bool pgt_filter_session(const PgtSession *session);

/* Does a tim= of it lie within --since and so on? */
extern bool pgt_filter_time(const PgtSession *session, int64_t tim);

/* Is it the statement of --sqlid?  id is the number that the sqlid= is. */
extern bool pgt_filter_sql_id(uint64_t id);

/* Is there a filter at all, and one of statements? */
extern bool pgt_filter_is_set(void);
extern bool pgt_filter_has_sql_id(void);

/* ----------
 * Times as people read them
 * ----------
 */

#define PGT_TIME_LEN	64

/*
 * A wall clock's time, in the zone that is asked for, else the file's own:
 * "2026-11-25T13:43:25.696597+00:00"; and the same of a tim=, "-" if there is
 * none.
 */
extern void pgt_time_format(const PgtSession *session, int64_t time_us,
							char text[PGT_TIME_LEN]);
extern void pgt_tim_format(const PgtSession *session, int64_t tim,
						   char text[PGT_TIME_LEN]);

#endif							/* PGT_CLI_FILTER_H */
