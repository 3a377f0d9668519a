/*
 * unfinished.c
 *		Files whose trace has ended while they could not be written.
 *
 * The disk is full and a session ends: what is left for its file, its last line
 * at least, is kept here and written as soon as that is possible.  If it isn't
 * before the worker ends, its successor completes the file: see leftovers.c.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "bgworker/trace/unfinished.h"
#include "extension/session.h"

static PgtWriter *writers = NULL;	/* [pgt_nsessions] */
static int	nwriters = 0;

bool
pgt_unfinished_add(const PgtWriter *writer)
{
	if (writers == NULL)
		writers = MemoryContextAllocExtended(TopMemoryContext,
											 sizeof(PgtWriter) * pgt_nsessions,
											 MCXT_ALLOC_HUGE);
	if (nwriters >= pgt_nsessions)
		return false;
	writers[nwriters++] = *writer;
	return true;
}

/* Is there nothing more to be done about it? */
static bool
is_done(PgtWriter *writer)
{
	int			nlost;

	if (!pgt_writer_is_due(writer))
		return false;
	if (pgt_writer_can_be_read(writer))
	{
		if (!pgt_writer_flush(writer, &nlost))
			return false;
		ereport(LOG,
				(errmsg("trace file \"%s\", whose trace has ended, could be completed",
						writer->path)));
	}
	pgt_writer_close(writer);
	return true;
}

bool
pgt_unfinished_try(void)
{
	for (int i = nwriters - 1; i >= 0; i--)
	{
		if (is_done(&writers[i]))
			writers[i] = writers[--nwriters];
	}
	return nwriters > 0;
}

bool
pgt_unfinished_has(const char *name)
{
	for (int i = 0; i < nwriters; i++)
	{
		const char *slash = strrchr(writers[i].path, '/');

		if (slash != NULL && strcmp(slash + 1, name) == 0)
			return true;
	}
	return false;
}
