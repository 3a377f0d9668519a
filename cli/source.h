/*
 * source.h
 *		One file while a command reads it: its entries, the session that it is
 *		of, and what is wrong with it.
 *
 *		for (int i = 0; i < files.n; i++)
 *		{
 *			if (!pgt_source_open(&source, files.names[i]))
 *				continue;
 *			while (pgt_source_next(&source, &entry))
 *				...
 *			pgt_source_close(&source);
 *		}
 *		return pgt_source_exit_code(answered);
 */
#ifndef PGT_CLI_SOURCE_H
#define PGT_CLI_SOURCE_H

#include "cli/input.h"
#include "cli/model/session.h"

typedef struct PgtSource
{
	PgtInput   *input;
	PgtReader	reader;
	PgtSession	session;		/* up to and with the last entry */
	const char *name;			/* the file's */
	bool		follow;			/* wait for more at the end, until the trace's
								 * end */
	bool		shows_problems; /* the command shows each of them itself */

	/* What was read */
	uint64_t	entries;
	uint64_t	problems;		/* entries that are damaged, or not known */
	uint64_t	unknown_fields;
	uint64_t	first_problem;	/* line */
	char		first_problem_text[128];
} PgtSource;

/* False if it can't be opened, which is said on stderr. */
extern bool pgt_source_open(PgtSource *source, const char *name);

/* The next entry, which the session has taken note of; false at the end. */
extern bool pgt_source_next(PgtSource *source, PgtEntry *entry);

/* Says on stderr what was wrong with the file. */
extern void pgt_source_close(PgtSource *source);

/* The same, saying nothing: only a part of the file was wanted. */
extern void pgt_source_abandon(PgtSource *source);

/* What is wrong with an entry, or NULL */
extern const char *pgt_entry_wrong(const PgtEntry *entry);

/* Something that was asked for could not be read: said elsewhere. */
extern void pgt_source_note_missing(void);

/*
 * The exit code of a command, by what was wrong with all files until now.
 * answered: has it shown anything?
 */
extern int	pgt_source_exit_code(bool answered);

#endif							/* PGT_CLI_SOURCE_H */
