-- The functions that start and stop traces, and their errors
CREATE EXTENSION pg_trace_bgw;

-- What a command returns or reports, without what differs from run to run
CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    hint text;
BEGIN
    BEGIN
        EXECUTE command INTO result;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        result := SQLSTATE || ': ' || SQLERRM;
        IF hint <> '' THEN
            result := result || E'\nHINT: ' || hint;
        END IF;
    END;
    result := regexp_replace(result, '^/.*/pg_trace/pgsql_tmp_\d{8}/', '');
    result := regexp_replace(result, '\d{8}T\d{6}(_\d+)?', '<time>');
    RETURN regexp_replace(result, '\m' || pg_backend_pid() || '\M|(?<=_)' ||
        pg_backend_pid() || '(?=_)', '<pid>');
END
$$;

-- Nothing is traced unless that is enabled.
SELECT attempt('SELECT pg_trace_start_trace()');
SELECT attempt('SELECT pg_trace_session(pg_backend_pid())');
SELECT attempt('SELECT pg_trace_stop_trace()');
SET pg_trace.session = on;
SELECT count(*) FROM pg_trace_status;
RESET pg_trace.session;
SELECT state, sessions, max_sessions FROM pg_trace_worker;

-- A new session knows what the postmaster has read.
ALTER SYSTEM SET pg_trace.enabled = on;
SELECT pg_reload_conf();
\c
SHOW pg_trace.enabled;

-- The own session
SELECT attempt('SELECT pg_trace_start_trace()');
SELECT pid = pg_backend_pid() AS pid, leader_pid, backend_type, datname,
    usename = session_user AS usename,
    application_name = current_setting('application_name') AS application_name,
    state, started_at BETWEEN now() - interval '1 minute' AND clock_timestamp()
    AS started_at, waits, binds, plan_stat, probe IN ('uprobe', 'none') AS probe,
    bytes_written > 0 AS bytes_written, lost_events
FROM pg_trace_status;
-- once more: the same file
SELECT pg_trace_start_trace() = trace_file AS same FROM pg_trace_status;
SELECT pg_trace_session(pg_backend_pid()) = trace_file AS same
FROM pg_trace_status;
SELECT attempt('SELECT pg_trace_stop_trace()');
SELECT count(*) FROM pg_trace_status;
SELECT attempt('SELECT pg_trace_stop_trace()');
SELECT attempt('SELECT pg_trace_session(pg_backend_pid(), false)');

-- What it includes
SET pg_trace.tracefile_identifier = 'batch';
SELECT attempt('SELECT pg_trace_session(pg_backend_pid(), true, false, false, ''never'')');
SELECT waits, binds, plan_stat, probe, trace_file ~ '_batch\.trc$' AS name
FROM pg_trace_status;
SELECT attempt('SELECT pg_trace_session(pg_backend_pid(), false)');
RESET pg_trace.tracefile_identifier;
SET pg_trace.waits = off;
SET pg_trace.plan_stat = 'all_executions';
SELECT attempt('SELECT pg_trace_session(pg_backend_pid(), waits => NULL, binds => false)');
SELECT waits, binds, plan_stat FROM pg_trace_status;
SELECT attempt('SELECT pg_trace_stop_trace()');
RESET pg_trace.waits;
RESET pg_trace.plan_stat;
SELECT attempt('SELECT pg_trace_session(pg_backend_pid(), plan_stat => ''Never'')');
SELECT attempt('SELECT pg_trace_stop_trace()');

-- What it includes while it runs
SELECT attempt('SELECT pg_trace_session(pg_backend_pid())');
SELECT attempt('SELECT pg_trace_session(pg_backend_pid(), binds => false)');
SELECT waits, binds, plan_stat FROM pg_trace_status;
SELECT attempt('SELECT pg_trace_session(pg_backend_pid(), waits => true, binds => NULL, plan_stat => ''never'')');
SELECT waits, binds, plan_stat FROM pg_trace_status;
SELECT attempt('SELECT pg_trace_session(pg_backend_pid(), waits => false, binds => true)');
SELECT attempt('SELECT pg_trace_start_trace()');
SELECT waits, binds, plan_stat FROM pg_trace_status;
SELECT attempt('SELECT pg_trace_stop_trace()');

-- By the setting; the trace begins and ends with the next statement.
SET pg_trace.session = on;
SELECT pid = pg_backend_pid() AS own, state FROM pg_trace_status;
SET pg_trace.session = off;
SELECT count(*) FROM pg_trace_status;

-- Processes that aren't clients
SELECT attempt(format('SELECT pg_trace_session(%s) LIKE ''%%/pg_trace_%s\_%%''', pid, pid))
FROM pg_stat_activity WHERE backend_type = 'checkpointer';
SELECT backend_type, datname, usename, application_name, state
FROM pg_trace_status;
SELECT attempt(format('SELECT pg_trace_session(%s, false) IS NOT NULL', pid))
FROM pg_stat_activity WHERE backend_type = 'checkpointer';

-- Errors
SELECT attempt('SELECT pg_trace_session(NULL)');
SELECT attempt('SELECT pg_trace_session(pg_backend_pid(), NULL)');
SELECT attempt('SELECT pg_trace_session(0)');
SELECT attempt('SELECT pg_trace_session(-1)');
SELECT attempt('SELECT pg_trace_session(2147483647)');
SELECT attempt('SELECT pg_trace_session(2147483647, false)');
SELECT attempt('SELECT pg_trace_session(pg_backend_pid(), plan_stat => ''sometimes'')');
SELECT attempt('SELECT pg_trace_session(pg_backend_pid(), plan_stat => '''')');
SELECT attempt('SELECT pg_trace_session(pid) FROM pg_trace_worker');
SELECT attempt('SELECT pg_trace_session(pid, false) FROM pg_trace_worker');
SELECT count(*) FROM pg_trace_status;

DROP FUNCTION attempt;
DROP EXTENSION pg_trace_bgw;
