/*
 * attach.h
 *		Attaches one kind of probes to a process, or to all.
 */
#ifndef PGT_PROBES_ATTACH_H
#define PGT_PROBES_ATTACH_H

#include "bgworker/probes/files.h"
#include "bgworker/probes/kinds.h"
#include "bgworker/probes/program.h"

/* The links to a file that are for all processes */
typedef struct PgtCommonLinks
{
	int		   *links;
	int			nlinks;
} PgtCommonLinks;

typedef struct PgtAttacher
{
	const PgtProgram *program;
	PgtProbeFiles *files;
	int			closer;
	uint8		number;			/* of the common links, PGT_COOKIE_NUMBER */
	PgtCommonLinks common[PGT_MAX_PROBE_FILES];
} PgtAttacher;

/* A process, and what is attached to it alone */
typedef struct PgtAttachment
{
	PgtProbedProcess process;
	uint64		cookie;			/* PGT_COOKIE of its session */
	uint8		number;			/* of the links, PGT_COOKIE_NUMBER */
	int			watchpoint;		/* link, -1 is none */
	int			links[PGT_MAX_PROBE_FILES]; /* the same */
} PgtAttachment;

extern void pgt_attacher_open(PgtAttacher *attacher,
							  const PgtProgram *program);

/* The caller has detached everything. */
extern void pgt_attacher_close(PgtAttacher *attacher);

/* An attachment to nothing */
extern void pgt_attachment_init(PgtAttachment *attachment);

/*
 * Attach probes of a kind to a process, for uprobes in the files in mask that
 * have sites and aren't attached to yet.  Returns 0 or a negative errno, and
 * then perhaps some are attached.
 */
extern int	pgt_attach(PgtAttacher *attacher, PgtAttachment *attachment,
					   enum pgt_probe probe, uint32 mask);

/* A negative errno of these in words; valid until the next call */
extern const char *pgt_attach_explain(int rc);

/* Detach them, but for links that are for all processes. */
extern void pgt_detach(PgtAttacher *attacher, PgtAttachment *attachment,
					   enum pgt_probe probe);

/* Detach links that are for all processes. */
extern void pgt_detach_common(PgtAttacher *attacher);

#endif							/* PGT_PROBES_ATTACH_H */
