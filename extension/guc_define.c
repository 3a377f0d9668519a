/*
 * guc_define.c
 *		Defines the settings pg_trace.*, and checks and assigns their values.
 *
 * Whatever starts or stops tracing isn't done here: an assign hook must not
 * fail, so it only makes the next executor, planner or utility hook look
 * (pgt_trace_recheck).
 */
#include "postgres.h"

#include <limits.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "extension/activation.h"
#include "extension/compat.h"
#include "extension/guc.h"
#include "extension/guc_define.h"
#include "extension/record.h"
#include "extension/redact.h"
#include "extension/secret_names.h"
#include "extension/server_folders.h"

static char *redact_names = NULL;	/* as redact.c has them */

static const struct config_enum_entry node_timing_options[] = {
	{"off", PGT_NODE_TIMING_OFF, false},
	{"sampled", PGT_NODE_TIMING_SAMPLED, false},
	{"exact", PGT_NODE_TIMING_EXACT, false},
	{NULL, 0, false}
};

static const struct config_enum_entry on_overflow_options[] = {
	{"wait", PGT_OVERFLOW_WAIT, false},
	{"discard", PGT_OVERFLOW_DISCARD, false},
	{NULL, 0, false}
};

static const struct config_enum_entry wait_probe_options[] = {
	{"auto", PGT_WAIT_PROBE_AUTO, false},
	{"uprobe", PGT_WAIT_PROBE_UPROBE, false},
	{"watchpoint", PGT_WAIT_PROBE_WATCHPOINT, false},
	{"off", PGT_WAIT_PROBE_OFF, false},
	{"uprobe_process", PGT_WAIT_PROBE_UPROBE_PROCESS, true},
	{"uprobe_shared", PGT_WAIT_PROBE_UPROBE_SHARED, true},
	{"perf_uprobe", PGT_WAIT_PROBE_PERF_UPROBE, true},
	{NULL, 0, false}
};

static const struct config_enum_entry compression_options[] = {
	{"off", PGT_COMPRESSION_OFF, false},
	{"zstd", PGT_COMPRESSION_ZSTD, false},
	{NULL, 0, false}
};

static void
assign_recheck(bool newval pg_attribute_unused(),
			   void *extra pg_attribute_unused())
{
	pgt_trace_recheck();
}

/*
 * A role that was granted SET on pg_trace.session isn't limited to what a
 * superuser has made of it, so what it traces thereby is its own, with the
 * limits that this has.
 */
static bool
check_session(bool *newval, void **extra,
			  GucSource source pg_attribute_unused())
{
	Oid			role;

	if (!*newval || !IsTransactionState() || !OidIsValid(MyDatabaseId))
		return true;
	role = GetUserId();
	if (superuser_arg(role) ||
		pg_parameter_aclcheck("pg_trace.session", role,
							  ACL_SET) != ACLCHECK_OK)
		return true;
	*extra = pgt_guc_malloc(sizeof(Oid));
	if (*extra == NULL)
		return false;
	*(Oid *) *extra = role;
	return true;
}

static void
assign_session(bool newval, void *extra)
{
	pgt_session_owner = extra != NULL ? *(Oid *) extra : InvalidOid;
	assign_recheck(newval, extra);
}

/*
 * A parallel worker that runs no query, but builds an index, say, meets no
 * hook at which its trace could begin.  So it looks as soon as it has this
 * setting of its leader's; it holds no locks then.
 */
static void
assign_leader_cursor(int newval, void *extra pg_attribute_unused())
{
	if (newval == 0 || !IsParallelWorker())
		return;
	pgt_leader_cursor = newval;
	pgt_trace_look();
}

/* Both sizes become powers of two; a ring buffer map must be one. */
static bool
check_power_of_two_kb(int *newval, void **extra pg_attribute_unused(),
					  GucSource source pg_attribute_unused())
{
	if ((*newval & (*newval - 1)) != 0)
	{
		GUC_check_errdetail("The value must be a power of two times 1 kB.");
		return false;
	}
	return true;
}

static bool
check_output_directory(char **newval, void **extra pg_attribute_unused(),
					   GucSource source pg_attribute_unused())
{
	if (**newval == '\0' || strlen(*newval) > MAXPGPATH / 2)
	{
		GUC_check_errdetail("The directory's name must have 1 to %d bytes.",
							MAXPGPATH / 2);
		return false;
	}
	if (pgt_server_folder_named(*newval))
	{
		GUC_check_errdetail("This is the data directory, or in one of the server's own directories there.");
		GUC_check_errhint("Name a directory of its own, such as \"pg_trace\".");
		return false;
	}
	return true;
}

/* It becomes a part of a file name: nothing but letters, digits, _ and -. */
static bool
check_tracefile_identifier(char **newval, void **extra pg_attribute_unused(),
						   GucSource source pg_attribute_unused())
{
	if (strlen(*newval) >= NAMEDATALEN ||
		strspn(*newval, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789_-") != strlen(*newval))
	{
		GUC_check_errdetail("The identifier may have up to %d letters, digits, underscores and hyphens.",
							NAMEDATALEN - 1);
		return false;
	}
	return true;
}

/* Names that the views have for kinds of probes */
static bool
check_failing_probes(char **newval, void **extra pg_attribute_unused(),
					 GucSource source pg_attribute_unused())
{
	static const char *const names[] = {
		"watchpoint", "uprobe", "uprobe_shared", "perf_uprobe"
	};
	char	   *copy = pstrdup(*newval);
	List	   *list;
	ListCell   *cell;
	bool		valid = SplitGUCList(copy, ',', &list);

	foreach(cell, list)
	{
		bool		found = false;

		for (int i = 0; i < (int) lengthof(names); i++)
			found |= strcmp(lfirst(cell), names[i]) == 0;
		valid &= found;
	}
	list_free(list);
	pfree(copy);
	if (!valid)
		GUC_check_errdetail("The list may have watchpoint, uprobe, uprobe_shared and perf_uprobe.");
	return valid;
}

static bool
check_redact_names(char **newval, void **extra pg_attribute_unused(),
				   GucSource source pg_attribute_unused())
{
	PgtSecretNames names;
	const char *problem = pgt_secret_names_parse(*newval, &names);

	if (problem != NULL)
		GUC_check_errdetail("%s", problem);
	return problem == NULL;
}

static void
assign_redact_names(const char *newval, void *extra pg_attribute_unused())
{
	pgt_redact_set_names(newval);
}

static void
define_session_settings(void)
{
	DefineCustomBoolVariable("pg_trace.session",
							 "Traces this session.",
							 "Can be set for a role or database, too.",
							 &pgt_session, false,
							 PGC_SUSET, 0,
							 check_session, assign_session, NULL);
	DefineCustomBoolVariable("pg_trace.waits",
							 "New traces include waits.",
							 NULL,
							 &pgt_waits, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("pg_trace.binds",
							 "New traces include bind values.",
							 NULL,
							 &pgt_binds, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("pg_trace.cpu",
							 "New traces include the time that the process waits for a CPU, and CPU time within waits.",
							 NULL,
							 &pgt_cpu, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("pg_trace.plan_stat",
							 "Executions of a cursor for which new traces include plan statistics.",
							 NULL,
							 &pgt_plan_stat, PGT_PLAN_STAT_FIRST,
							 pgt_plan_stat_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("pg_trace.node_timing",
							 "How new traces measure the time of plan nodes.",
							 NULL,
							 &pgt_node_timing, PGT_NODE_TIMING_SAMPLED,
							 node_timing_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("pg_trace.node_waits",
							 "Waits name the plan node that was executing.",
							 NULL,
							 &pgt_node_waits, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trace.max_bind_length",
							"Longer bind values are cut.",
							NULL,
							&pgt_max_bind_length, 4096, 0, PGT_TEXT_MAX,
							PGC_SUSET, GUC_UNIT_BYTE, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trace.max_sql_length",
							"Longer SQL texts are cut.",
							NULL,
							&pgt_max_sql_length, 1024 * 1024, 1024,
							PGT_TEXT_MAX,
							PGC_SUSET, GUC_UNIT_BYTE, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trace.attach_timeout",
							"Longest time that a session waits until its waits are traced.",
							"Then it goes on, and its file says from when on they are; 0 doesn't wait.",
							&pgt_attach_timeout, 200, 0, 60000,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomEnumVariable("pg_trace.on_overflow",
							 "What a traced session does when its queue is full.",
							 NULL,
							 &pgt_on_overflow, PGT_OVERFLOW_WAIT,
							 on_overflow_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("pg_trace.tracefile_identifier",
							   "Suffix of the names of new trace files.",
							   NULL,
							   &pgt_tracefile_identifier, "",
							   PGC_USERSET, 0,
							   check_tracefile_identifier, NULL, NULL);
	DefineCustomStringVariable("pg_trace.redact_names",
							   "Names of what is kept out of traces.",
							   "The constants and binds of a statement with such a name are hidden; empty hides nothing.",
							   &redact_names, PGT_SECRET_NAMES_DEFAULT,
							   PGC_SUSET, GUC_LIST_INPUT,
							   check_redact_names, assign_redact_names, NULL);
}

/* Oracle's end-to-end identifiers; anyone may set them, and SET LOCAL. */
static void
define_context_settings(void)
{
	DefineCustomStringVariable("pg_trace.client_id",
							   "Identifies on whose behalf the session works.",
							   NULL,
							   &pgt_client_id, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("pg_trace.module",
							   "Identifies the part of the application that is at work.",
							   "If it is empty, application_name stands for it.",
							   &pgt_module, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("pg_trace.action",
							   "Identifies what the application does.",
							   NULL,
							   &pgt_action, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
}

static void
define_internal_setting(const char *name, const char *description,
						int *variable, GucIntAssignHook assign)
{
	DefineCustomIntVariable(name, description, NULL,
							variable, 0, 0, INT_MAX,
							PGC_USERSET,
							GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE |
							GUC_DISALLOW_IN_FILE,
							NULL, assign, NULL);
}

static void
define_internal_settings(void)
{
	define_internal_setting("pg_trace.leader_cursor",
							"Tells parallel workers the cursor that they work for.",
							&pgt_leader_cursor, assign_leader_cursor);
	define_internal_setting("pg_trace.leader_location",
							"Tells them where its text begins in the query string.",
							&pgt_leader_location, NULL);
	define_internal_setting("pg_trace.leader_length",
							"Tells them the length of its text.",
							&pgt_leader_length, NULL);
}

/* What limits the files, and thereby the disk */
static void
define_file_settings(void)
{
	DefineCustomStringVariable("pg_trace.output_directory",
							   "Directory of the trace files.",
							   "A relative name is relative to the data directory.",
							   &pgt_output_directory, "pg_trace",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_output_directory, NULL, NULL);
	DefineCustomIntVariable("pg_trace.max_file_size",
							"Largest size of one trace file; 0 is no limit.",
							NULL,
							&pgt_max_file_size, 1024, 0, INT_MAX / 2,
							PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trace.max_files_per_role",
							"Most trace files of traces that a role, not a superuser, began; 0 is no limit.",
							"Files that are in the directory count.",
							&pgt_max_files_per_role, 1000, 0, INT_MAX,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trace.max_total_size",
							"Largest size of all trace files together; 0 is no limit.",
							"The oldest ones that are complete are removed.",
							&pgt_max_total_size, 10 * 1024, 0, INT_MAX / 2,
							PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trace.retention",
							"Trace files are removed so long after they are complete; 0 is never.",
							NULL,
							&pgt_retention, 0, 0, INT_MAX / 60,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trace.min_free_space",
							"Nothing is traced while less space is free for the trace files or the data directory; 0 is no limit.",
							NULL,
							&pgt_min_free_space, 1024, 0, INT_MAX / 2,
							PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomEnumVariable("pg_trace.compression",
							 "How trace files that are complete are compressed.",
							 NULL,
							 &pgt_compression, PGT_COMPRESSION_OFF,
							 compression_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
}

static void
define_server_settings(void)
{
	DefineCustomBoolVariable("pg_trace.enabled",
							 "Allows sessions to be traced.",
							 "Turning it off ends all tracing and detaches every probe.",
							 &pgt_enabled, false,
							 PGC_SIGHUP, 0,
							 NULL, assign_recheck, NULL);
	DefineCustomEnumVariable("pg_trace.wait_probe",
							 "How waits are observed.",
							 NULL,
							 &pgt_wait_probe, PGT_WAIT_PROBE_AUTO,
							 wait_probe_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trace.max_sessions",
							"Most processes that can be traced at the same time.",
							NULL,
							&pgt_max_sessions, 64, 1, 4096,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trace.superuser_reserved_sessions",
							"How many of them are reserved for traces that superusers begin.",
							NULL,
							&pgt_superuser_reserved_sessions, 3, 0, 4096,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pg_trace.queue_size",
							"Size of each traced session's queue to the worker.",
							NULL,
							&pgt_queue_size, 1024,
							4 * PGT_RECORD_MAX / 1024, 1024 * 1024,
							PGC_POSTMASTER, GUC_UNIT_KB,
							check_power_of_two_kb, NULL, NULL);
	DefineCustomIntVariable("pg_trace.ring_buffer_size",
							"Size of the BPF ring buffer for wait events.",
							NULL,
							&pgt_ring_buffer_size, 16384, 64, 1024 * 1024,
							PGC_POSTMASTER, GUC_UNIT_KB,
							check_power_of_two_kb, NULL, NULL);
}

static void
define_developer_settings(void)
{
	DefineCustomStringVariable("pg_trace.debug_failing_probes",
							   "Kinds of probes whose self-test is to fail, for tests.",
							   "This is a developer option: a list of watchpoint, uprobe, uprobe_shared, perf_uprobe.",
							   &pgt_debug_failing_probes, "",
							   PGC_POSTMASTER,
							   GUC_LIST_INPUT | GUC_NOT_IN_SAMPLE |
							   GUC_NO_SHOW_ALL | GUC_SUPERUSER_ONLY,
							   check_failing_probes, NULL, NULL);
	DefineCustomIntVariable("pg_trace.debug_adaptive_time",
							"Time of a statement after which plan_stat = adaptive has STAT lines again, for tests.",
							"This is a developer option.",
							&pgt_debug_adaptive_time, 60000, 1, INT_MAX,
							PGC_POSTMASTER,
							GUC_UNIT_MS | GUC_NOT_IN_SAMPLE |
							GUC_NO_SHOW_ALL | GUC_SUPERUSER_ONLY,
							NULL, NULL, NULL);
}

/*
 * One at least is for all: a server isn't kept from starting by what its traces
 * are limited to.
 */
static void
limit_reserved_sessions(void)
{
	char		value[16];

	if (pgt_superuser_reserved_sessions < pgt_max_sessions)
		return;
	snprintf(value, sizeof(value), "%d", pgt_max_sessions - 1);
	ereport(LOG,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("pg_trace.superuser_reserved_sessions (%d) must be less than pg_trace.max_sessions (%d)",
					pgt_superuser_reserved_sessions, pgt_max_sessions),
			 errdetail("It is set to %s.", value)));
	SetConfigOption("pg_trace.superuser_reserved_sessions", value,
					PGC_POSTMASTER, PGC_S_OVERRIDE);
}

void
pgt_guc_define(void)
{
	define_session_settings();
	define_context_settings();
	define_internal_settings();
	define_server_settings();
	define_file_settings();
	define_developer_settings();
	limit_reserved_sessions();
	MarkGUCPrefixReserved("pg_trace");
}
