/*
 * reader.h
 *		Reads a trace file, one entry after the other.
 *
 * Where the bytes come from, and where memory does, is up to who uses it: a
 * program with files, pipes and decompressors, or a server's process.  Nothing
 * here exits, prints, or keeps anything outside PgtReader.  Memory is one
 * buffer, as long as the longest entry but no longer than max_size.
 *
 *		PgtReader	reader;
 *		PgtEntry	entry;
 *
 *		pgt_reader_init(&reader, read_file, resize, file, PGT_READER_MAX_SIZE);
 *		while ((result = pgt_reader_next(&reader, &entry)) == PGT_READ_ENTRY)
 *			...
 *		pgt_reader_free(&reader);
 */
#ifndef PGT_PARSE_READER_H
#define PGT_PARSE_READER_H

#include <sys/types.h>

#include "cli/parse/entry.h"

/* Longest entry that is kept whole: PostgreSQL's longest text, and its line */
#define PGT_READER_MAX_SIZE		((size_t) 1200 * 1024 * 1024)

/* Up to size bytes into buffer: their number; 0 at the end, -1 for an error */
typedef ssize_t (*PgtReadBytes) (void *arg, char *buffer, size_t size);

/*
 * As realloc(): another size for the memory, which is NULL at first; a size of
 * 0 frees it.  If there is no more memory, it returns NULL, or doesn't return.
 */
typedef void *(*PgtResize) (void *arg, void *memory, size_t size);

typedef struct PgtReader
{
	/* Who uses it may change these two at any time. */
	bool		growing;		/* what comes after the end is waited for: an
								 * unfinished last entry isn't one yet */
	size_t		max_size;

	/* These are only to be read: where the next entry begins. */
	uint64_t	offset;
	uint64_t	line;

	/* The rest is the reader's own. */
	PgtReadBytes read;
	PgtResize	resize;
	void	   *arg;
	char	   *buffer;
	size_t		size;
	size_t		begin;			/* what isn't read yet: buffer[begin] up to */
	size_t		end;			/* buffer[end - 1] */
	bool		at_end;
	uint64_t	skip;			/* bytes of a text to be passed over, */
	bool		skip_line;		/* and all up to the end of a line */
} PgtReader;

typedef enum PgtReadResult
{
	PGT_READ_ENTRY,
	PGT_READ_END,				/* if growing: so far */
	PGT_READ_FAILED				/* read() or resize() did */
} PgtReadResult;

extern void pgt_reader_init(PgtReader *reader, PgtReadBytes read,
							PgtResize resize, void *arg, size_t max_size);
extern void pgt_reader_free(PgtReader *reader);

/* The next entry; it is valid until the next call. */
extern PgtReadResult pgt_reader_next(PgtReader *reader, PgtEntry *entry);

#endif							/* PGT_PARSE_READER_H */
