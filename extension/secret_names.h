/*
 * secret_names.h
 *		The words that a name of something secret has in it.
 *
 * Needs nothing of the server, so that it can be tested outside one.
 */
#ifndef PGT_SECRET_NAMES_H
#define PGT_SECRET_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PGT_SECRET_WORDS	64
#define PGT_SECRET_WORD_LEN	63

#define PGT_SECRET_NAMES_DEFAULT \
	"password, passwd, pwd, pw, pass, passphrase, passcode, secret, token, " \
	"api_key, access_key, private_key, credential, conninfo, identified, " \
	"crypt, hmac"

typedef struct PgtSecretNames
{
	int			n;
	struct
	{
		unsigned char len;
		char		text[PGT_SECRET_WORD_LEN];	/* in lower case */
	}			words[PGT_SECRET_WORDS];
	uint64_t	first[256];		/* which words have this byte as the first */
	uint64_t	second[256];	/* and as the second */
} PgtSecretNames;

typedef enum PgtValueKind
{
	PGT_VALUE_LITERAL,			/* a string in a statement */
	PGT_VALUE_OTHER				/* a comment, a bind, an identifier of work */
} PgtValueKind;

/*
 * Take apart a list, separated by commas.  Returns NULL, or what is wrong with
 * it.
 */
extern const char *pgt_secret_names_parse(const char *list,
										  PgtSecretNames *names);

/*
 * Is there one of the words in this name, or in any name in this text?  Up to 4
 * letters must be a word of the name, up to 7 may as well be the end of one,
 * and more may be anywhere in it.
 */
extern bool pgt_secret_names_find(const PgtSecretNames *names,
								  const char *text, size_t len);

/*
 * Does the value say what is secret: a key with one of the words, and what is
 * assigned to it, or a URI with a password?
 */
extern bool pgt_secret_names_in_value(const PgtSecretNames *names,
									  const char *value, size_t len,
									  PgtValueKind kind);

#endif							/* PGT_SECRET_NAMES_H */
