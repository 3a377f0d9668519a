/*
 * catalog.h
 *		The statements and wait events that all files of a run have in common.
 *
 * Memory is that of the distinct ones, by palloc(), which programs have as well:
 * in a server's process, in the context that is current when something is noted.
 */
#ifndef PGT_MODEL_CATALOG_H
#define PGT_MODEL_CATALOG_H

#include "cli/parse/entry.h"

/* Distinct texts of a statement that are told apart */
#define PGT_STATEMENT_TEXTS		16

typedef struct PgtStatement
{
	uint64_t	id;				/* the number that its sqlid is, key together
								 * with */
	uint64_t	text_id;		/* if texts are told apart: hash of its text,
								 * else 0 */
	char		sqlid[16];		/* "" if it has none */
	int64_t		queryid;
	char	   *text;			/* the first one, maybe cut; ends with 0 */
	uint64_t	text_len;		/* of it as it is here, without the 0 */
	uint64_t	full_len;		/* of the whole text */
	int64_t		oct;
	int64_t		uid;			/* of whom it was first seen */
	int64_t		dep;			/* where it was first seen */
	int			texts;			/* how many texts it stands for: if that is
								 * PGT_STATEMENT_TEXTS, at least so many */
	uint64_t	text_hashes[PGT_STATEMENT_TEXTS];
	int			number;			/* from 0, in the order of appearance */
	void	   *figures;		/* whatever a command keeps for it, NULL at
								 * first */
} PgtStatement;

typedef struct PgtEvent
{
	char	   *name;			/* as in the file: with "LWLock: " */
	char	   *type;			/* "" in Oracle's files */
	bool		is_client;		/* it waits for the client: ClientRead,
								 * SQL*Net message from client */
	bool		is_tracer;		/* for pg_trace's worker */
	bool		is_cpu;			/* for a CPU: CPU run queue */
	int			number;			/* from 0 */
	void	   *figures;		/* as above */
} PgtEvent;

typedef struct PgtCatalog PgtCatalog;

/*
 * exact_text: statements with the same query identifier but other texts are
 * others.  Of a text, max_text bytes are kept.
 */
extern PgtCatalog *pgt_catalog_create(bool exact_text, uint64_t max_text);
extern void pgt_catalog_free(PgtCatalog *catalog);

/* The statement of a PARSING IN CURSOR or PARSE ERROR */
extern PgtStatement *pgt_catalog_statement(PgtCatalog *catalog,
										   const PgtEntry *entry);

/* What stands for those whose text isn't in the file, and for cursor #0 */
extern PgtStatement *pgt_catalog_unknown(PgtCatalog *catalog);
extern PgtStatement *pgt_catalog_none(PgtCatalog *catalog);

/* The event of a WAIT */
extern PgtEvent *pgt_catalog_event(PgtCatalog *catalog, PgtSpan nam,
								   PgtSpan type);

/* All of them, by number */
extern int	pgt_catalog_statements(PgtCatalog *catalog,
								   PgtStatement ***statements);
extern int	pgt_catalog_events(PgtCatalog *catalog, PgtEvent ***events);

#endif							/* PGT_MODEL_CATALOG_H */
