/*
 * mappings.h
 *		Which files a process has mapped, by /proc/PID/maps.
 */
#ifndef PGT_PROBES_MAPPINGS_H
#define PGT_PROBES_MAPPINGS_H

/* Which file it is, as maps have it: that may differ from stat()'s answer. */
typedef struct PgtFileId
{
	uint64		device;
	uint64		inode;
} PgtFileId;

/* A mapping of a file */
typedef struct PgtMapping
{
	uint64		start;
	PgtFileId	id;
	bool		executable;
	bool		deleted;		/* the name leads to another file, or to none */
	char		name[MAXPGPATH];
} PgtMapping;

/* Receives each mapping of a file.  Returns false to end the reading. */
typedef bool (*PgtMappingCallback) (void *arg, const PgtMapping *mapping);

/*
 * Go through the maps file of that path.  Returns false, with errno, if it
 * can't be opened.
 */
extern bool pgt_mappings_read(const char *path, PgtMappingCallback callback,
							  void *arg);

/* What maps show as the identity of an open file; false if nothing. */
extern bool pgt_mappings_identify(int fd, PgtFileId *id);

#endif							/* PGT_PROBES_MAPPINGS_H */
