/*
 * guc.c
 *		The settings pg_trace.*
 *
 * Read by the hooks (what a session traces), by the SQL functions (what a new
 * trace includes) and by the worker (where it writes).  guc_define.c gives
 * them their names and limits.
 */
#include "postgres.h"

#include "extension/guc.h"

bool		pgt_enabled = false;
bool		pgt_session = false;
Oid			pgt_session_owner = InvalidOid;
bool		pgt_waits = true;
bool		pgt_binds = true;
bool		pgt_cpu = true;
int			pgt_plan_stat = PGT_PLAN_STAT_FIRST;
int			pgt_node_timing = PGT_NODE_TIMING_SAMPLED;
bool		pgt_node_waits = true;
int			pgt_max_bind_length = 4096;
int			pgt_max_sql_length = 1024 * 1024;
int			pgt_attach_timeout = 200;
int			pgt_on_overflow = PGT_OVERFLOW_WAIT;
int			pgt_wait_probe = PGT_WAIT_PROBE_AUTO;
int			pgt_queue_size = 1024;
int			pgt_ring_buffer_size = 16384;
int			pgt_max_sessions = 64;
int			pgt_superuser_reserved_sessions = 3;
int			pgt_max_file_size = 1024;
int			pgt_max_files_per_role = 1000;
int			pgt_max_total_size = 10 * 1024;
int			pgt_retention = 0;
int			pgt_min_free_space = 1024;
int			pgt_compression = PGT_COMPRESSION_OFF;
int			pgt_debug_adaptive_time = 60000;
char	   *pgt_output_directory = NULL;
char	   *pgt_debug_failing_probes = NULL;
char	   *pgt_tracefile_identifier = NULL;
char	   *pgt_client_id = NULL;
char	   *pgt_module = NULL;
char	   *pgt_action = NULL;

/*
 * The cursor of the innermost call that is open, and where its text is in the
 * string that the client has sent.  They are settings only so that they travel
 * to parallel workers with the others when these are launched.
 */
int			pgt_leader_cursor = 0;
int			pgt_leader_location = 0;
int			pgt_leader_length = 0;

const struct config_enum_entry pgt_plan_stat_options[] = {
	{"never", PGT_PLAN_STAT_NEVER, false},
	{"first_execution", PGT_PLAN_STAT_FIRST, false},
	{"adaptive", PGT_PLAN_STAT_ADAPTIVE, false},
	{"all_executions", PGT_PLAN_STAT_ALL, false},
	{NULL, 0, false}
};

void
pgt_guc_pass_to_workers(void)
{
	static const char *const names[] = {
		"pg_trace.leader_cursor",
		"pg_trace.leader_location",
		"pg_trace.leader_length"
	};

	for (int i = 0; i < (int) lengthof(names); i++)
		SetConfigOption(names[i], "0", PGC_USERSET, PGC_S_OVERRIDE);
}

const char *
pgt_plan_stat_name(int plan_stat)
{
	for (int i = 0; pgt_plan_stat_options[i].name != NULL; i++)
	{
		if (pgt_plan_stat_options[i].val == plan_stat)
			return pgt_plan_stat_options[i].name;
	}
	return "unknown";
}

int
pgt_plan_stat_parse(const char *name)
{
	for (int i = 0; pgt_plan_stat_options[i].name != NULL; i++)
	{
		if (pg_strcasecmp(pgt_plan_stat_options[i].name, name) == 0)
			return pgt_plan_stat_options[i].val;
	}
	return -1;
}
