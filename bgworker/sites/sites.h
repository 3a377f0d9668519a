/*
 * sites.h
 *		Where in a program waits start and end: the places for probes.
 *
 * Pure C: knows neither PostgreSQL nor libbpf.  Memory is malloc()ed.
 */
#ifndef PGT_SITES_SITES_H
#define PGT_SITES_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A probe, which shows the state after one store to the wait event. */
typedef struct PgtSite
{
	uint64_t	store_addr;		/* virtual address of the 4-byte store */
	uint64_t	probe_addr;		/* of the instruction to probe, behind it */
	uint64_t	probe_offset;	/* the same in the file, for a uprobe */
	bool		cheap;			/* the kernel emulates that instruction */
	bool		restart;		/* a store that may end a wait went before
								 * without a probe of its own: close what is
								 * open, start anew */
	uint8_t		file_call;		/* the instruction calls such a function: enum
								 * pgt_file_call */
} PgtSite;

/* A probe that only tells what a wait is for. */
typedef struct PgtTargetSite
{
	uint64_t	probe_addr;
	uint64_t	probe_offset;
	bool		cheap;
	uint8_t		file_call;		/* enum pgt_file_call, or enum pgt_entry, or
								 * of a relation PGT_RELATION_CLOSED */
	uint8_t		flags;			/* PGT_SITE_CALL, _RELATION or _ENTRY */
} PgtTargetSite;

/* What an instruction that addresses the variable is there for. */
typedef enum PgtReferenceKind
{
	PGT_REFERENCE_STORE,		/* to load the pointer and store through it */
	PGT_REFERENCE_POINTER,		/* to write the pointer, compare it, or hand
								 * its address on */
	PGT_REFERENCE_UNKNOWN		/* listed among the unknown */
} PgtReferenceKind;

typedef struct PgtReference
{
	uint64_t	addr;
	PgtReferenceKind kind;
	uint64_t	store_addr;		/* the first if there are several, 0 if none */
} PgtReference;

/* A reference, or a store, that couldn't be accounted for. */
typedef struct PgtUnknown
{
	uint64_t	addr;
	const char *reason;			/* constant, in English, no full sentence */
} PgtUnknown;

typedef struct PgtSites
{
	PgtSite    *sites;			/* by probe_offset, each of which is there
								 * once */
	int			nsites;
	int			nexpensive;		/* of these, sites that aren't cheap */
	PgtTargetSite *targets;		/* at other places than sites */
	int			ntargets;
	PgtReference *references;	/* by addr */
	int			nreferences;
	PgtUnknown *unknown;
	int			nunknown;		/* if not 0, some waits may go unseen */

	uint64_t	proof_offset;	/* in the file: where to put uprobes to the
								 * test, 0 if nowhere: see code/known_calls.h */

	int			nstores;		/* sites, superseded, and unknown ones */
	int			nsuperseded;	/* stores that another's probe serves, too */
	int			npointer_writes;	/* references of kind POINTER */
} PgtSites;

/*
 * Find the places in a program or shared library, of any architecture that
 * there is a decoder for.  Returns 0 and *result, or a negative errno, and
 * then in errbuf why, as a sentence without its full stop.  Takes less than
 * 0.1 s for a server and never more than a few seconds, whatever the file
 * contains.
 */
extern int	pgt_sites_find(const char *path, PgtSites **result,
						   char *errbuf, size_t errlen);
extern int	pgt_sites_find_fd(int fd, PgtSites **result,
							  char *errbuf, size_t errlen);

/* NULL is fine. */
extern void pgt_sites_free(PgtSites *sites);

#endif							/* PGT_SITES_SITES_H */
