-- Who may trace what: sessions of other roles are made by dblink.
CREATE EXTENSION pg_trace_bgw;
CREATE EXTENSION dblink;

CREATE ROLE regress_trace_nobody LOGIN;
CREATE ROLE regress_trace_monitor LOGIN IN ROLE pg_monitor;
CREATE ROLE regress_trace_app LOGIN;
CREATE ROLE regress_trace_other LOGIN;
CREATE ROLE regress_trace_dba LOGIN IN ROLE regress_trace_app;
CREATE ROLE regress_trace_super LOGIN SUPERUSER;

-- Connect as a role; returns the pid of its session.
CREATE FUNCTION connect_as(name text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    pid int;
BEGIN
    PERFORM dblink_connect(name, format('host=%s port=%s dbname=%s user=%s',
        split_part(current_setting('unix_socket_directories'), ',', 1),
        current_setting('port'), current_database(), name));
    SELECT p INTO pid FROM dblink(name, 'SELECT pg_backend_pid()') AS (p int);
    RETURN pid;
END
$$;

SELECT connect_as('regress_trace_app') AS app,
    connect_as('regress_trace_other') AS other,
    connect_as('regress_trace_super') AS super,
    pg_backend_pid() AS own
\gset
SELECT pid AS walwriter FROM pg_stat_activity WHERE backend_type = 'walwriter'
\gset

-- By default nobody but superusers may do anything, pg_monitor may look.
SET ROLE regress_trace_nobody;
SELECT pg_trace_session(:own);
SELECT pg_trace_start_trace();
SELECT pg_trace_stop_trace();
SELECT * FROM pg_trace_status;
SELECT * FROM pg_trace_worker;
SELECT * FROM pg_trace_status();
SELECT * FROM pg_trace_worker();
SET ROLE regress_trace_monitor;
SELECT pg_trace_session(:own);
SELECT pg_trace_start_trace();
SELECT pg_trace_stop_trace();
SELECT count(*) FROM pg_trace_status;
SELECT count(*) FROM pg_trace_worker;
RESET ROLE;

-- A superuser may trace all.
SELECT pg_trace_session(:app) IS NOT NULL AS app,
    pg_trace_session(:other) IS NOT NULL AS other,
    pg_trace_session(:super) IS NOT NULL AS super,
    pg_trace_session(:walwriter) IS NOT NULL AS walwriter;
SELECT usename FROM pg_trace_status ORDER BY usename COLLATE "C";

-- Who is granted the function may trace processes of roles that it is in.
GRANT EXECUTE ON FUNCTION pg_trace_session TO regress_trace_dba;
SET ROLE regress_trace_dba;
-- It is a superuser's trace: they are told its file, but can't change or end it.
SELECT pg_trace_session(:app) IS NOT NULL AS app;
SELECT pg_trace_session(:app, binds => false);
SELECT pg_trace_session(:app, false);
RESET ROLE;
SELECT pg_trace_session(:app, false) IS NOT NULL AS app;
SET ROLE regress_trace_dba;
-- Theirs is their own.
SELECT pg_trace_session(:app) ~ '\.\d+\.trc$' AS app;
SELECT pg_trace_session(:app, binds => false) IS NOT NULL AS app;
SELECT pg_trace_session(:app, false) IS NOT NULL AS app;
SELECT pg_trace_session(:other);
SELECT pg_trace_session(:other, false);
SELECT pg_trace_session(:super);
SELECT pg_trace_session(:super, false);
SELECT pg_trace_session(:walwriter);
SELECT pg_trace_session(:walwriter, false);
-- SET ROLE makes the process no less a superuser's.
SELECT pg_trace_session(:own);
RESET ROLE;

-- Of others' sessions the view shows no more than pg_stat_activity does.
GRANT SELECT ON pg_trace_status TO regress_trace_dba;
GRANT EXECUTE ON FUNCTION pg_trace_status TO regress_trace_dba;
SELECT pg_trace_session(:app) IS NOT NULL AS app;
SET ROLE regress_trace_dba;
SELECT usename, datname IS NOT NULL AS datname, state, started_at IS NOT NULL AS started_at,
    waits, trace_file IS NOT NULL AS trace_file, sql_events IS NOT NULL AS sql_events
FROM pg_trace_status ORDER BY usename COLLATE "C";
RESET ROLE;

SELECT pg_trace_session(:app, false) IS NOT NULL AS app,
    pg_trace_session(:other, false) IS NOT NULL AS other,
    pg_trace_session(:super, false) IS NOT NULL AS super,
    pg_trace_session(:walwriter, false) IS NOT NULL AS walwriter;

-- The own session, if that is granted
GRANT EXECUTE ON FUNCTION pg_trace_start_trace, pg_trace_stop_trace
    TO regress_trace_other;
SELECT * FROM dblink('regress_trace_other',
    'SELECT pg_trace_start_trace() IS NOT NULL') AS d (started bool);
SELECT * FROM dblink('regress_trace_other',
    'SELECT pg_trace_stop_trace() IS NOT NULL') AS d (stopped bool);

-- The setting can't be used in their place, unless a superuser gives it.
SELECT dblink_exec('regress_trace_app', 'SET pg_trace.session = on');
SELECT dblink_disconnect('regress_trace_app');
ALTER ROLE regress_trace_app SET pg_trace.session = on;
SELECT connect_as('regress_trace_app') AS app \gset
SELECT pid = :app AS app, usename, state FROM pg_trace_status;
-- What a superuser's setting began, the session can't end.
GRANT EXECUTE ON FUNCTION pg_trace_stop_trace TO regress_trace_app;
SELECT * FROM dblink('regress_trace_app',
    'SELECT pg_trace_stop_trace() IS NOT NULL') AS d (stopped bool);
SELECT dblink_exec('regress_trace_app', 'SET pg_trace.session = off');

-- Files: who was granted it sees and removes those of traces that its roles began.
SET ROLE regress_trace_nobody;
SELECT * FROM pg_trace_files;
SELECT * FROM pg_trace_files();
SELECT pg_trace_remove('x');
SET ROLE regress_trace_monitor;
SELECT owner, usename, state FROM pg_trace_files
WHERE usename LIKE 'regress\_trace\_%'
GROUP BY owner, usename, state
ORDER BY owner COLLATE "C", usename COLLATE "C", state COLLATE "C";
SELECT pg_trace_remove('x');
RESET ROLE;
SELECT name AS super_file FROM pg_trace_files
WHERE owner IS NULL AND state = 'closed' LIMIT 1 \gset
SELECT name AS other_file FROM pg_trace_files
WHERE owner = 'regress_trace_other' LIMIT 1 \gset
GRANT SELECT ON pg_trace_files TO regress_trace_dba;
GRANT EXECUTE ON FUNCTION pg_trace_files, pg_trace_remove TO regress_trace_dba;
SET ROLE regress_trace_dba;
SELECT owner, usename, datname = current_database() AS datname, state,
    started_at <= ended_at AS times, bytes > 1000 AS bytes
FROM pg_trace_files;
SELECT pg_trace_remove(:'super_file');
SELECT pg_trace_remove(:'other_file');
SELECT pg_trace_remove(name) > 1000 AS removed FROM pg_trace_files;
SELECT count(*) FROM pg_trace_files;
RESET ROLE;
SELECT pg_trace_remove(:'other_file') > 1000 AS other,
    pg_trace_remove(current_setting('data_directory') || '/pg_trace/' ||
        :'super_file') > 1000 AS super;
-- Nothing else can be removed.
SELECT pg_trace_remove('');
SELECT pg_trace_remove('postgresql.conf');
SELECT pg_trace_remove('pg_trace_1_20260101T000000.trc');
SELECT pg_trace_remove('/etc/passwd');
SELECT pg_trace_remove('../pgsql_tmp_20260101/pg_trace_1_20260101T000000.trc');
SELECT pg_trace_remove('pgsql_tmp_20260101/../pg_trace_1_20260101T000000.trc');
SELECT pg_trace_remove('pgsql_tmp_20260101/pg_trace_1_20260101T000000.trc/');
SELECT pg_trace_remove('/tmp/pgsql_tmp_20260101/pg_trace_1_20260101T000000.trc');
SELECT pg_trace_remove('pgsql_tmp_20260101/pg_trace_1_20260101T000000.trc');
SELECT pg_trace_remove(NULL);

SELECT dblink_disconnect('regress_trace_app');
SELECT dblink_disconnect('regress_trace_other');
SELECT dblink_disconnect('regress_trace_super');
DROP FUNCTION connect_as;
DROP EXTENSION dblink;
DROP EXTENSION pg_trace_bgw;
DROP ROLE regress_trace_nobody, regress_trace_monitor, regress_trace_app,
    regress_trace_other, regress_trace_dba, regress_trace_super;
