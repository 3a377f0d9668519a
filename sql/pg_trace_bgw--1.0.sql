/* sql/pg_trace_bgw--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pg_trace_bgw" to load this file. \quit

CREATE FUNCTION pg_trace_session(
    pid int,
    enable bool DEFAULT true,
    waits bool DEFAULT NULL,
    binds bool DEFAULT NULL,
    plan_stat text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'pg_trace_session'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED;

COMMENT ON FUNCTION pg_trace_session(int, bool, bool, bool, text) IS
    'start or stop tracing a server process; returns its trace file';

CREATE FUNCTION pg_trace_start_trace()
RETURNS text
AS 'MODULE_PATHNAME', 'pg_trace_start_trace'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION pg_trace_start_trace() IS
    'start tracing this session; returns its trace file';

CREATE FUNCTION pg_trace_stop_trace()
RETURNS text
AS 'MODULE_PATHNAME', 'pg_trace_stop_trace'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION pg_trace_stop_trace() IS
    'stop tracing this session; returns its trace file';

CREATE FUNCTION pg_trace_status(
    OUT pid int,
    OUT leader_pid int,
    OUT backend_type text,
    OUT datname text,
    OUT usename text,
    OUT application_name text,
    OUT state text,
    OUT started_at timestamptz,
    OUT waits bool,
    OUT binds bool,
    OUT plan_stat text,
    OUT probe text,
    OUT trace_file text,
    OUT bytes_written bigint,
    OUT sql_events bigint,
    OUT wait_events bigint,
    OUT lost_events bigint,
    OUT tracer_wait_ms double precision,
    OUT last_error text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_trace_status'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

CREATE FUNCTION pg_trace_worker(
    OUT pid int,
    OUT state text,
    OUT capabilities text,
    OUT probe text,
    OUT probe_sites int,
    OUT expensive_sites int,
    OUT kernel text,
    OUT libbpf text,
    OUT ring_buffer_size bigint,
    OUT ring_buffer_max_used bigint,
    OUT probe_hits bigint,
    OUT drained_events bigint,
    OUT lost_events bigint,
    OUT sessions int,
    OUT max_sessions int,
    OUT unusable_probes text,
    OUT last_error text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_trace_worker'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

CREATE FUNCTION pg_trace_files(
    OUT name text,
    OUT pid int,
    OUT started_at timestamptz,
    OUT ended_at timestamptz,
    OUT bytes bigint,
    OUT state text,
    OUT owner text,
    OUT datname text,
    OUT usename text,
    OUT application_name text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_trace_files'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

CREATE FUNCTION pg_trace_remove(file text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'pg_trace_remove'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION pg_trace_remove(text) IS
    'remove a trace file that is complete; returns its size';

CREATE VIEW pg_trace_status AS
    SELECT * FROM pg_trace_status();

COMMENT ON VIEW pg_trace_status IS 'one row per traced process';

CREATE VIEW pg_trace_worker AS
    SELECT * FROM pg_trace_worker();

COMMENT ON VIEW pg_trace_worker IS
    'the background worker that observes waits and writes trace files';

CREATE VIEW pg_trace_files AS
    SELECT * FROM pg_trace_files();

COMMENT ON VIEW pg_trace_files IS 'the trace files that there are';

REVOKE ALL ON FUNCTION
    pg_trace_session(int, bool, bool, bool, text),
    pg_trace_start_trace(),
    pg_trace_stop_trace(),
    pg_trace_status(),
    pg_trace_worker(),
    pg_trace_files(),
    pg_trace_remove(text)
FROM PUBLIC;

REVOKE ALL ON pg_trace_status, pg_trace_worker, pg_trace_files FROM PUBLIC;

GRANT EXECUTE ON FUNCTION pg_trace_status(), pg_trace_worker(),
    pg_trace_files() TO pg_monitor;
GRANT SELECT ON pg_trace_status, pg_trace_worker, pg_trace_files
    TO pg_monitor;
