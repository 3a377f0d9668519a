/*
 * kinds.c
 *		What all that deals with probes has in common.
 */
#include "postgres.h"

#include "bgworker/probes/kinds.h"

static const char *const names[] = {
	[PGT_PROBE_NONE] = "none",
	[PGT_PROBE_UPROBE] = "uprobe",
	[PGT_PROBE_UPROBE_SHARED] = "uprobe_shared",
	[PGT_PROBE_PERF_UPROBE] = "perf_uprobe",
	[PGT_PROBE_WATCHPOINT] = "watchpoint",
};

const char *
pgt_probe_name(enum pgt_probe probe)
{
	return names[probe];
}

bool
pgt_probe_is_common(enum pgt_probe probe)
{
	return probe == PGT_PROBE_UPROBE_SHARED || probe == PGT_PROBE_PERF_UPROBE;
}
