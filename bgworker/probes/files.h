/*
 * files.h
 *		The files in which waits are reported: the server, and libraries.
 */
#ifndef PGT_PROBES_FILES_H
#define PGT_PROBES_FILES_H

#include "bgworker/sites/sites.h"

/* What is known of processes' files is a bit mask. */
#define PGT_MAX_PROBE_FILES	32

/* The server's executable is always the first. */
#define PGT_SERVER_FILE		0

/*
 * A file that reports waits.  It stays open, so that it can be attached to
 * whatever has become of its name.
 */
typedef struct PgtProbeFile
{
	char		name[MAXPGPATH];	/* where it was found */
	char		problem[192];	/* why waits may go unseen in it, or "" */
	PgtSites   *sites;			/* NULL: it can't be attached to */
	int			nprobes;		/* sites and target sites */
	uint64_t   *offsets;		/* of the probes, in the file */
	uint64_t   *flags;			/* of the probes, for their cookies */
	char		path[64];		/* to attach by */

	/* probes/files.c's */
	int			fd;
	uint64		device;
	uint64		inode;
	bool		deleted;		/* had no name any more when it was met */
} PgtProbeFile;

typedef struct PgtProbeFiles PgtProbeFiles;

/* Finds the sites of the executable; if that fails, its problem says why. */
extern PgtProbeFiles *pgt_probe_files_open(void);
extern void pgt_probe_files_close(PgtProbeFiles *files);

/*
 * The files that process pid has mapped, as a mask, the server's included.
 * Libraries that weren't met before are analysed, which takes some 10 ms each.
 * Those that can't be attached to are in the mask as well.
 */
extern uint32 pgt_probe_files_of(PgtProbeFiles *files, int pid);

/* Those that each process of the server has mapped, whatever it does */
extern uint32 pgt_probe_files_inherited(const PgtProbeFiles *files);

/* i is a bit's number in a mask. */
extern const PgtProbeFile *pgt_probe_file(const PgtProbeFiles *files, int i);

#endif							/* PGT_PROBES_FILES_H */
