/*
 * sql_text.h
 *		The text of one statement, in what was sent with it.
 */
#ifndef PGT_SQL_TEXT_H
#define PGT_SQL_TEXT_H

typedef struct PgtSqlText
{
	const char *text;			/* in the string, or for want of one */
	uint32		len;
	uint32		full_len;		/* before it was cut; 0: to the string's end */
	int			location;		/* in the string */
	bool		cut;			/* to pg_trace.max_sql_length */
} PgtSqlText;

/*
 * Find it in query, the client's or function's whole string, or NULL, of which
 * location and len, as in PlannedStmt, name the statement.  What stands for a
 * statement without a text is valid until the next call.
 */
extern void pgt_sql_text_find(PgtSqlText *result, const char *query,
							  int location, int len, uint32 command,
							  uint64 queryid);

/*
 * Where to cut a text of len bytes so that it is no longer than limit: at the
 * end of a character.
 */
extern Size pgt_clip(const char *text, Size len, Size limit);

#endif							/* PGT_SQL_TEXT_H */
