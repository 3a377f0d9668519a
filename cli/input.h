/*
 * input.h
 *		The files that a command reads.
 *
 * A name is that of a file, of a directory, which stands for the trace files in
 * it, or "-" for the standard input.  Contents may be compressed by gzip or
 * zstd: their first bytes tell.
 */
#ifndef PGT_CLI_INPUT_H
#define PGT_CLI_INPUT_H

#include "cli/parse/reader.h"

/* The files that the arguments stand for, in order */
typedef struct PgtFiles
{
	char	  **names;
	int			n;
} PgtFiles;

/* Says on stderr which directories have no trace files. */
extern void pgt_files_find(PgtFiles *files, char **arguments, int n);
extern void pgt_files_free(PgtFiles *files);

typedef struct PgtInput PgtInput;

/* NULL if it can't be opened, which is said on stderr. */
extern PgtInput *pgt_input_open(const char *name);
extern void pgt_input_close(PgtInput *input);
extern const char *pgt_input_name(const PgtInput *input);

/* Prepare a reader of it. */
extern void pgt_input_reader(PgtInput *input, PgtReader *reader);

/*
 * Why reading has ended before the input's end, for a PGT_READ_FAILED, or an end
 * in the middle of compressed data; NULL if it hasn't.
 */
extern const char *pgt_input_problem(const PgtInput *input);

/* Bytes of the file that were read, and that it has; 0: not known */
extern void pgt_input_progress(const PgtInput *input, uint64_t *done,
							   uint64_t *total);

/* Wait until a growing file may have grown; false: it won't, or ^C. */
extern bool pgt_input_wait(PgtInput *input);

#endif							/* PGT_CLI_INPUT_H */
