/*
 * find_sites.c
 *		How long it takes to find the places to probe in a server.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "bgworker/sites/sites.h"
#include "extension/clock.h"

PG_FUNCTION_INFO_V1(pgt_bench_find_sites);

/* pgt_bench_find_sites(path): ms of CPU time */
Datum
pgt_bench_find_sites(PG_FUNCTION_ARGS)
{
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char		error[256];
	uint64		cpu_ns = pgt_clock_cpu();
	PgtSites   *sites;

	if (pgt_sites_find(path, &sites, error, sizeof(error)) != 0)
		ereport(ERROR, (errmsg("%s", error)));
	cpu_ns = pgt_clock_cpu() - cpu_ns;
	pgt_sites_free(sites);
	PG_RETURN_FLOAT8((double) cpu_ns / NS_IN_MS);
}
