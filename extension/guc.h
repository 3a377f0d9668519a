/*
 * guc.h
 *		The settings pg_trace.*
 */
#ifndef PGT_GUC_H
#define PGT_GUC_H

#include "utils/guc.h"

typedef enum PgtPlanStat
{
	PGT_PLAN_STAT_NEVER,
	PGT_PLAN_STAT_FIRST,
	PGT_PLAN_STAT_ADAPTIVE,		/* again after each minute of its time */
	PGT_PLAN_STAT_ALL
} PgtPlanStat;

typedef enum PgtNodeTiming
{
	PGT_NODE_TIMING_OFF,
	PGT_NODE_TIMING_SAMPLED,
	PGT_NODE_TIMING_EXACT
} PgtNodeTiming;

typedef enum PgtOverflow
{
	PGT_OVERFLOW_WAIT,
	PGT_OVERFLOW_DISCARD
} PgtOverflow;

typedef enum PgtWaitProbe
{
	PGT_WAIT_PROBE_AUTO,
	PGT_WAIT_PROBE_UPROBE,
	PGT_WAIT_PROBE_WATCHPOINT,
	PGT_WAIT_PROBE_OFF,
	/* one kind of uprobes whatever the number of sessions; for tests */
	PGT_WAIT_PROBE_UPROBE_PROCESS,
	PGT_WAIT_PROBE_UPROBE_SHARED,
	PGT_WAIT_PROBE_PERF_UPROBE
} PgtWaitProbe;

typedef enum PgtCompression
{
	PGT_COMPRESSION_OFF,
	PGT_COMPRESSION_ZSTD
} PgtCompression;

extern bool pgt_enabled;
extern bool pgt_session;
extern Oid	pgt_session_owner;	/* who has set it; InvalidOid: a superuser */
extern bool pgt_waits;
extern bool pgt_binds;
extern bool pgt_cpu;
extern int	pgt_plan_stat;
extern int	pgt_node_timing;
extern bool pgt_node_waits;
extern int	pgt_max_bind_length;	/* bytes */
extern int	pgt_max_sql_length; /* bytes */
extern int	pgt_attach_timeout; /* ms */
extern int	pgt_on_overflow;
extern int	pgt_wait_probe;
extern int	pgt_queue_size;		/* kB */
extern int	pgt_ring_buffer_size;	/* kB */
extern int	pgt_max_sessions;
extern int	pgt_superuser_reserved_sessions;
extern int	pgt_max_file_size;	/* MB */
extern int	pgt_max_files_per_role; /* 0 is no limit */
extern int	pgt_max_total_size; /* MB; 0 is no limit */
extern int	pgt_retention;		/* minutes; 0 is no limit */
extern int	pgt_min_free_space; /* MB; 0: it doesn't matter */
extern int	pgt_compression;
extern char *pgt_output_directory;
extern char *pgt_debug_failing_probes;	/* list of kinds of probes */
extern int	pgt_debug_adaptive_time;	/* in ms */
extern char *pgt_tracefile_identifier;
extern int	pgt_leader_cursor;
extern int	pgt_leader_location;
extern int	pgt_leader_length;
extern char *pgt_client_id;
extern char *pgt_module;
extern char *pgt_action;

/*
 * Make what begins with pg_trace.leader_ travel to parallel workers, as settings
 * that have never been set don't.
 */
extern void pgt_guc_pass_to_workers(void);

/* The values of pg_trace.plan_stat, with their names */
extern const struct config_enum_entry pgt_plan_stat_options[];

/*
 * The name of a plan_stat value, and the value of a name (-1 if there is no
 * such name).
 */
extern const char *pgt_plan_stat_name(int plan_stat);
extern int	pgt_plan_stat_parse(const char *name);

#endif							/* PGT_GUC_H */
