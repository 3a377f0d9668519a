/*
 * accounts.h
 *		What doesn't add up in a trace: for check.c.
 */
#ifndef PGT_COMMANDS_ACCOUNTS_H
#define PGT_COMMANDS_ACCOUNTS_H

#include "cli/source.h"

typedef struct PgtAccounts PgtAccounts;

/* The source must stay.  Problems are said by pgt_check_say(). */
extern PgtAccounts *pgt_accounts_create(const PgtSource *source);
extern void pgt_accounts_note(PgtAccounts *accounts, const PgtEntry *entry);

/* At the end of the file; frees it. */
extern void pgt_accounts_finish(PgtAccounts *accounts);

/* In check.c: a problem of a line */
extern void pgt_check_say(const PgtSource *source, uint64_t line,
						  const char *format,...)
			__attribute__((format(printf, 3, 4)));

#endif							/* PGT_COMMANDS_ACCOUNTS_H */
